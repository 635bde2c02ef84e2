//! Ways to /etc/shadow that hide its name, none of which the stock rules know of. `fd.name` is what the program
//! called it, `fd.realpath` is in alerts where the file has another name.

use crate::attack::Attack;
use crate::compare::{ANY, REAL_PATH, VIA};
use crate::sight::Sight;

/// A way, and the same way to a file that nobody guards. The alert names the file as `$name` and the program as
/// `$line`.
macro_rules! way {
    ($script:expr, $twin:expr, $name:expr, $line:expr $(, $field:expr => $value:expr)*) => {
        Attack::host("Read sensitive file untrusted", $script, $twin).fields(&[
            $(($field, $value),)*
            ("fd.name", $name),
            ("evt.type", "openat"),
            ("proc.cmdline", $line),
        ])
    };
}

/// Where the real name differs from the given one.
macro_rules! hidden {
    ($script:expr, $twin:expr, $name:expr, $line:expr $(, $field:expr => $value:expr)*) => {
        way!($script, $twin, $name, $line, REAL_PATH => "/etc/shadow" $(, $field => $value)*)
    };
}

/// Through io_uring; `$way` is one of the ways of the evader.
macro_rules! ring {
    ($way:literal) => {
        ring!($way, Sight::Rings)
    };
    ($way:literal, $needs:expr) => {
        way!(
            concat!("$LAB/evader ", $way, " /etc/shadow"),
            concat!("$LAB/evader ", $way, " /etc/hostname"),
            "/etc/shadow",
            concat!("evader ", $way, " /etc/shadow"),
            VIA => "io_uring"
        )
        .needs(&[$needs])
    };
}

/// The attacks. The last is none: a container's own file, in its overlay, has one name, its own.
pub const ATTACKS: &[Attack] = &[
    hidden!(
        "cat /proc/self/root/etc/shadow",
        "cat /proc/self/root/etc/hostname",
        "/proc/self/root/etc/shadow",
        "cat /proc/self/root/etc/shadow"
    ),
    hidden!(
        "cat /proc/self/cwd/etc/shadow",
        "cat /proc/self/cwd/etc/hostname",
        "/proc/self/cwd/etc/shadow",
        "cat /proc/self/cwd/etc/shadow"
    ),
    hidden!(
        "ln -s /etc/shadow $LAB/link; cat $LAB/link",
        "ln -s /etc/hostname $LAB/link; cat $LAB/link",
        "$LAB/link",
        "cat $LAB/link"
    )
    .also(&["Create Symlink Over Sensitive Files"]),
    hidden!(
        "ln -s /etc $LAB/etc; cat $LAB/etc/shadow",
        "mkdir $LAB/other; echo x > $LAB/other/shadow; ln -s other $LAB/etc; cat $LAB/etc/shadow",
        "$LAB/etc/shadow",
        "cat $LAB/etc/shadow"
    )
    .also(&["Create Symlink Over Sensitive Files"]),
    hidden!(
        "mkdir $LAB/bind\n\
         unshare -m sh -euc 'mount --bind /etc $0/bind; cat $0/bind/shadow' $LAB",
        "mkdir $LAB/bind $LAB/etc; echo x > $LAB/etc/shadow\n\
         unshare -m sh -euc 'mount --bind $0/etc $0/bind; cat $0/bind/shadow' $LAB",
        "$LAB/bind/shadow",
        "cat $LAB/bind/shadow",
        "proc.aname[2]" => "sh"
    ),
    hidden!(
        ": > $LAB/file\n\
         unshare -m sh -euc 'mount --bind /etc/shadow $0/file; cat $0/file' $LAB",
        ": > $LAB/file\n\
         unshare -m sh -euc 'mount --bind /etc/hostname $0/file; cat $0/file' $LAB",
        "$LAB/file",
        "cat $LAB/file",
        "proc.aname[2]" => "sh"
    ),
    hidden!(
        "$LAB/evader chroot /etc /shadow",
        "mkdir $LAB/root; echo x > $LAB/root/shadow; $LAB/evader chroot $LAB/root /shadow",
        "/shadow",
        "evader chroot /etc /shadow"
    ),
    // What a descriptor of a mount is called is not known.
    hidden!(
        "$LAB/evader tree /etc shadow",
        "mkdir $LAB/tree; echo x > $LAB/tree/shadow; $LAB/evader tree $LAB/tree shadow",
        "*shadow",
        "evader tree /etc shadow"
    ),
    hidden!(
        "$LAB/evader tree / etc/shadow",
        "$LAB/evader tree / etc/hostname",
        "*etc/shadow",
        "evader tree / etc/shadow"
    ),
    way!(
        "$LAB/evader handle /etc /etc/shadow",
        "$LAB/evader handle /etc /etc/hostname",
        "/etc/shadow",
        "evader handle /etc /etc/shadow",
        "evt.type" => "open_by_handle_at"
    ),
    hidden!(
        "mkdir $LAB/bind\n\
         unshare -m sh -euc 'mount --bind /etc $0/bind; $0/evader handle $0/bind $0/bind/shadow' $LAB",
        "mkdir $LAB/bind\n\
         unshare -m sh -euc 'mount --bind /etc $0/bind; $0/evader handle $0/bind $0/bind/hostname' $LAB",
        "$LAB/bind/shadow",
        "evader handle $LAB/bind $LAB/bind/shadow",
        "evt.type" => "open_by_handle_at",
        "proc.aname[2]" => "sh"
    ),
    ring!("uring"),
    ring!("worker"),
    ring!("poller"),
    ring!("fixed"),
    // Whether it succeeded is not told.
    ring!("quiet", Sight::NewRings),
    hidden!(
        "$LAB/evader uring /proc/self/root/etc/shadow",
        "$LAB/evader uring /proc/self/root/etc/hostname",
        "/proc/self/root/etc/shadow",
        "evader uring /proc/self/root/etc/shadow",
        VIA => "io_uring"
    )
    .needs(&[Sight::Rings]),
    Attack::container(
        "Read sensitive file untrusted",
        "/bin/cat /etc/shadow",
        "/bin/cat /etc/passwd",
    )
    .fields(&[
        ("fd.name", "/etc/shadow"),
        ("evt.type", ANY),
        ("proc.cmdline", "cat /etc/shadow"),
    ]),
];
