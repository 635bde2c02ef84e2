//! From the kernel's numbers (x86-64) to those rules see in `evt.rawarg.*` (rules-spec E4, I).

use saker_abi::raw;

use super::flags::*;

/// Kernel bits of open(2), `include/uapi/asm-generic/fcntl.h`.
mod kernel {
    pub(super) const O_ACCMODE: u64 = 0o3;
    pub(super) const O_CREAT: u64 = 0o100;
    pub(super) const O_EXCL: u64 = 0o200;
    pub(super) const O_TRUNC: u64 = 0o1000;
    pub(super) const O_APPEND: u64 = 0o2000;
    pub(super) const O_NONBLOCK: u64 = 0o4000;
    pub(super) const O_DSYNC: u64 = 0o10000;
    pub(super) const O_DIRECT: u64 = 0o40000;
    pub(super) const O_LARGEFILE: u64 = 0o100000;
    pub(super) const O_DIRECTORY: u64 = 0o200000;
    pub(super) const O_CLOEXEC: u64 = 0o2000000;
    pub(super) const O_SYNC: u64 = 0o4010000;
    pub(super) const O_TMPFILE: u64 = 0o20200000;
}

/// A flag counts when *any* of its kernel bits is set. So `O_DIRECTORY` implies `O_TMPFILE` and
/// `O_DSYNC` implies `O_SYNC`: rules written for Falco rely on what it prints.
const OPEN_BITS: &[(u64, u64)] = &[
    (kernel::O_CREAT, O_CREAT),
    (kernel::O_EXCL, O_EXCL),
    (kernel::O_TRUNC, O_TRUNC),
    (kernel::O_APPEND, O_APPEND),
    (kernel::O_NONBLOCK, O_NONBLOCK),
    (kernel::O_DSYNC, O_DSYNC),
    (kernel::O_DIRECT, O_DIRECT),
    (kernel::O_LARGEFILE, O_LARGEFILE),
    (kernel::O_DIRECTORY, O_DIRECTORY),
    (kernel::O_CLOEXEC, O_CLOEXEC),
    (kernel::O_SYNC, O_SYNC),
    (kernel::O_TMPFILE, O_TMPFILE),
];

/// Open flags as rules see them, without facts about the file.
pub fn open_flags(kernel_flags: u64) -> u64 {
    let access = match kernel_flags & kernel::O_ACCMODE {
        1 => O_WRONLY,
        2 => O_RDWR,
        // 3 gives a descriptor for ioctl alone; rules written for Falco see it as this.
        _ => O_RDONLY,
    };
    access | any_bits(OPEN_BITS, kernel_flags)
}

/// Whether kernel open flags make the mode argument count.
pub fn open_creates(kernel_flags: u64) -> bool {
    kernel_flags & kernel::O_CREAT != 0 || kernel_flags & kernel::O_TMPFILE == kernel::O_TMPFILE
}

/// What the driver's `facts` slot adds to the flags of open, openat and openat2.
pub fn open_facts(facts: u64) -> u64 {
    const FACTS: &[(u64, u64)] = &[
        (raw::SAKER_FILE_CREATED as u64, O_F_CREATED),
        (raw::SAKER_FILE_UPPER as u64, FD_UPPER_LAYER),
        (raw::SAKER_FILE_LOWER as u64, FD_LOWER_LAYER),
    ];
    any_bits(FACTS, facts)
}

/// `creat_flags` of creat(2) from the `facts` slot.
pub fn creat_facts(facts: u64) -> u64 {
    const FACTS: &[(u64, u64)] = &[
        (raw::SAKER_FILE_UPPER as u64, 1 << 0),
        (raw::SAKER_FILE_LOWER as u64, 1 << 1),
    ];
    any_bits(FACTS, facts)
}

/// `flags` of socket(2): what is or-ed into its type argument.
pub fn socket_flags(kernel_type: u64) -> u64 {
    any_bits(
        &[
            (kernel::O_CLOEXEC, O_CLOEXEC),
            (kernel::O_NONBLOCK, O_NONBLOCK),
        ],
        kernel_type,
    )
}

