//! Credentials.

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::Ctx;
use crate::process::{Cred, Process};

/// Capabilities up to `CAP_CHECKPOINT_RESTORE`, what the creator of a user namespace has there
/// (user_namespaces(7)).
const ALL_CAPS: u64 = (1 << 41) - 1;

/// clone(2).
const CLONE_NEWUSER: u64 = 0x1000_0000;
const CLONE_FILES: u64 = 0x400;

/// The credentials after a successful call are facts the kernel gave, not its arguments. They are those of the thread
/// that called: libc has all threads make the call where all are meant.
pub(super) fn apply(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) {
    // Slot 0 is the result of all of them.
    if rec.i64(0) < 0 {
        return;
    }
    let namespaces = match rec.event() {
        SAKER_EV_SETNS => rec.u64(SAKER_P_SETNS_nstype),
        SAKER_EV_UNSHARE => rec.u64(SAKER_P_UNSHARE_flags),
        _ => CLONE_NEWUSER,
    };
    // One table of descriptors stands for all threads.
    if rec.event() == SAKER_EV_UNSHARE
        && namespaces & CLONE_FILES != 0
        && process.threads.is_empty()
    {
        process.sharing = None;
    }
    if namespaces & CLONE_NEWUSER == 0 {
        return;
    }
    let Some(cred) = process.cred_mut(rec.hdr().tid) else {
        ctx.counters.thread_overflow += 1;
        return;
    };
    match rec.event() {
        SAKER_EV_SETUID => set_uid(cred, rec.u64(SAKER_P_SETUID_now_euid) as u32),
        SAKER_EV_SETREUID => set_uid(cred, rec.u64(SAKER_P_SETREUID_now_euid) as u32),
        SAKER_EV_SETRESUID => set_uid(cred, rec.u64(SAKER_P_SETRESUID_now_euid) as u32),
        SAKER_EV_SETGID => cred.gid = rec.u64(SAKER_P_SETGID_now_egid) as u32,
        SAKER_EV_SETREGID => cred.gid = rec.u64(SAKER_P_SETREGID_now_egid) as u32,
        SAKER_EV_SETRESGID => cred.gid = rec.u64(SAKER_P_SETRESGID_now_egid) as u32,
        SAKER_EV_CAPSET => {
            cred.cap_inheritable = rec.u64(SAKER_P_CAPSET_cap_inheritable);
            cred.cap_permitted = rec.u64(SAKER_P_CAPSET_cap_permitted);
            cred.cap_effective = rec.u64(SAKER_P_CAPSET_cap_effective);
        }
        SAKER_EV_SETNS | SAKER_EV_UNSHARE => {
            *cred = Cred {
                cap_inheritable: ALL_CAPS,
                cap_permitted: ALL_CAPS,
                cap_effective: ALL_CAPS,
                ..*cred
            };
        }
        _ => {}
    }
}

/// Who becomes root may do what is permitted (capabilities(7)). What is lost the other way depends on more than the
/// record says, and stays.
fn set_uid(cred: &mut Cred, uid: u32) {
    if cred.uid != 0 && uid == 0 {
        cred.cap_effective |= cred.cap_permitted;
    }
    cred.uid = uid;
}
