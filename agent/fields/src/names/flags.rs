//! Flag words, in the order in which their names are printed. The bits are those of
//! `evt.rawarg.*`; where they differ from Linux, [`super::convert`] makes them.

use super::Name;

/// open(2) and its kin.
pub const OPEN: &[Name] = &[
    ("O_LARGEFILE", O_LARGEFILE),
    ("O_DIRECTORY", O_DIRECTORY),
    ("O_DIRECT", O_DIRECT),
    ("O_TRUNC", O_TRUNC),
    ("O_SYNC", O_SYNC),
    ("O_NONBLOCK", O_NONBLOCK),
    ("O_EXCL", O_EXCL),
    ("O_DSYNC", O_DSYNC),
    ("O_APPEND", O_APPEND),
    ("O_CREAT", O_CREAT),
    ("O_RDWR", O_RDWR),
    ("O_WRONLY", O_WRONLY),
    ("O_RDONLY", O_RDONLY),
    ("O_CLOEXEC", O_CLOEXEC),
    ("O_NONE", 0),
    ("O_TMPFILE", O_TMPFILE),
    ("O_F_CREATED", O_F_CREATED),
    ("FD_UPPER_LAYER", FD_UPPER_LAYER),
    ("FD_LOWER_LAYER", FD_LOWER_LAYER),
];

/// Read access.
pub const O_RDONLY: u64 = 1 << 0;
/// Write access.
pub const O_WRONLY: u64 = 1 << 1;
/// Both.
pub const O_RDWR: u64 = O_RDONLY | O_WRONLY;
/// Create the file.
pub const O_CREAT: u64 = 1 << 2;
/// Append.
pub const O_APPEND: u64 = 1 << 3;
/// Synchronous data.
pub const O_DSYNC: u64 = 1 << 4;
/// Fail if the file exists.
pub const O_EXCL: u64 = 1 << 5;
/// Do not block.
pub const O_NONBLOCK: u64 = 1 << 6;
/// Synchronous data and metadata.
pub const O_SYNC: u64 = 1 << 7;
/// Truncate.
pub const O_TRUNC: u64 = 1 << 8;
/// Bypass the page cache.
pub const O_DIRECT: u64 = 1 << 9;
/// Must be a directory.
pub const O_DIRECTORY: u64 = 1 << 10;
/// Large files.
pub const O_LARGEFILE: u64 = 1 << 11;
/// Close on exec.
pub const O_CLOEXEC: u64 = 1 << 12;
/// Nameless file.
pub const O_TMPFILE: u64 = 1 << 13;
/// This open created the file.
pub const O_F_CREATED: u64 = 1 << 14;
/// overlayfs, upper layer.
pub const FD_UPPER_LAYER: u64 = 1 << 15;
/// overlayfs, lower layer.
pub const FD_LOWER_LAYER: u64 = 1 << 16;

/// `creat_flags` of creat(2).
pub const CREAT: &[Name] = &[
    ("FD_UPPER_LAYER_CREAT", 1 << 0),
    ("FD_LOWER_LAYER_CREAT", 1 << 1),
];

/// The mode argument of the chmod family.
pub const MODE: &[Name] = &[
    ("S_IXOTH", 0o1),
    ("S_IWOTH", 0o2),
    ("S_IROTH", 0o4),
    ("S_IXGRP", 0o10),
    ("S_IWGRP", 0o20),
    ("S_IRGRP", 0o40),
    ("S_IXUSR", 0o100),
    ("S_IWUSR", 0o200),
    ("S_IRUSR", 0o400),
    ("S_ISVTX", 0o1000),
    ("S_ISGID", 0o2000),
    ("S_ISUID", 0o4000),
];

/// Facts about a new program.
pub const EXE: &[Name] = &[
    ("EXE_WRITABLE", 1 << 0),
    ("EXE_UPPER_LAYER", 1 << 1),
    ("EXE_FROM_MEMFD", 1 << 2),
    ("EXE_LOWER_LAYER", 1 << 3),
];

/// clone(2), unshare(2), setns(2).
pub const CLONE: &[Name] = &[
    ("CLONE_FILES", 1 << 0),
    ("CLONE_FS", 1 << 1),
    ("CLONE_IO", 1 << 2),
    ("CLONE_NEWIPC", 1 << 3),
    ("CLONE_NEWNET", 1 << 4),
    ("CLONE_NEWNS", 1 << 5),
    ("CLONE_NEWPID", 1 << 6),
    ("CLONE_NEWUTS", 1 << 7),
    ("CLONE_PARENT", 1 << 8),
    ("CLONE_PARENT_SETTID", 1 << 9),
    ("CLONE_PTRACE", 1 << 10),
    ("CLONE_SIGHAND", 1 << 11),
    ("CLONE_SYSVSEM", 1 << 12),
    ("CLONE_THREAD", 1 << 13),
    ("CLONE_UNTRACED", 1 << 14),
    ("CLONE_VM", 1 << 15),
    ("CLONE_INVERTED", 1 << 16),
    ("NAME_CHANGED", 1 << 17),
    ("CLOSED", 1 << 18),
    ("CLONE_NEWUSER", 1 << 20),
    ("CLONE_CHILD_CLEARTID", 1 << 23),
    ("CLONE_CHILD_SETTID", 1 << 24),
    ("CLONE_SETTLS", 1 << 25),
    ("CLONE_STOPPED", 1 << 26),
    ("CLONE_VFORK", 1 << 27),
    ("CLONE_NEWCGROUP", 1 << 28),
    ("CLONE_CHILD_IN_PIDNS", 1 << 29),
];

