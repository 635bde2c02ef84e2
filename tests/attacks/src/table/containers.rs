//! Containers themselves: how they start and what they may do.

use crate::attack::{Attack, Container, Place};
use crate::compare::ANY;

/// With one more capability.
const fn with(capabilities: &'static [&'static str]) -> Place {
    Place::Container(Container {
        capabilities,
        ..Container::PLAIN
    })
}

/// The shell that every container begins with.
const FIRST_SHELL: &str = "sh -eu /lab/attack.sh";

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    Attack::new(
        "Terminal shell in container",
        Place::Container(Container {
            terminal: true,
            ..Container::PLAIN
        }),
        ":",
        ":",
    )
    .twin_in(Place::CONTAINER)
    .fields(&[
        ("proc.pname", "runc"),
        ("proc.cmdline", FIRST_SHELL),
        ("proc.tty", ANY),
    ])
    // The reference's was bash, no part of an image, started by a make-believe systemd.
    .reference_but(
        "ctr_tty_shell",
        &[
            "User mgmt binaries",
            "proc.name",
            "proc.exepath",
            "proc.cmdline",
            "proc.tty",
            "evt.arg.flags",
        ],
    ),
    Attack::new(
        "Launch Excessively Capable Container",
        with(&["CAP_SYS_PTRACE"]),
        ":",
        ":",
    )
    .twin_in(with(&["CAP_AUDIT_READ"]))
    .fields(&[
        (
            "thread.cap_permitted",
            "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID \
             CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SYS_CHROOT CAP_SYS_PTRACE \
             CAP_MKNOD CAP_AUDIT_WRITE CAP_SETFCAP",
        ),
        ("proc.pname", "runc"),
        ("proc.cmdline", FIRST_SHELL),
    ]),
    // Its macro holds for every container of unknown mounts.
    Attack::container("Launch Sensitive Mount Container", ":", "/bin/true")
        .twin_in(Place::Host)
        .fields(&[
            ("container.mounts", "<NA>"),
            ("proc.pname", "runc"),
            ("proc.cmdline", FIRST_SHELL),
        ]),
    Attack::container("Container Run as Root User", ":", ":")
        // Nobody the container knows: busybox sets the user it has once more, which is an alert for one with a name.
        .twin_in(Place::Container(Container {
            user: 4242,
            ..Container::PLAIN
        }))
        .fields(&[("proc.pname", "runc"), ("proc.cmdline", FIRST_SHELL)]),
    Attack::new(
        "Linux Kernel Module Injection Detected",
        with(&["CAP_SYS_MODULE"]),
        "$LAB/lab_untrusted module /srv/data",
        "$LAB/lab_untrusted module /srv/data",
    )
    .twin_in(Place::CONTAINER)
    .fields(&[
        ("proc.pexepath", "/bin/busybox"),
        ("proc.aexepath[2]", ANY),
        ("proc.args", "module /srv/data"),
        // ENOEXEC, or ENOSYS where the kernel knows no modules.
        ("evt.res", ANY),
        ("evt.type", "finit_module"),
        ("proc.cmdline", "lab_untrusted module /srv/data"),
    ])
    .also(&["Launch Excessively Capable Container"]),
    Attack::new(
        "Detect release_agent File Container Escapes",
        with(&["CAP_SYS_ADMIN"]),
        "$LAB/lab_untrusted create /srv/release_agent 644",
        "$LAB/lab_untrusted create /srv/release_agent 644",
    )
    .twin_in(Place::CONTAINER)
    .fields(&[
        ("fd.name", "/srv/release_agent"),
        (
            "thread.cap_effective",
            "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID \
             CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SYS_CHROOT CAP_SYS_ADMIN \
             CAP_MKNOD CAP_AUDIT_WRITE CAP_SETFCAP",
        ),
        ("evt.type", "openat"),
        (
            "proc.cmdline",
            "lab_untrusted create /srv/release_agent 644",
        ),
    ])
    .also(&["Launch Excessively Capable Container"]),
    Attack::container(
        "Change namespace privileges via unshare",
        "$LAB/lab_untrusted unshare",
        "$LAB/lab_untrusted unshare",
    )
    .twin_in(Place::Host)
    .fields(&[
        ("evt.res", "EPERM"),
        ("evt.type", "unshare"),
        ("proc.cmdline", "lab_untrusted unshare"),
    ]),
];
