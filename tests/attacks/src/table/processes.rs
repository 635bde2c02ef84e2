//! Who starts what, and what processes ask of the kernel.

use crate::attack::{Attack, Place};
use crate::compare::ANY;

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    Attack::host(
        "Run shell untrusted",
        "$LAB/httpd spawn /bin/bash -c 'id > /dev/null; true'",
        "$LAB/consul spawn /bin/sh -c 'kill -0 $$'; $LAB/httpd spawn /bin/true",
    )
    .fields(&[
        ("proc.pexe", "$LAB/httpd"),
        ("proc.pexepath", "$LAB/httpd"),
        (
            "proc.pcmdline",
            "httpd spawn /bin/bash -c id > /dev/null; true",
        ),
        ("proc.pname", "httpd"),
        ("proc.cmdline", "bash -c id > /dev/null; true"),
    ])
    .also(&[
        "Web Server Spawned Shell",
        "Web Server Spawned Suspicious Child Process",
    ])
    .reference("shell_from_httpd"),
    Attack::host(
        "System user interactive",
        "$LAB/sshd spawn $LAB/lab_untrusted as 1 $LAB/lab_untrusted noop",
        "$LAB/lab_untrusted as 1 $LAB/lab_untrusted noop",
    )
    .fields(&[
        ("user.name", "daemon"),
        ("user.uid", "1"),
        ("proc.pname", "sshd"),
        ("proc.cmdline", "lab_untrusted noop"),
        ("evt.arg.flags", "0"),
    ]),
    Attack::host(
        "PTRACE attached to process",
        "$LAB/lab_untrusted attach",
        "$LAB/lab_untrusted peek",
    )
    .fields(&[
        ("evt.type", "ptrace"),
        ("proc.cmdline", "lab_untrusted attach"),
    ])
    .reference("ptrace_attach"),
    Attack::host(
        "PTRACE anti-debug attempt",
        "$LAB/lab_untrusted traceme",
        "$LAB/lab_untrusted noop traceme",
    )
    .fields(&[
        ("evt.type", "ptrace"),
        ("proc.cmdline", "lab_untrusted traceme"),
    ]),
    Attack::host(
        "Execution from /dev/shm",
        "sh -c 'cp /bin/true /dev/shm/lab_true; /dev/shm/lab_true arg1; rm -f /dev/shm/lab_true'",
        "sh -c 'cp /bin/true /dev/shm/lab_tree; rm -f /dev/shm/lab_tree'",
    )
    .fields(&[
        ("fd.name", "<NA>"),
        (
            "proc.pcmdline",
            "sh -c cp /bin/true /dev/shm/lab_true; /dev/shm/lab_true arg1; rm -f /dev/shm/lab_true",
        ),
        ("proc.cmdline", "lab_true arg1"),
        ("proc.exepath", "/dev/shm/lab_true"),
    ])
    .reference("exec_dev_shm"),
    Attack::host(
        "Fileless execution via memfd_create",
        "$LAB/lab_untrusted memory /bin/true",
        "$LAB/lab_untrusted spawn /bin/true",
    )
    .fields(&[
        ("container.start_ts", ANY),
        ("proc.sname", "sh"),
        ("proc.exepath", "memfd:evil"),
        ("proc.cmdline", "memfd:evil x"),
        ("evt.arg.flags", "EXE_WRITABLE|EXE_FROM_MEMFD"),
    ])
    // What has no path is called by its descriptor there.
    .older(&[("proc.cmdline", "* x"), ("proc.name", ANY)])
    .reference("memfd_exec"),
    Attack::host(
        "DB program spawned process",
        "$LAB/mysqld spawn /bin/true",
        "$LAB/mysqld spawn $LAB/sqlplus noop",
    )
    .fields(&[("proc.pname", "mysqld"), ("proc.cmdline", "true")]),
    Attack::host(
        "Change thread namespace",
        "$LAB/lab_untrusted setns /proc/self/ns/uts",
        "nsenter --uts=/proc/self/ns/uts true",
    )
    .fields(&[
        ("evt.type", "setns"),
        ("proc.cmdline", "lab_untrusted setns /proc/self/ns/uts"),
    ]),
    Attack::host(
        "Non sudo setuid",
        "$LAB/lab_untrusted as 1 $LAB/lab_untrusted setuid 1",
        "$LAB/lab_untrusted as 65534 $LAB/lab_untrusted setuid 65534",
    )
    .fields(&[
        ("evt.arg.uid", "daemon"),
        ("evt.type", "setuid"),
        ("user.name", "daemon"),
        ("user.uid", "1"),
        ("proc.cmdline", "lab_untrusted setuid 1"),
    ]),
    Attack::host(
        "Unprivileged Delegation of Page Faults Handling to a Userspace Process",
        "$LAB/lab_untrusted as 1 $LAB/lab_untrusted userfaultfd",
        "$LAB/lab_untrusted userfaultfd",
    )
    .fields(&[
        ("evt.type", "userfaultfd"),
        ("user.name", "daemon"),
        ("user.uid", "1"),
        ("proc.cmdline", "lab_untrusted userfaultfd"),
    ]),
    Attack::host("User mgmt binaries", "$LAB/vigr noop", "$LAB/passwd -S")
        .fields(&[("proc.cmdline", "vigr noop")]),
    Attack::host(
        "BPF Program Not Profiled",
        "$LAB/lab_untrusted bpf 5",
        // Another command, another program.
        "$LAB/lab_untrusted bpf 0; $LAB/bpftool bpf 5",
    )
    .fields(&[
        ("evt.arg.cmd", "BPF_PROG_LOAD"),
        ("evt.type", "bpf"),
        ("proc.cmdline", "lab_untrusted bpf 5"),
    ]),
    Attack::host(
        "Program run with disallowed http proxy env",
        "HTTP_PROXY=proxy $LAB/wget noop",
        "NO_PROXY=proxy $LAB/wget noop",
    )
    .fields(&[("proc.env", ANY), ("proc.cmdline", "wget noop")]),
    Attack::host(
        "Potential Local Privilege Escalation via Environment Variables Misuse",
        "GLIBC_TUNABLES=a=b $LAB/lab_untrusted noop",
        "GLIBC_TUNING=a=b $LAB/lab_untrusted noop",
    )
    .fields(&[("proc.env", ANY), ("proc.cmdline", "lab_untrusted noop")]),
    Attack::host(
        "Sudo Potential Privilege Escalation",
        "$LAB/sudo -s 'a\\ b'",
        "$LAB/sudo -s 'a b'",
    )
    .fields(&[("proc.cmdline", "sudo -s a\\ b")]),
    Attack::host(
        "Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)",
        "$LAB/pkexec",
        "$LAB/pkexec noop",
    )
    .fields(&[("proc.args", ""), ("proc.cmdline", "pkexec")]),
    Attack::host(
        "Basic Interactive Reconnaissance",
        "script --quiet --return --command 'exec whoami' /dev/null",
        "whoami; script --quiet --return --command 'exec true' /dev/null",
    )
    .fields(&[
        ("proc.pname", "script"),
        ("proc.tty", ANY),
        ("proc.cmdline", "whoami"),
    ]),
    Attack::host(
        "Web Server Spawned Shell",
        "$LAB/php-fpm spawn /bin/sh -c :",
        "$LAB/php-fpm spawn /bin/sh -c '/usr/bin/true'",
    )
    .fields(&[
        ("proc.pname", "php-fpm"),
        ("proc.cmdline", "sh -c :"),
        ("proc.exepath", "/usr/bin/dash"),
    ]),
    Attack::host(
        "Web Server Spawned Suspicious Child Process",
        "$LAB/php-fpm spawn $LAB/curl noop",
        "$LAB/php-fpm spawn $LAB/curl noop status",
    )
    .fields(&[("proc.pname", "php-fpm"), ("proc.cmdline", "curl noop")]),
    Attack::host(
        "Reverse Shell from Web Server",
        "$LAB/gunicorn spawn $LAB/lab_untrusted noop bash -i",
        "$LAB/lab_untrusted spawn $LAB/lab_untrusted noop bash -i",
    )
    .fields(&[
        ("proc.pname", "gunicorn"),
        ("proc.cmdline", "lab_untrusted noop bash -i"),
    ]),
    Attack::new(
        "Launch Suspicious Network Tool on Host",
        Place::Host,
        "$LAB/nmap noop",
        "$LAB/lab_untrusted noop nmap",
    )
    .fields(&[("proc.cmdline", "nmap noop")]),
    Attack::host(
        "Netcat/Socat Remote Code Execution on Host",
        "$LAB/nc noop -e",
        "$LAB/lab_untrusted noop -e",
    )
    .fields(&[("proc.cmdline", "nc noop -e")])
    .also(&["Launch Suspicious Network Tool on Host"]),
];