/// Flags of calls that make descriptors: eventfd2(2), dup3(2), pipe2(2), which alone knows `O_DIRECT`, and the like.
pub fn descriptor_flags(kernel_flags: u64) -> u64 {
    socket_flags(kernel_flags) | any_bits(&[(kernel::O_DIRECT, O_DIRECT)], kernel_flags)
}

/// Flags of unshare(2), setns(2) and forks that failed, `include/uapi/linux/sched.h`.
pub fn clone_flags(kernel_flags: u64) -> u64 {
    const BITS: &[(u64, u64)] = &[
        (0x0000_0100, 1 << 15), // VM
        (0x0000_0200, 1 << 1),  // FS
        (0x0000_0400, 1 << 0),  // FILES
        (0x0000_0800, 1 << 11), // SIGHAND
        (0x0000_2000, 1 << 10), // PTRACE
        (0x0000_4000, 1 << 27), // VFORK
        (0x0000_8000, 1 << 8),  // PARENT
        (0x0001_0000, 1 << 13), // THREAD
        (0x0002_0000, 1 << 5),  // NEWNS
        (0x0004_0000, 1 << 12), // SYSVSEM
        (0x0008_0000, 1 << 25), // SETTLS
        (0x0010_0000, 1 << 9),  // PARENT_SETTID
        (0x0020_0000, 1 << 23), // CHILD_CLEARTID
        (0x0080_0000, 1 << 14), // UNTRACED
        (0x0100_0000, 1 << 24), // CHILD_SETTID
        (0x0200_0000, 1 << 28), // NEWCGROUP
        (0x0400_0000, 1 << 7),  // NEWUTS
        (0x0800_0000, 1 << 3),  // NEWIPC
        (0x1000_0000, 1 << 20), // NEWUSER
        (0x2000_0000, 1 << 6),  // NEWPID
        (0x4000_0000, 1 << 4),  // NEWNET
        (0x8000_0000, 1 << 2),  // IO
    ];
    any_bits(BITS, kernel_flags)
}

/// `resolve` of openat2(2), `include/uapi/linux/openat2.h`.
pub fn resolve_flags(kernel_flags: u64) -> u64 {
    const BITS: &[(u64, u64)] = &[
        (0x08, 1 << 0),
        (0x10, 1 << 1),
        (0x02, 1 << 2),
        (0x04, 1 << 3),
        (0x01, 1 << 4),
        (0x20, 1 << 5),
    ];
    any_bits(BITS, kernel_flags)
}

/// mount(2): old programs put a magic number into the upper half.
pub fn mount_flags(kernel_flags: u64) -> u64 {
    const MAGIC_MASK: u64 = 0xffff_0000;
    const MAGIC: u64 = 0xc0ed_0000;
    if kernel_flags & MAGIC_MASK == MAGIC {
        kernel_flags & !MAGIC_MASK
    } else {
        kernel_flags
    }
}

/// ptrace(2) requests, `include/uapi/linux/ptrace.h` and x86's `ptrace-abi.h`; 0 when unknown.
pub fn ptrace_request(kernel_request: u64) -> u64 {
    match kernel_request {
        n @ 0..=9 => n + 1,                     // TRACEME ... SINGLESTEP
        16 => 11,                               // ATTACH
        17 => 12,                               // DETACH
        24 => 13,                               // SYSCALL
        n @ 0x4200..=0x420b => n - 0x4200 + 14, // SETOPTIONS ... SETSIGMASK
        n @ 12..=15 => n + 14,                  // GETREGS ... SETFPREGS
        18 => 30,                               // GETFPXREGS
        19 => 31,                               // SETFPXREGS
        21 => 32,                               // OLDSETOPTIONS
        25 => 33,                               // GET_THREAD_AREA
        26 => 34,                               // SET_THREAD_AREA
        30 => 35,                               // ARCH_PRCTL
        31 => 36,                               // SYSEMU
        32 => 37,                               // SYSEMU_SINGLESTEP
        33 => 38,                               // SINGLEBLOCK
        _ => 0,
    }
}

