//! Credentials.

use saker_abi::raw::*;
use saker_abi::record::Record;

use crate::process::{Cred, Process};

/// Capabilities up to `CAP_CHECKPOINT_RESTORE`, what the creator of a user namespace has there
/// (user_namespaces(7)).
const ALL_CAPS: u64 = (1 << 41) - 1;

/// clone(2).
const CLONE_NEWUSER: u64 = 0x1000_0000;
const CLONE_FILES: u64 = 0x400;

/// The credentials after a successful call are facts the kernel gave, not its arguments. They are the caller's, a
/// thread's.
pub(super) fn apply(process: &mut Process, rec: &Record<'_>) {
    // Slot 0 is the result of all of them.
    if rec.i64(0) < 0 {
        return;
    }
    let tid = rec.hdr().tid;
    let cred = process.cred_mut(tid);
    match rec.event() {
        SAKER_EV_SETUID => cred.uid = rec.u64(SAKER_P_SETUID_now_euid) as u32,
        SAKER_EV_SETREUID => cred.uid = rec.u64(SAKER_P_SETREUID_now_euid) as u32,
        SAKER_EV_SETRESUID => cred.uid = rec.u64(SAKER_P_SETRESUID_now_euid) as u32,
        SAKER_EV_SETGID => cred.gid = rec.u64(SAKER_P_SETGID_now_egid) as u32,
        SAKER_EV_SETREGID => cred.gid = rec.u64(SAKER_P_SETREGID_now_egid) as u32,
        SAKER_EV_SETRESGID => cred.gid = rec.u64(SAKER_P_SETRESGID_now_egid) as u32,
        SAKER_EV_CAPSET => {
            cred.cap_inheritable = rec.u64(SAKER_P_CAPSET_cap_inheritable);
            cred.cap_permitted = rec.u64(SAKER_P_CAPSET_cap_permitted);
            cred.cap_effective = rec.u64(SAKER_P_CAPSET_cap_effective);
        }
        SAKER_EV_SETNS => new_user_namespace(cred, rec.u64(SAKER_P_SETNS_nstype)),
        SAKER_EV_UNSHARE => {
            let flags = rec.u64(SAKER_P_UNSHARE_flags);
            new_user_namespace(cred, flags);
            // One table stands for all threads.
            if flags & CLONE_FILES != 0 && process.threads.is_empty() {
                process.sharing = None;
            }
        }
        _ => {}
    }
}

fn new_user_namespace(cred: &mut Cred, flags: u64) {
    if flags & CLONE_NEWUSER != 0 {
        (cred.cap_inheritable, cred.cap_permitted, cred.cap_effective) =
            (ALL_CAPS, ALL_CAPS, ALL_CAPS);
    }
}
