//! Calls that act on names and return no descriptor, by names that hide where they lead: the stock rules know the real
//! names alone. Alerts say the name as the program did, and the real one beside it (`fs.realpath.*`). In containers,
//! where nothing of the host can suffer; what a link is made to stays on the host's file system.

use crate::attack::Attack;
use crate::compare::VIA;
use crate::sight::Sight;

/// What hidden names need.
const HIDDEN: &[Sight] = &[Sight::Functions];
/// Plain names through io_uring.
const RINGED: &[Sight] = &[Sight::Rings];
/// The same by requests that old kernels do not have.
const NEWLY_RINGED: &[Sight] = &[Sight::NewRings];
/// Hidden ones.
const HIDDEN_RINGED: &[Sight] = &[Sight::Rings, Sight::Functions];
const HIDDEN_NEWLY_RINGED: &[Sight] = &[Sight::NewRings, Sight::Functions];

/// A hard link to /etc/shadow, by the line that makes it: its names as `$old` and `$new`.
macro_rules! tied {
    ($script:expr, $twin:expr, $old:expr, $new:expr, $line:expr) => {
        Attack::host("Create Hardlink Over Sensitive Files", $script, $twin)
            .needs(HIDDEN)
            .fields(&[
                ("evt.arg.oldpath", $old),
                ("evt.arg.newpath", $new),
                ("evt.type", "linkat"),
                ("proc.cmdline", $line),
                ("fs.realpath.target", "/etc/shadow"),
                ("fs.realpath.source", "$LAB/tied"),
            ])
    };
}

/// Removal of a program: the call's arguments, the call, the line.
macro_rules! removed {
    ($script:expr, $twin:expr, $args:expr, $type:expr, $line:expr $(, $field:expr => $value:expr)*) => {
        Attack::container("Modify binary dirs", $script, $twin)
            .needs(HIDDEN)
            .fields(&[
                ("fd.name", "<NA>"),
                ("evt.args", $args),
                ("evt.type", $type),
                ("proc.cmdline", $line),
                $(($field, $value),)*
            ])
    };
}

/// A directory among programs.
macro_rules! made {
    ($script:expr, $twin:expr, $path:expr, $line:expr) => {
        Attack::container("Mkdir binary dirs", $script, $twin)
            .needs(HIDDEN)
            .fields(&[
                ("evt.arg.path", $path),
                ("evt.type", "mkdir"),
                ("proc.cmdline", $line),
                ("fs.realpath.name", "/usr/bin/d"),
            ])
    };
}

/// A list of packages moved to where they are looked for.
macro_rules! moved {
    ($script:expr, $twin:expr, $new:expr, $line:expr, $from:expr) => {
        Attack::container("Update Package Repository", $script, $twin)
            .needs(HIDDEN)
            .fields(&[
                ("fd.name", "<NA>"),
                ("evt.arg.newpath", $new),
                ("evt.type", "rename"),
                ("proc.cmdline", $line),
                ("fs.realpath.target", $from),
                ("fs.realpath.source", "/etc/apt/sources.list.d/x.list"),
            ])
    };
}