/// mount(2), after the old magic number is taken off.
pub const MOUNT: &[Name] = &[
    ("RDONLY", 1 << 0),
    ("NOSUID", 1 << 1),
    ("NODEV", 1 << 2),
    ("NOEXEC", 1 << 3),
    ("SYNCHRONOUS", 1 << 4),
    ("REMOUNT", 1 << 5),
    ("MANDLOCK", 1 << 6),
    ("DIRSYNC", 1 << 7),
    ("NOATIME", 1 << 10),
    ("NODIRATIME", 1 << 11),
    ("BIND", 1 << 12),
    ("MOVE", 1 << 13),
    ("REC", 1 << 14),
    ("SILENT", 1 << 15),
    ("POSIXACL", 1 << 16),
    ("UNBINDABLE", 1 << 17),
    ("PRIVATE", 1 << 18),
    ("SLAVE", 1 << 19),
    ("SHARED", 1 << 20),
    ("RELATIME", 1 << 21),
    ("KERNMOUNT", 1 << 22),
    ("I_VERSION", 1 << 23),
    ("STRICTATIME", 1 << 24),
    ("LAZYTIME", 1 << 25),
    ("NOSEC", 1 << 28),
    ("BORN", 1 << 29),
    ("ACTIVE", 1 << 30),
    ("NOUSER", 1 << 31),
];

/// umount2(2).
pub const UMOUNT: &[Name] = &[
    ("FORCE", 1 << 0),
    ("DETACH", 1 << 1),
    ("EXPIRE", 1 << 2),
    ("NOFOLLOW", 1 << 3),
];

/// unlinkat(2).
pub const UNLINKAT: &[Name] = &[("AT_REMOVEDIR", 0x200)];

/// linkat(2).
pub const LINKAT: &[Name] = &[("AT_SYMLINK_FOLLOW", 0x400), ("AT_EMPTY_PATH", 0x1000)];

/// fchownat(2), fchmodat2(2).
pub const FCHOWNAT: &[Name] = &[("AT_SYMLINK_NOFOLLOW", 0x100), ("AT_EMPTY_PATH", 0x1000)];

/// renameat2(2).
pub const RENAME: &[Name] = &[
    ("RENAME_NOREPLACE", 1 << 0),
    ("RENAME_EXCHANGE", 1 << 1),
    ("RENAME_WHITEOUT", 1 << 2),
];

/// `resolve` of openat2(2).
pub const RESOLVE: &[Name] = &[
    ("RESOLVE_BENEATH", 1 << 0),
    ("RESOLVE_IN_ROOT", 1 << 1),
    ("RESOLVE_NO_MAGICLINKS", 1 << 2),
    ("RESOLVE_NO_SYMLINKS", 1 << 3),
    ("RESOLVE_NO_XDEV", 1 << 4),
    ("RESOLVE_CACHED", 1 << 5),
];

/// memfd_create(2).
pub const MEMFD: &[Name] = &[
    ("MFD_CLOEXEC", 1 << 0),
    ("MFD_ALLOW_SEALING", 1 << 1),
    ("MFD_HUGETLB", 1 << 2),
];

/// finit_module(2).
pub const MODULE: &[Name] = &[
    ("MODULE_INIT_IGNORE_MODVERSIONS", 1 << 0),
    ("MODULE_INIT_IGNORE_VERMAGIC", 1 << 1),
    ("MODULE_INIT_COMPRESSED_FILE", 1 << 2),
];

/// delete_module(2), Linux's own bits.
pub const DELETE_MODULE: &[Name] = &[("O_NONBLOCK", 0o4000), ("O_TRUNC", 0o1000)];

/// All tables, for the tests.
#[cfg(test)]
pub(crate) const ALL: &[&[Name]] = &[
    OPEN,
    CREAT,
    MODE,
    EXE,
    CLONE,
    MOUNT,
    UMOUNT,
    UNLINKAT,
    LINKAT,
    FCHOWNAT,
    RENAME,
    RESOLVE,
    MEMFD,
    MODULE,
    DELETE_MODULE,
];