/// fcntl(2) commands, `include/uapi/asm-generic/fcntl.h` and `linux/fcntl.h`; 0 when unknown.
pub fn fcntl_command(kernel_command: u64) -> u64 {
    match kernel_command {
        n @ 0..=5 => n + 1, // DUPFD ... GETLK
        6 => 8,             // SETLK
        7 => 9,             // SETLKW
        8 => 10,            // SETOWN
        9 => 12,            // GETOWN
        10 => 13,           // SETSIG
        11 => 15,           // GETSIG
        12 => 17,           // GETLK64
        13 => 18,           // SETLK64
        14 => 19,           // SETLKW64
        15 => 21,           // SETOWN_EX
        16 => 22,           // GETOWN_EX
        36 => 30,           // OFD_GETLK
        37 => 31,           // OFD_SETLK
        38 => 32,           // OFD_SETLKW
        1024 => 23,         // SETLEASE
        1025 => 24,         // GETLEASE
        1029 => 25,         // CANCELLK
        1030 => 26,         // DUPFD_CLOEXEC
        1026 => 27,         // NOTIFY
        1031 => 28,         // SETPIPE_SZ
        1032 => 29,         // GETPIPE_SZ
        _ => 0,
    }
}

/// Protection of memory, `include/uapi/asm-generic/mman-common.h`.
pub fn protection(kernel_flags: u64) -> u64 {
    const BITS: &[(u64, u64)] = &[
        (0x1, 1 << 0),
        (0x2, 1 << 1),
        (0x4, 1 << 2),
        (0x8, 1 << 3),
        (0x0100_0000, 1 << 4),
        (0x0200_0000, 1 << 5),
    ];
    any_bits(BITS, kernel_flags)
}

/// Flags of mmap(2), the same file and x86's `mman.h`.
pub fn mmap_flags(kernel_flags: u64) -> u64 {
    const BITS: &[(u64, u64)] = &[
        (0x01, 1 << 0),     // SHARED
        (0x02, 1 << 1),     // PRIVATE
        (0x10, 1 << 2),     // FIXED
        (0x20, 1 << 3),     // ANONYMOUS
        (0x40, 1 << 4),     // 32BIT
        (0x4000, 1 << 6),   // NORESERVE
        (0x8000, 1 << 7),   // POPULATE
        (0x1_0000, 1 << 8), // NONBLOCK
        (0x0100, 1 << 9),   // GROWSDOWN
        (0x0800, 1 << 10),  // DENYWRITE
        (0x1000, 1 << 11),  // EXECUTABLE
        (0x2000, 1 << 14),  // LOCKED
    ];
    any_bits(BITS, kernel_flags)
}

/// Events of poll(2), `include/uapi/asm-generic/poll.h`: what is there, in the numbers of rules.
pub fn poll_events(kernel_events: u64) -> u64 {
    const BITS: &[(u64, u64)] = &[
        (0x001, 1 << 0),  // IN
        (0x002, 1 << 1),  // PRI
        (0x004, 1 << 2),  // OUT
        (0x2000, 1 << 3), // RDHUP
        (0x008, 1 << 4),  // ERR
        (0x010, 1 << 5),  // HUP
        (0x020, 1 << 6),  // NVAL
        (0x040, 1 << 7),  // RDNORM
        (0x080, 1 << 8),  // RDBAND
        (0x100, 1 << 9),  // WRNORM
        (0x200, 1 << 10), // WRBAND
    ];
    any_bits(BITS, kernel_events)
}

/// The operation of quotactl(2) without its type.
pub fn quota_command(command: u64) -> u64 {
    command >> 8
}

/// The type of quotactl(2) without its operation.
pub fn quota_type(command: u64) -> u64 {
    command & 0xff
}

/// semctl(2): which structures a 32-bit program has is no part of the command.
pub fn semctl_command(command: u64) -> u64 {
    const IPC_64: u64 = 0x100;
    command & !IPC_64
}

