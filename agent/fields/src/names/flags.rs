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

/// mknod(2): permissions as [`MODE`], then the file's type. Types that contain the bits of others come first.
pub const MKNOD_TYPE: &[Name] = &[
    ("S_IFSOCK", 0o140_000),
    ("S_IFBLK", 0o060_000),
    ("S_IFREG", 0o100_000),
    ("S_IFCHR", 0o020_000),
    ("S_IFIFO", 0o010_000),
];

/// access(2).
pub const ACCESS: &[Name] = &[("F_OK", 0), ("R_OK", 4), ("W_OK", 2), ("X_OK", 1)];

/// newfstatat(2).
pub const NEWFSTATAT: &[Name] = &[
    ("AT_EMPTY_PATH", 0x1000),
    ("AT_NO_AUTOMOUNT", 0x800),
    ("AT_SYMLINK_NOFOLLOW", 0x100),
];

/// flock(2).
pub const FLOCK: &[Name] = &[
    ("LOCK_SH", 1),
    ("LOCK_EX", 2),
    ("LOCK_NB", 4),
    ("LOCK_UN", 8),
];

/// splice(2).
pub const SPLICE: &[Name] = &[
    ("SPLICE_F_MOVE", 1),
    ("SPLICE_F_NONBLOCK", 2),
    ("SPLICE_F_MORE", 4),
    ("SPLICE_F_GIFT", 8),
];

/// epoll_create1(2), Linux's own bit.
pub const EPOLL: &[Name] = &[("EPOLL_CLOEXEC", 0o2_000_000)];

/// pidfd_open(2), Linux's own bit.
pub const PIDFD: &[Name] = &[("PIDFD_NONBLOCK", 0o4000)];

/// Protection of memory.
pub const PROT: &[Name] = &[
    ("PROT_READ", 1 << 0),
    ("PROT_WRITE", 1 << 1),
    ("PROT_EXEC", 1 << 2),
    ("PROT_SEM", 1 << 3),
    ("PROT_GROWSDOWN", 1 << 4),
    ("PROT_GROWSUP", 1 << 5),
    ("PROT_SAO", 1 << 6),
    ("PROT_NONE", 0),
];

/// mmap(2). x86 has no number for RENAME, INHERIT and FILE.
pub const MMAP: &[Name] = &[
    ("MAP_SHARED", 1 << 0),
    ("MAP_PRIVATE", 1 << 1),
    ("MAP_FIXED", 1 << 2),
    ("MAP_ANONYMOUS", 1 << 3),
    ("MAP_32BIT", 1 << 4),
    ("MAP_RENAME", 1 << 5),
    ("MAP_NORESERVE", 1 << 6),
    ("MAP_POPULATE", 1 << 7),
    ("MAP_NONBLOCK", 1 << 8),
    ("MAP_GROWSDOWN", 1 << 9),
    ("MAP_DENYWRITE", 1 << 10),
    ("MAP_EXECUTABLE", 1 << 11),
    ("MAP_INHERIT", 1 << 12),
    ("MAP_FILE", 1 << 13),
    ("MAP_LOCKED", 1 << 14),
];

/// mlockall(2).
pub const MLOCKALL: &[Name] = &[("MCL_CURRENT", 1), ("MCL_FUTURE", 2), ("MCL_ONFAULT", 4)];

/// mlock2(2).
pub const MLOCK2: &[Name] = &[("MLOCK_ONFAULT", 1)];

/// futex(2): the operation with its modifiers. Larger numbers first, so that none is taken for its parts.
pub const FUTEX: &[Name] = &[
    ("FUTEX_CLOCK_REALTIME", 1 << 8),
    ("FUTEX_PRIVATE_FLAG", 1 << 7),
    ("FUTEX_LOCK_PI2", 13),
    ("FUTEX_CMP_REQUEUE_PI", 12),
    ("FUTEX_WAIT_REQUEUE_PI", 11),
    ("FUTEX_WAKE_BITSET", 10),
    ("FUTEX_WAIT_BITSET", 9),
    ("FUTEX_TRYLOCK_PI", 8),
    ("FUTEX_UNLOCK_PI", 7),
    ("FUTEX_LOCK_PI", 6),
    ("FUTEX_WAKE_OP", 5),
    ("FUTEX_CMP_REQUEUE", 4),
    ("FUTEX_REQUEUE", 3),
    ("FUTEX_FD", 2),
    ("FUTEX_WAKE", 1),
    ("FUTEX_WAIT", 0),
];

