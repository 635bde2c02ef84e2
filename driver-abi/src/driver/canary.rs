//! The canary: a system call of the agent that its driver must record.

use std::io;

use crate::raw::SAKER_CANARY_OPTION;

/// Makes the call that a driver with this process as `own_tgid` records as a CANARY with `token`, in
/// the ring of the CPU that the thread runs on. The kernel has no such option and refuses it.
///
/// # Errors
/// When the kernel did not refuse it as it refuses an unknown option: something (seccomp, a security
/// module) keeps the call from being made, and then the driver does not see it either.
pub fn provoke(token: u64) -> io::Result<()> {
    // SAFETY: the option is none the kernel knows, so no argument is looked at; prctl(2) takes words.
    let result =
        unsafe { libc::prctl(SAKER_CANARY_OPTION as libc::c_int, token, 0u64, 0u64, 0u64) };
    let error = io::Error::last_os_error();
    match (result, error.raw_os_error()) {
        (-1, Some(libc::EINVAL)) => Ok(()),
        (-1, _) => Err(error),
        _ => Err(io::Error::other("the kernel knows the option")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_refuses_the_option() {
        provoke(u64::MAX).expect("EINVAL, as for any unknown option");
    }
}
