//! Files that are read, linked and cleared.

use crate::attack::{Attack, Place};
use crate::compare::{ANY, REAL_PATH};

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    Attack::host(
        "Directory traversal monitored file read",
        // The rule leaves out children of shells.
        "$LAB/lab_untrusted spawn $LAB/lab_untrusted readfile /etc/../etc/../etc/shadow",
        "$LAB/lab_untrusted spawn $LAB/lab_untrusted readfile /etc/../etc/hostname",
    )
    .fields(&[
        ("fd.name", "/etc/shadow"),
        ("fd.nameraw", "/etc/../etc/../etc/shadow"),
        ("evt.type", "openat"),
        ("proc.pname", "lab_untrusted"),
        (
            "proc.cmdline",
            "lab_untrusted readfile /etc/../etc/../etc/shadow",
        ),
    ])
    .also(&["Read sensitive file untrusted"])
    .reference("shadow_traversal"),
    Attack::host(
        "Read sensitive file trusted after startup",
        "$LAB/nginx lateread /etc/shadow",
        "$LAB/sshd lateread /etc/shadow",
    )
    .fields(&[
        ("fd.name", "/etc/shadow"),
        ("evt.type", "openat"),
        ("proc.cmdline", "nginx lateread /etc/shadow"),
    ])
    .also(&["Read sensitive file untrusted"])
    .reference("trusted_after_startup"),
    Attack::host(
        "Read sensitive file untrusted",
        "cat /etc/shadow > /dev/null",
        "bash -c 'read x < /etc/shadow'; cat /etc/passwd > /dev/null",
    )
    .fields(&[
        ("fd.name", "/etc/shadow"),
        ("evt.type", "openat"),
        ("proc.cmdline", "cat /etc/shadow"),
    ])
    .reference("shadow_cat"),
    Attack::host(
        "Read sensitive file untrusted",
        "$LAB/lab_untrusted readfile /etc/shadow",
        "$LAB/lab_untrusted as 65534 $LAB/lab_untrusted readfile /etc/shadow || :",
    )
    .fields(&[
        ("fd.name", "/etc/shadow"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted readfile /etc/shadow"),
    ])
    .reference("shadow_untrusted_openat"),
    Attack::host(
        "Read sensitive file untrusted",
        "$LAB/lab_untrusted openrel /etc shadow",
        "$LAB/lab_untrusted openrel /etc passwd",
    )
    .fields(&[
        ("fd.name", "/etc/shadow"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted openrel /etc shadow"),
    ])
    .reference("shadow_untrusted_dirfd"),
    Attack::host(
        "Clear Log Activities",
        "echo text >> $LAB/mysqld.log; $LAB/lab_untrusted truncfile $LAB/mysqld.log",
        "echo text >> $LAB/mysqld.text; $LAB/lab_untrusted truncfile $LAB/mysqld.text",
    )
    .fields(&[
        ("fd.name", "$LAB/mysqld.log"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted truncfile $LAB/mysqld.log"),
    ])
    .reference("clear_log"),
    Attack::host(
        "Create Symlink Over Sensitive Files",
        "ln -sf /etc/shadow $LAB/sl_shadow",
        "ln -sf /etc/shells $LAB/sl_shells",
    )
    .fields(&[
        ("evt.arg.target", "/etc/shadow"),
        ("evt.arg.linkpath", "$LAB/sl_shadow"),
        ("evt.type", "symlinkat"),
        ("proc.cmdline", "ln -sf /etc/shadow $LAB/sl_shadow"),
    ])
    .reference("symlink_shadow"),
    Attack::host(
        "Create Hardlink Over Sensitive Files",
        "ln /etc/shadow $LAB/hl_shadow; rm $LAB/hl_shadow",
        "ln $LAB/lab_untrusted $LAB/shadow; rm $LAB/shadow",
    )
    .fields(&[
        ("evt.arg.oldpath", "/etc/shadow"),
        ("evt.arg.newpath", "$LAB/hl_shadow"),
        ("evt.type", "linkat"),
        ("proc.cmdline", "ln /etc/shadow $LAB/hl_shadow"),
    ])
    .reference("hardlink_shadow"),
    Attack::host(
        "Remove Bulk Data from Disk",
        "echo text > $LAB/data; shred $LAB/data",
        "echo text > $LAB/data; rm $LAB/data",
    )
    .fields(&[("fd.name", "<NA>"), ("proc.cmdline", "shred $LAB/data")]),
    Attack::host(
        "Delete or rename shell history",
        "echo text >> $LAB/.bash_history; rm $LAB/.bash_history",
        "echo text >> $LAB/history; rm $LAB/history",
    )
    .fields(&[
        ("fd.name", ""),
        ("evt.arg.name", "$LAB/.bash_history"),
        ("evt.arg.path", "<NA>"),
        ("evt.arg.oldpath", "<NA>"),
        ("evt.type", "unlinkat"),
        ("proc.cmdline", "rm $LAB/.bash_history"),
    ])
    .also(&["Create Hidden Files or Directories"]),
    Attack::host(
        "Create Hidden Files or Directories",
        "mkdir $LAB/.hidden",
        "mkdir $LAB/shown",
    )
    .fields(&[
        ("fd.name", "<NA>"),
        ("evt.arg.newpath", "<NA>"),
        ("evt.type", "mkdir"),
        ("proc.cmdline", "mkdir $LAB/.hidden"),
    ]),
    Attack::host(
        "Read Shell Configuration File",
        "cat /etc/profile > /dev/null",
        "bash -c 'read x < /etc/profile'",
    )
    .fields(&[
        ("fd.name", "/etc/profile"),
        ("evt.type", "openat"),
        ("proc.cmdline", "cat /etc/profile"),
    ]),
    Attack::host(
        "Backdoored library loaded into SSHD (CVE-2024-3094)",
        "echo text > $LAB/liblzma.so.5.6.1; $LAB/sshd readfile $LAB/liblzma.so.5.6.1",
        "echo text > $LAB/liblzma.so.5.6.2; $LAB/sshd readfile $LAB/liblzma.so.5.6.2",
    )
    .fields(&[
        ("fd.name", "$LAB/liblzma.so.5.6.1"),
        ("evt.type", "openat"),
        ("evt.arg.flags", "O_RDONLY"),
        ("proc.cmdline", "sshd readfile $LAB/liblzma.so.5.6.1"),
    ]),
    Attack::container(
        "Read ssh information",
        "/bin/cat /root/.ssh/known_hosts",
        "$LAB/ssh readfile /root/.ssh/known_hosts",
    )
    .fields(&[
        ("fd.name", "/root/.ssh/known_hosts"),
        ("evt.type", ANY),
        ("proc.cmdline", "cat /root/.ssh/known_hosts"),
    ]),
    Attack::container(
        "Read environment variable from /proc files",
        "/bin/cat /proc/self/environ > /dev/null",
        "/bin/cat /proc/self/status > /dev/null",
    )
    .fields(&[
        ("fd.name", "/proc/self/environ"),
        (REAL_PATH, "*/environ"),
        ("evt.type", ANY),
        ("proc.cmdline", "cat /proc/self/environ"),
    ]),
    Attack::container(
        "Container Access to Host Sensitive Paths",
        "/bin/cat /host/file",
        "/bin/cat /hosts/file",
    )
    .fields(&[
        ("fd.name", "/host/file"),
        ("evt.type", ANY),
        ("proc.cmdline", "cat /host/file"),
    ]),
    Attack::container(
        "Privileged Container Device Access",
        "/bin/mkdir /dev/sda; $LAB/lab_untrusted create /dev/sda/1 600",
        "/bin/mkdir /dev/dsa; $LAB/lab_untrusted create /dev/dsa/1 600",
    )
    .fields(&[
        ("fd.name", "/dev/sda/1"),
        ("evt.type", "openat"),
        ("proc.cmdline", "lab_untrusted create /dev/sda/1 600"),
    ]),
    Attack::new(
        "Exfiltrating Artifacts via Kubernetes Control Plane",
        Place::Container(crate::attack::Container {
            entry: &["tar", "-cf", "/dev/null", "/srv/data"],
            ..crate::attack::Container::PLAIN
        }),
        "",
        "",
    )
    .twin_in(Place::Container(crate::attack::Container {
        entry: &["tar", "-cf", "/dev/null", "/etc/passwd"],
        ..crate::attack::Container::PLAIN
    }))
    .fields(&[
        ("fd.name", "/srv/data"),
        ("evt.type", ANY),
        ("proc.pname", "runc"),
        ("proc.cmdline", "tar -cf /dev/null /srv/data"),
    ]),
];