/// A directory in a hidden one.
macro_rules! concealed {
    ($script:expr, $twin:expr, $line:expr) => {
        Attack::container("Create Hidden Files or Directories", $script, $twin)
            .needs(HIDDEN)
            .fields(&[
                ("fd.name", "<NA>"),
                ("evt.arg.newpath", "<NA>"),
                ("evt.type", "mkdir"),
                ("proc.cmdline", $line),
                ("fs.realpath.name", "/srv/.hidden/d"),
            ])
    };
}

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    tied!(
        "ln /proc/self/root/etc/shadow $LAB/tied",
        "ln /proc/self/root$LAB/network.sh $LAB/tied",
        "/proc/self/root/etc/shadow",
        "$LAB/tied",
        "ln /proc/self/root/etc/shadow $LAB/tied"
    ),
    tied!(
        "ln -s /etc $LAB/etc; ln $LAB/etc/shadow $LAB/tied",
        "mkdir $LAB/other; : > $LAB/other/shadow; ln -s other $LAB/etc; ln $LAB/etc/shadow $LAB/tied",
        "$LAB/etc/shadow",
        "$LAB/tied",
        "ln $LAB/etc/shadow $LAB/tied"
    )
    .also(&["Create Symlink Over Sensitive Files"]),
    tied!(
        "mkdir $LAB/bind\n\
         unshare -m sh -euc 'mount --bind / $0/bind; ln $0/bind/etc/shadow $0/bind$0/tied' $LAB",
        "mkdir $LAB/bind; : > $LAB/shadow\n\
         unshare -m sh -euc 'mount --bind / $0/bind; ln $0/bind$0/shadow $0/bind$0/tied' $LAB",
        "$LAB/bind/etc/shadow",
        "$LAB/bind$LAB/tied",
        "ln $LAB/bind/etc/shadow $LAB/bind$LAB/tied"
    ),
    Attack::container(
        "Create Hardlink Over Sensitive Files",
        "$LAB/evader root-link /etc /shadow /tied",
        "$LAB/evader root-link /etc /passwd /tied",
    )
    .needs(HIDDEN)
    .fields(&[
        ("evt.arg.oldpath", "/shadow"),
        ("evt.arg.newpath", "/tied"),
        ("evt.type", "link"),
        ("proc.cmdline", "evader root-link /etc /shadow /tied"),
        ("fs.realpath.target", "/etc/shadow"),
        ("fs.realpath.source", "/etc/tied"),
    ]),
    removed!(
        "/bin/rm /proc/self/root/usr/bin/victim",
        "/bin/rm /proc/self/root/opt/victim",
        "res=0 path=/proc/self/root/usr/bin/victim",
        "unlink",
        "rm /proc/self/root/usr/bin/victim",
        "fs.realpath.name" => "/usr/bin/victim"
    ),
    removed!(
        "/bin/ln -s /usr/bin /srv/link; /bin/rm /srv/link/victim",
        "/bin/ln -s /opt /srv/link; /bin/rm /srv/link/victim",
        "res=0 path=/srv/link/victim",
        "unlink",
        "rm /srv/link/victim",
        "fs.realpath.name" => "/usr/bin/victim"
    ),
    removed!(
        "cd /usr; /bin/rm /proc/self/cwd/bin/victim",
        "cd /opt; /bin/rm /proc/self/cwd/victim",
        "res=0 path=/proc/self/cwd/bin/victim",
        "unlink",
        "rm /proc/self/cwd/bin/victim",
        "fs.realpath.name" => "/usr/bin/victim",
        "proc.cwd" => "/usr"
    ),
    removed!(
        "$LAB/evader root-unlink /usr/bin /victim",
        "$LAB/evader root-unlink /opt /victim",
        "res=0 path=/victim",
        "unlink",
        "evader root-unlink /usr/bin /victim",
        "fs.realpath.name" => "/usr/bin/victim"
    ),
    removed!(
        "/bin/ln -s /usr/bin /srv/link; /bin/mv /srv/link/victim /srv/gone",
        "/bin/ln -s /opt /srv/link; /bin/mv /srv/link/victim /srv/gone",
        "res=0 oldpath=/srv/link/victim newpath=/srv/gone",
        "rename",
        "mv /srv/link/victim /srv/gone",
        "fs.realpath.target" => "/usr/bin/victim",
        "fs.realpath.source" => "/srv/gone"
    ),
    made!(
        "/bin/mkdir /proc/self/root/usr/bin/d",
        "/bin/mkdir /proc/self/root/opt/d",
        "/proc/self/root/usr/bin/d",
        "mkdir /proc/self/root/usr/bin/d"
    ),
    made!(
        "/bin/ln -s /usr /srv/link; /bin/mkdir /srv/link/bin/d",
        "/bin/ln -s /opt /srv/link; /bin/mkdir /srv/link/d",
        "/srv/link/bin/d",
        "mkdir /srv/link/bin/d"
    ),
    made!(
        "$LAB/evader root-mkdir /usr/bin /d",
        "$LAB/evader root-mkdir /opt /d",
        "/d",
        "evader root-mkdir /usr/bin /d"
    ),
    moved!(
        "/bin/ln -s /etc/apt /srv/link; /bin/mv /srv/data /srv/link/sources.list.d/x.list",
        "/bin/ln -s /opt /srv/link; /bin/mv /srv/data /srv/link/x.list",
        "/srv/link/sources.list.d/x.list",
        "mv /srv/data /srv/link/sources.list.d/x.list",
        "/srv/data"
    ),
    moved!(
        "/bin/mv /srv/data /proc/self/root/etc/apt/sources.list.d/x.list",
        "/bin/mv /srv/data /proc/self/root/opt/x.list",
        "/proc/self/root/etc/apt/sources.list.d/x.list",
        "mv /srv/data /proc/self/root/etc/apt/sources.list.d/x.list",
        "/srv/data"
    ),
    moved!(
        "$LAB/evader root-rename /etc/apt /sources.list /sources.list.d/x.list",
        "$LAB/evader root-rename /srv /data /x.list",
        "/sources.list.d/x.list",
        "evader root-rename /etc/apt /sources.list /sources.list.d/x.list",
        "/etc/apt/sources.list"
    ),
    concealed!(
        "/bin/ln -s .hidden /srv/shown; /bin/mkdir /srv/shown/d",
        "/bin/ln -s /opt /srv/shown; /bin/mkdir /srv/shown/d",
        "mkdir /srv/shown/d"
    ),
    concealed!(
        "$LAB/evader root-mkdir /srv/.hidden /d",
        "$LAB/evader root-mkdir /srv /d",
        "evader root-mkdir /srv/.hidden /d"
    ),
    // What these rules look at is told in any case; the real name beside it is not.
    Attack::host(
        "Set Setuid or Setgid bit",
        "mkdir $LAB/real; echo text > $LAB/real/file; ln -s real $LAB/link; chmod u+s $LAB/link/file",
        "mkdir $LAB/real; echo text > $LAB/real/file; ln -s real $LAB/link; chmod u+x $LAB/link/file",
    )
    .fields(&[
        ("evt.arg.fd", "<NA>"),
        ("evt.arg.filename", "$LAB/link/file"),
        ("evt.arg.mode", "S_IROTH|S_IRGRP|S_IWUSR|S_IRUSR|S_ISUID"),
        ("evt.type", "fchmodat"),
        ("proc.cmdline", "chmod u+s $LAB/link/file"),
        ("fs.realpath.name", "$LAB/real/file"),
    ]),
    Attack::host(
        "Create Hardlink Over Sensitive Files",
        "$LAB/evader ring-link /etc/shadow $LAB/tied",
        "$LAB/evader ring-link $LAB/network.sh $LAB/tied",
    )
    .needs(NEWLY_RINGED)
    .fields(&[
        ("evt.arg.oldpath", "/etc/shadow"),
        ("evt.arg.newpath", "$LAB/tied"),
        ("evt.type", "linkat"),
        ("proc.cmdline", "evader ring-link /etc/shadow $LAB/tied"),
        (VIA, "io_uring"),
    ]),
    Attack::host(
        "Create Symlink Over Sensitive Files",
        "$LAB/evader ring-symlink /etc/shadow $LAB/link",
        "$LAB/evader ring-symlink /etc/shells $LAB/link",
    )
    .needs(NEWLY_RINGED)
    .fields(&[
        ("evt.arg.target", "/etc/shadow"),
        ("evt.arg.linkpath", "$LAB/link"),
        ("evt.type", "symlinkat"),
        ("proc.cmdline", "evader ring-symlink /etc/shadow $LAB/link"),
        (VIA, "io_uring"),
    ]),
    Attack::host(
        "Delete or rename shell history",
        "echo text >> $LAB/.bash_history; $LAB/evader ring-unlink $LAB/.bash_history",
        "echo text >> $LAB/history; $LAB/evader ring-unlink $LAB/history",
    )
    .needs(RINGED)
    .fields(&[
        ("fd.name", ""),
        ("evt.arg.name", "$LAB/.bash_history"),
        ("evt.arg.path", "<NA>"),
        ("evt.arg.oldpath", "<NA>"),
        ("evt.type", "unlinkat"),
        ("proc.cmdline", "evader ring-unlink $LAB/.bash_history"),
        (VIA, "io_uring"),
    ])
    .also(&["Create Hidden Files or Directories"]),
    Attack::container(
        "Mkdir binary dirs",
        "$LAB/evader ring-mkdir /usr/bin/d",
        "$LAB/evader ring-mkdir /opt/d",
    )
    .needs(NEWLY_RINGED)
    .fields(&[
        ("evt.arg.path", "/usr/bin/d"),
        ("evt.type", "mkdirat"),
        ("proc.cmdline", "evader ring-mkdir /usr/bin/d"),
        (VIA, "io_uring"),
    ]),
    Attack::host(
        "Create Hardlink Over Sensitive Files",
        "$LAB/evader ring-link /proc/self/root/etc/shadow $LAB/tied",
        "$LAB/evader ring-link /proc/self/root$LAB/network.sh $LAB/tied",
    )
    .needs(HIDDEN_NEWLY_RINGED)
    .fields(&[
        ("evt.arg.oldpath", "/proc/self/root/etc/shadow"),
        ("evt.arg.newpath", "$LAB/tied"),
        ("evt.type", "linkat"),
        (
            "proc.cmdline",
            "evader ring-link /proc/self/root/etc/shadow $LAB/tied",
        ),
        ("fs.realpath.target", "/etc/shadow"),
        ("fs.realpath.source", "$LAB/tied"),
        (VIA, "io_uring"),
    ]),
    Attack::container(
        "Update Package Repository",
        "/bin/ln -s /etc/apt /srv/link; $LAB/evader ring-rename /srv/data /srv/link/sources.list.d/x.list",
        "/bin/ln -s /opt /srv/link; $LAB/evader ring-rename /srv/data /srv/link/x.list",
    )
    .needs(HIDDEN_RINGED)
    .fields(&[
        ("fd.name", "<NA>"),
        ("evt.arg.newpath", "/srv/link/sources.list.d/x.list"),
        ("evt.type", "renameat2"),
        (
            "proc.cmdline",
            "evader ring-rename /srv/data /srv/link/sources.list.d/x.list",
        ),
        ("fs.realpath.target", "/srv/data"),
        ("fs.realpath.source", "/etc/apt/sources.list.d/x.list"),
        (VIA, "io_uring"),
    ]),
    Attack::container(
        "Modify binary dirs",
        "/bin/ln -s /usr/bin /srv/link; $LAB/evader ring-unlink /srv/link/victim",
        "/bin/ln -s /opt /srv/link; $LAB/evader ring-unlink /srv/link/victim",
    )
    .needs(HIDDEN_RINGED)
    .fields(&[
        ("fd.name", ""),
        ("evt.args", "res=0 dirfd=-100(AT_FDCWD) name=/srv/link/victim flags=0"),
        ("evt.type", "unlinkat"),
        ("proc.cmdline", "evader ring-unlink /srv/link/victim"),
        ("fs.realpath.name", "/usr/bin/victim"),
        (VIA, "io_uring"),
    ]),
];
