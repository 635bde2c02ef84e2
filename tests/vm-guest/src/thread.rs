//! What the library does not offer: ending one thread, 32-bit calls.
#![allow(unsafe_code)]

/// Ends the calling thread, the others go on. For the first thread of a process: others take their
/// stacks with them.
pub fn end() -> ! {
    // SAFETY: has no arguments in memory and does not return. Nothing is freed: what others borrow of
    // this thread stays.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("exit(2) does not return")
}

/// Calls of the 32-bit ABI that do no harm with any arguments, given a descriptor that nobody has: they read
/// memory of the caller at most, and fail.
pub const CALLS_32: [u32; 14] = [
    3,   // read
    4,   // write
    10,  // unlink
    11,  // execve
    38,  // rename
    83,  // symlink
    102, // socketcall
    117, // ipc
    145, // readv
    146, // writev
    180, // pread64
    295, // openat
    345, // sendmmsg
    369, // sendto
];

/// No descriptor.
const NO_FD: u32 = 1 << 30;
/// Calls behind socketcall: sendto; behind ipc: msgsnd, in a queue that nobody has.
const SENDTO: u32 = 11;
const MSGSND: u32 = 11;

/// Makes one of [`CALLS_32`] by `int 0x80`, with these arguments but for the first, which is no descriptor or,
/// where it chooses another call, a harmless one. Pointers are what is below 4 GiB: mostly nothing.
///
/// # Panics
/// When the call is not one of them.
pub fn call_32(nr: u32, arguments: [u32; 6]) -> i32 {
    assert!(CALLS_32.contains(&nr), "{nr}");
    let first = match nr {
        102 => SENDTO,
        117 => MSGSND,
        10 | 11 | 38 | 83 => arguments[0],
        _ => NO_FD,
    };
    let second = if nr == 117 { NO_FD } else { arguments[1] };
    let result: i32;
    // SAFETY: the kernel may read memory at these addresses and writes none: no call here succeeds, for it has
    // no descriptor, queue or name that exists. rbx and rbp are saved for the compiler, which uses them itself.
    unsafe {
        core::arch::asm!(
            "push rbx",
            "push rbp",
            // In this order: either may be in rbx.
            "mov ebp, {last:e}",
            "mov ebx, {first:e}",
            "int 0x80",
            "pop rbp",
            "pop rbx",
            first = in(reg) first,
            last = in(reg) arguments[5],
            inlateout("eax") nr => result,
            in("ecx") second,
            in("edx") arguments[2],
            in("esi") arguments[3],
            in("edi") arguments[4],
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    result
}
