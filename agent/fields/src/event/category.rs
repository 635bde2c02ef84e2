//! What sort of thing an event does, by its name (`evt.category`).

/// Where data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// Names of `evt.category`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// Named by the file that is worked on.
    Io,
    Named(&'static str),
}

/// Calls that read or write data through a descriptor, and which.
pub(super) fn direction(event: &str) -> Option<Direction> {
    match event {
        "read" | "pread" | "pread64" | "readv" | "preadv" | "preadv2" | "recv" | "recvfrom"
        | "recvmsg" | "recvmmsg" => Some(Direction::Read),
        "write" | "pwrite" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "send" | "sendto"
        | "sendmsg" | "sendmmsg" | "sendfile" => Some(Direction::Write),
        _ => None,
    }
}

/// Calls that wait for something to happen.
pub(super) fn waits(event: &str) -> bool {
    category(event) == Category::Named("wait")
}

/// Families not listed are `other`, as system calls without a table of their own are.
pub(super) fn category(event: &str) -> Category {
    if direction(event).is_some() {
        return Category::Io;
    }
    Category::Named(match event {
        "close" | "dup" | "dup2" | "dup3" | "fcntl" | "ioctl" | "splice" | "close_range" => {
            return Category::Io;
        }
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" | "stat" | "lstat"
        | "fstat" | "stat64" | "lstat64" | "fstat64" | "newfstatat" | "lseek" | "llseek"
        | "getcwd" | "chdir" | "fchdir" | "access" | "getdents" | "getdents64" | "flock"
        | "copy_file_range" | "userfaultfd" => "file",
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "symlink" | "symlinkat"
        | "unlink" | "unlinkat" | "mkdir" | "mkdirat" | "rmdir" | "mknod" | "mknodat" => "file",
        "chmod" | "fchmod" | "fchmodat" | "fchmodat2" | "chown" | "lchown" | "fchown"
        | "fchownat" | "mount" | "umount" | "umount2" => "file",
        "socket" | "bind" | "connect" | "listen" | "accept" | "accept4" | "shutdown"
        | "getsockname" | "getpeername" | "setsockopt" | "getsockopt" => "net",
        "pipe" | "pipe2" | "socketpair" | "eventfd" | "eventfd2" | "futex" | "inotify_init"
        | "inotify_init1" => "IPC",
        "brk" | "mmap" | "mmap2" | "munmap" | "mprotect" | "mlock" | "mlock2" | "munlock"
        | "mlockall" | "munlockall" | "memfd_create" => "memory",
        "clone" | "clone3" | "fork" | "vfork" | "execve" | "execveat" | "procexit" | "setns"
        | "unshare" | "chroot" | "setsid" | "setpgid" | "ptrace" | "prctl" | "capset"
        | "getrlimit" | "setrlimit" | "prlimit" | "semop" | "semctl" | "semget"
        | "process_vm_readv" | "process_vm_writev" | "pidfd_open" | "pidfd_getfd" => "process",
        "nanosleep" => "sleep",
        "fsconfig" => "system",
        "signalfd" | "signalfd4" | "signaldeliver" => "signal",
        "setuid" | "setgid" | "setreuid" | "setregid" | "setresuid" | "setresgid" | "getuid"
        | "geteuid" | "getgid" | "getegid" | "getresuid" | "getresgid" | "quotactl" => "user",
        "timerfd_create" => "time",
        "poll" | "ppoll" | "select" | "epoll_wait" | "epoll_create" | "epoll_create1" => "wait",
        "switch" => "scheduler",
        _ => "other",
    })
}
