//! Events and parameters rules may name although no driver records them yet.
//!
//! Rules written for Falco name them (`evt.type=read`, `evt.arg.queuelen`); they must load, and are
//! simply never true. Names are Falco's (rules-spec E3).

use saker_engine::schema::IntFormat;
use saker_engine::value::ValueType;

/// One parameter: name, type and print form of its raw value.
pub(crate) type ParamType = (&'static str, ValueType, IntFormat);

/// Events of one shape, then the parameters that the driver's table does not have for them. Types:
/// `i` signed, `u` unsigned, `x` hexadecimal, `o` octal, `s` text, `b` bytes, `t` time span, `T`
/// time.
const EVENTS: &[(&str, &str)] = &[
    ("accept accept4", "queuepct:u queuelen:u queuemax:u"),
    ("access", "res:i name:s mode:x"),
    ("asyncevent", "plugin_id:u name:s data:b"),
    ("brk", "res:x vm_size:u vm_rss:u vm_swap:u addr:x"),
    (
        "clone clone3 fork vfork",
        "exe:s args:b cwd:s pgft_maj:u pgft_min:u vm_size:u vm_rss:u vm_swap:u cgroups:b \
         pidns_init_start_ts:u",
    ),
    ("close_range", "res:i first:u last:u flags:x"),
    (
        "copy_file_range",
        "res:i fdout:i offout:u fdin:i offin:u len:u",
    ),
    ("epoll_create", "res:i size:i"),
    ("epoll_wait", "res:i maxevents:i"),
    ("eventfd", "res:i initval:u flags:x"),
    ("eventfd2", "res:i flags:x initval:u"),
    (
        "execve execveat",
        "pgft_maj:u pgft_min:u vm_size:u vm_rss:u vm_swap:u",
    ),
    ("flock", "res:i fd:i operation:x"),
    (
        "fsconfig",
        "res:i fd:i cmd:u key:s value_bytebuf:b value_charbuf:s aux:i",
    ),
    ("fstat getdents getdents64", "res:i fd:i"),
    ("fstat64 select munlockall", "res:i"),
    ("futex", "res:i addr:x op:x val:u"),
    ("getegid", "egid:u"),
    ("geteuid", "euid:u"),
    ("getgid", "gid:u"),
    ("getresgid", "res:i rgid:u egid:u sgid:u"),
    ("getresuid", "res:i ruid:u euid:u suid:u"),
    ("getrlimit setrlimit", "res:i cur:i max:i resource:u"),
    ("getsockname getpeername", ""),
    ("getuid", "uid:u"),
    (
        "inotify_init userfaultfd mlockall epoll_create1 inotify_init1",
        "res:i flags:x",
    ),
    (
        "io_uring_enter",
        "res:i fd:i to_submit:u min_complete:u flags:x sig:u",
    ),
    ("io_uring_register", "res:i fd:i opcode:u arg:x nr_args:u"),
    (
        "io_uring_setup",
        "res:i entries:u sq_entries:u cq_entries:u flags:x sq_thread_cpu:u sq_thread_idle:u \
         features:x",
    ),
    ("ioctl", "res:i fd:i request:x argument:x"),
    ("keyctl", "res:i operation:u arg2:u arg3:u arg4:u arg5:u"),
    ("lseek llseek", "res:i fd:i offset:u whence:u"),
    ("mknod", "res:i path:s mode:o dev:u"),
    ("mknodat", "res:i dirfd:i path:s mode:o dev:u"),
    ("mlock munlock", "res:i addr:x len:u"),
    ("mlock2", "res:i addr:x len:u flags:x"),
    (
        "mmap",
        "res:i vm_size:u vm_rss:u vm_swap:u addr:x length:u prot:x flags:x fd:i offset:u",
    ),
    (
        "mmap2",
        "res:i vm_size:u vm_rss:u vm_swap:u addr:x length:u prot:x flags:x fd:i pgoffset:u",
    ),
    ("mprotect", "res:i addr:x length:u prot:x"),
    (
        "munmap",
        "res:i vm_size:u vm_rss:u vm_swap:u addr:x length:u",
    ),
    ("nanosleep", "res:i interval:t"),
    ("newfstatat", "res:i dirfd:i path:s flags:x"),
    (
        "open_by_handle_at",
        "fd:i mountfd:i flags:x path:s dev:x ino:u",
    ),
    ("page_fault", "addr:x ip:x error:x"),
    ("pidfd_getfd", "fd:i pid_fd:i target_fd:i flags:x"),
    ("pidfd_open", "fd:i pid:i flags:x"),
    ("pipe", "res:i fd1:i fd2:i ino:u"),
    ("pipe2", "res:i fd1:i fd2:i ino:u flags:x"),
    ("poll", "res:i fds:s timeout:i"),
    ("ppoll", "res:i fds:s timeout:t sigmask:u"),
    ("pread pwrite pwritev", "res:i data:b fd:i size:u pos:u"),
    ("preadv", "res:i size:u data:b fd:i pos:u"),
    (
        "prlimit",
        "res:i newcur:i newmax:i oldcur:i oldmax:i pid:i resource:u",
    ),
    ("process_vm_readv process_vm_writev", "res:i pid:i data:b"),
    (
        "quotactl",
        "res:i special:s quotafilepath:s dqb_bhardlimit:u dqb_bsoftlimit:u dqb_curspace:u \
         dqb_ihardlimit:u dqb_isoftlimit:u dqb_btime:t dqb_itime:t dqi_bgrace:t dqi_igrace:t \
         dqi_flags:u quota_fmt_out:u cmd:u type:u id:u quota_fmt:u",
    ),
    ("read write writev", "res:i data:b fd:i size:u"),
    ("readv", "res:i size:u data:b fd:i"),
    ("recvfrom", "res:i data:b tuple:s fd:i size:u"),
    ("recvmmsg", "res:i fd:i size:u data:b tuple:s msgcontrol:b"),
    ("recvmsg", "res:i size:u data:b tuple:s msgcontrol:b fd:i"),
    ("seccomp", "res:i op:u flags:x"),
    ("semctl", "res:i semid:i semnum:i cmd:x val:i"),
    ("semget", "res:i key:i nsems:i semflg:x"),
    (
        "semop",
        "res:i nsops:u sem_num_0:u sem_op_0:i sem_flg_0:x sem_num_1:u sem_op_1:i sem_flg_1:x \
         semid:i",
    ),
    (
        "send sendto recv sendmsg",
        "res:i data:b fd:i size:u tuple:s",
    ),
    ("sendfile", "res:i offset:u out_fd:i in_fd:i size:u"),
    ("sendmmsg", "res:i fd:i size:u data:b tuple:s"),
    ("setpgid", "res:i pid:i pgid:i"),
    (
        "setsockopt getsockopt",
        "res:i fd:i level:u optname:u val:u optlen:u",
    ),
    ("shutdown", "res:i fd:i how:x"),
    ("signaldeliver", "spid:i dpid:i sig:i"),
    ("signalfd", "res:i fd:i mask:x flags:x"),
    ("signalfd4", "res:i flags:x fd:i mask:x"),
    (
        "socketpair",
        "res:i fd1:i fd2:i source:x peer:x domain:u type:u proto:u",
    ),
    ("splice", "res:i fd_in:i fd_out:i size:u flags:x"),
    ("stat lstat stat64 lstat64 getcwd", "res:i path:s"),
    (
        "switch",
        "next:i pgft_maj:u pgft_min:u vm_size:u vm_rss:u vm_swap:u",
    ),
    ("timerfd_create", "res:i clockid:u flags:x"),
    ("umount", "res:i name:s"),
];

/// Visits every event of the table with its parameters.
pub(crate) fn for_each(mut visit: impl FnMut(&'static str, &[ParamType])) {
    let mut params = Vec::new();
    for (names, list) in EVENTS {
        params.clear();
        params.extend(list.split_whitespace().filter_map(parse));
        names
            .split_whitespace()
            .for_each(|name| visit(name, &params));
    }
}

fn parse(param: &'static str) -> Option<ParamType> {
    let (name, ty) = param.split_once(':')?;
    let (ty, format) = match ty {
        "i" => (ValueType::Int, IntFormat::Decimal),
        "u" => (ValueType::Uint, IntFormat::Decimal),
        "x" => (ValueType::Uint, IntFormat::Hex),
        "o" => (ValueType::Uint, IntFormat::Octal),
        "s" => (ValueType::Str, IntFormat::Decimal),
        "b" => (ValueType::Bytes, IntFormat::Decimal),
        "t" => (ValueType::RelTime, IntFormat::Decimal),
        "T" => (ValueType::AbsTime, IntFormat::Decimal),
        _ => return None,
    };
    Some((name, ty, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_the_table_parses() {
        let mut events = Vec::new();
        for (names, list) in EVENTS {
            for param in list.split_whitespace() {
                assert!(parse(param).is_some(), "{names}: {param}");
            }
            events.extend(names.split_whitespace());
        }
        let count = events.len();
        events.sort_unstable();
        events.dedup();
        assert_eq!(events.len(), count, "an event twice");
    }
}
