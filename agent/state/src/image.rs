//! What a process became at its last exec: immutable, shared by forks, readable by every worker.

/// Memory of a process and page faults of the thread that executed, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Mapped, KiB; 0 when nobody said.
    pub size_kib: u32,
    /// Resident, KiB.
    pub rss_kib: u32,
    /// Swapped out, KiB.
    pub swap_kib: u32,
    /// Page faults that needed I/O.
    pub major_faults: u64,
    /// Page faults that did not.
    pub minor_faults: u64,
}

/// Program image of a process. Byte strings are as the kernel has them, not necessarily UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// When it became valid, `CLOCK_BOOTTIME` ns; 0 for images found at start.
    pub since_ns: u64,
    /// Kernel comm, at most 15 bytes.
    pub comm: Box<[u8]>,
    /// `argv[0]` as passed.
    pub exe: Box<[u8]>,
    /// Kernel path of the executable; `memfd:NAME` for memory files.
    pub exepath: Box<[u8]>,
    /// Arguments without `argv[0]`, joined by single spaces (`proc.args`).
    pub args: Box<[u8]>,
    /// End offsets of each argument in `args`.
    pub arg_ends: Box<[u32]>,
    /// comm and arguments joined by spaces (`proc.cmdline`).
    pub cmdline: Box<[u8]>,
    /// Environment entries, each followed by NUL.
    pub env: Box<[u8]>,
    /// `SAKER_EXE_*`.
    pub exe_flags: u32,
    /// Inode of the executable, 0 unknown.
    pub exe_ino: u64,
    /// Its device, kernel encoding (`new_encode_dev`).
    pub exe_dev: u32,
    /// Its change time, ns since the epoch, 0 unknown.
    pub exe_ctime_ns: u64,
    /// Its modification time, ns since the epoch, 0 unknown.
    pub exe_mtime_ns: u64,
    /// Memory and page faults as of the exec, or of the first look.
    pub memory: Memory,
    /// Some part was truncated or unreadable.
    pub incomplete: bool,
}