fn any_bits(table: &[(u64, u64)], value: u64) -> u64 {
    table
        .iter()
        .filter(|&&(from, _)| value & from != 0)
        .fold(0, |bits, &(_, to)| bits | to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{enums, write_enum, write_flags};

    fn open(kernel_flags: u64) -> String {
        let mut out = Vec::new();
        write_flags(&mut out, OPEN, open_flags(kernel_flags));
        String::from_utf8(out).expect("names are ASCII")
    }

    #[test]
    fn open_flags_are_those_falco_prints() {
        assert_eq!(open(0), "O_RDONLY");
        assert_eq!(open(0o2 | 0o100 | 0o1000), "O_TRUNC|O_CREAT|O_RDWR");
        assert_eq!(open(0o1 | 0o2000000), "O_WRONLY|O_CLOEXEC");
        assert_eq!(open(0o200000), "O_DIRECTORY|O_RDONLY|O_TMPFILE");
        assert_eq!(open(0o10000), "O_SYNC|O_DSYNC|O_RDONLY");
    }

    #[test]
    fn facts_add_names() {
        let facts = u64::from(raw::SAKER_FILE_CREATED | raw::SAKER_FILE_UPPER) | 0o100644;
        let mut out = Vec::new();
        write_flags(&mut out, OPEN, open_flags(0o101) | open_facts(facts));
        assert_eq!(out, b"O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER");
    }

    #[test]
    fn every_clone_bit_has_a_name() {
        for shift in [
            8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        ] {
            let mut out = Vec::new();
            write_flags(&mut out, CLONE, clone_flags(1 << shift));
            assert!(out.starts_with(b"CLONE_"), "bit {shift}");
        }
        let mut out = Vec::new();
        write_flags(&mut out, CLONE, clone_flags(0x1000_0000 | 0x0002_0000));
        assert_eq!(out, b"CLONE_NEWNS|CLONE_NEWUSER");
    }

    #[test]
    fn ptrace_requests_have_their_names() {
        let name = |request| {
            let mut out = Vec::new();
            write_enum(&mut out, enums::PTRACE, ptrace_request(request));
            String::from_utf8(out).expect("names are ASCII")
        };
        assert_eq!(name(0), "PTRACE_TRACEME");
        assert_eq!(name(4), "PTRACE_POKETEXT");
        assert_eq!(name(16), "PTRACE_ATTACH");
        assert_eq!(name(13), "PTRACE_SETREGS");
        assert_eq!(name(0x4206), "PTRACE_SEIZE");
        assert_eq!(name(33), "PTRACE_SINGLEBLOCK");
        assert_eq!(name(9999), "PTRACE_UNKNOWN");
    }

    #[test]
    fn memory_flags_have_their_names() {
        let text = |table, value| {
            let mut out = Vec::new();
            write_flags(&mut out, table, value);
            String::from_utf8(out).expect("names are ASCII")
        };
        assert_eq!(text(PROT, protection(5)), "PROT_READ|PROT_EXEC");
        assert_eq!(text(PROT, protection(0)), "PROT_NONE");
        assert_eq!(text(MMAP, mmap_flags(0x22)), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(
            text(MMAP, mmap_flags(0x12 | 1 << 40)),
            "MAP_PRIVATE|MAP_FIXED"
        );
    }

    #[test]
    fn commands_are_told_from_what_they_carry() {
        let command = 0x80_0007 << 8 | 1;
        assert_eq!(
            (quota_command(command), quota_type(command)),
            (0x80_0007, 1)
        );
        assert_eq!(semctl_command(0x100 | 16), 16);
        assert_eq!(poll_events(0x2001), 0b1001);
    }

    #[test]
    fn the_old_mount_magic_is_no_flag() {
        assert_eq!(mount_flags(0xc0ed_0000 | 0x1001), 0x1001);
        assert_eq!(mount_flags(1 << 18), 1 << 18);
    }
}