/// semget(2).
pub const SEMGET: &[Name] = &[
    ("IPC_EXCL", 0o2000),
    ("IPC_CREAT", 0o1000),
    ("S_IXOTH", 0o001),
    ("S_IWOTH", 0o002),
    ("S_IROTH", 0o004),
    ("S_IXGRP", 0o010),
    ("S_IWGRP", 0o020),
    ("S_IRGRP", 0o040),
    ("S_IXUSR", 0o100),
    ("S_IWUSR", 0o200),
    ("S_IRUSR", 0o400),
];

/// semop(2).
pub const SEMOP: &[Name] = &[("IPC_NOWAIT", 0x800), ("SEM_UNDO", 0x1000)];

/// Quota information, `dqi_flags`.
pub const QUOTA: &[Name] = &[("V1_DQF_RSQUASH", 1), ("DQF_NONE", 0)];

/// io_uring_setup(2).
pub const URING_SETUP: &[Name] = &[
    ("IORING_SETUP_IOPOLL", 1 << 0),
    ("IORING_SETUP_SQPOLL", 1 << 1),
    ("IORING_SETUP_SQ_AFF", 1 << 2),
    ("IORING_SETUP_CQSIZE", 1 << 3),
    ("IORING_SETUP_CLAMP", 1 << 4),
    ("IORING_SETUP_ATTACH_WQ", 1 << 5),
    ("IORING_SETUP_R_DISABLED", 1 << 6),
    ("IORING_SETUP_SUBMIT_ALL", 1 << 7),
    ("IORING_SETUP_COOP_TASKRUN", 1 << 8),
    ("IORING_SETUP_TASKRUN_FLAG", 1 << 9),
    ("IORING_SETUP_SQE128", 1 << 10),
    ("IORING_SETUP_CQE32", 1 << 11),
    ("IORING_SETUP_SINGLE_ISSUER", 1 << 12),
    ("IORING_SETUP_DEFER_TASKRUN", 1 << 13),
    ("IORING_SETUP_NO_MMAP", 1 << 14),
    ("IORING_SETUP_REGISTERED_FD_ONLY", 1 << 15),
    ("IORING_SETUP_NO_SQARRAY", 1 << 16),
];

/// io_uring_enter(2).
pub const URING_ENTER: &[Name] = &[
    ("IORING_ENTER_GETEVENTS", 1 << 0),
    ("IORING_ENTER_SQ_WAKEUP", 1 << 1),
    ("IORING_ENTER_SQ_WAIT", 1 << 2),
    ("IORING_ENTER_EXT_ARG", 1 << 3),
    ("IORING_ENTER_REGISTERED_RING", 1 << 4),
];

/// What io_uring_setup(2) answers.
pub const URING_FEATURES: &[Name] = &[
    ("IORING_FEAT_SINGLE_MMAP", 1 << 0),
    ("IORING_FEAT_NODROP", 1 << 1),
    ("IORING_FEAT_SUBMIT_STABLE", 1 << 2),
    ("IORING_FEAT_RW_CUR_POS", 1 << 3),
    ("IORING_FEAT_CUR_PERSONALITY", 1 << 4),
    ("IORING_FEAT_FAST_POLL", 1 << 5),
    ("IORING_FEAT_POLL_32BITS", 1 << 6),
    ("IORING_FEAT_SQPOLL_NONFIXED", 1 << 7),
    ("IORING_FEAT_EXT_ARG", 1 << 8),
    ("IORING_FEAT_NATIVE_WORKERS", 1 << 9),
    ("IORING_FEAT_RSRC_TAGS", 1 << 10),
    ("IORING_FEAT_CQE_SKIP", 1 << 11),
    ("IORING_FEAT_LINKED_FILE", 1 << 12),
    ("IORING_FEAT_REG_REG_RING", 1 << 13),
];

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
    MKNOD_TYPE,
    ACCESS,
    NEWFSTATAT,
    FLOCK,
    SPLICE,
    EPOLL,
    PIDFD,
    PROT,
    MMAP,
    MLOCKALL,
    MLOCK2,
    FUTEX,
    SEMGET,
    SEMOP,
    QUOTA,
    URING_SETUP,
    URING_ENTER,
    URING_FEATURES,
];
