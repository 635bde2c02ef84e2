//! rules/50-privilege.yaml

use saker_tests_live::case::Case;

use crate::run;

const CASES: &[Case] = &[
    Case {
        rule: "Process attached to another with ptrace",
        // ptrace is system call 101, PTRACE_ATTACH 16; the child dies with its tracer's SIGKILL.
        script: "perl - <<'END'\n\
            my $child = fork // die;\n\
            if (!$child) { sleep 60; exit }\n\
            syscall(101, 16, $child, 0, 0) == 0 or die \"ptrace: $!\";\n\
            kill 'KILL', $child;\n\
            waitpid $child, 0;\nEND",
        fields: &[("evt.arg.request", "PTRACE_ATTACH"), ("proc.name", "perl")],
    },
    Case {
        rule: "Set-user-id bit set",
        script: ": > $LAB/suid; chmod 4755 $LAB/suid",
        fields: &[
            ("proc.cmdline", "chmod 4755 $LAB/suid"),
            ("user.name", "root"),
        ],
    },
    Case {
        rule: "Kernel module loaded or removed by hand",
        // init_module is system call 175; every kernel refuses what is no ELF file.
        script: "perl -e 'my ($junk, $none) = (\"junk\", \"\"); \
                 syscall(175, $junk, 4, $none) == -1 or die'",
        fields: &[("evt.type", "init_module"), ("proc.name", "perl")],
    },
    Case {
        rule: "Namespace entered by an unusual program",
        script: "nsenter --target $$ --uts true",
        fields: &[
            ("proc.name", "nsenter"),
            ("proc.exepath", "/usr/bin/nsenter"),
        ],
    },
    Case {
        rule: "User namespace created by an unusual program",
        script: "unshare --user true",
        fields: &[
            ("evt.type", "unshare"),
            ("proc.cmdline", "unshare --user true"),
        ],
    },
    Case {
        rule: "Kernel hook for a program path changed",
        script: "echo /evil > $LAB/release_agent",
        fields: &[("fd.name", "$LAB/release_agent"), ("proc.name", "sh")],
    },
    Case {
        rule: "Mount over a sensitive file or over a process",
        script: ": > $LAB/fake; unshare -m mount --bind $LAB/fake /etc/shadow",
        fields: &[("evt.arg.dir", "/etc/shadow"), ("proc.name", "mount")],
    },
    Case {
        rule: "BPF program loaded by an unusual program",
        // bpf is system call 321, BPF_PROG_LOAD 5: a socket filter of `r0 = 0; exit`.
        script: "perl - <<'END'\n\
            my $code = pack 'H*', 'b700000000000000' . '9500000000000000';\n\
            my $licence = \"GPL\\0\";\n\
            my $address = sub { unpack 'Q', pack 'P', $_[0] };\n\
            my $attr = pack 'LLQQLLQLL', 1, 2, $address->($code), $address->($licence),\n\
                0, 0, 0, 0, 0;\n\
            syscall(321, 5, $attr, length $attr) >= 0 or die \"bpf: $!\";\nEND",
        fields: &[("proc.name", "perl"), ("proc.exepath", "/usr/bin/perl")],
    },
];

#[test]
fn privilege() {
    run(CASES, |_| {});
}
