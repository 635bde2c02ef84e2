//! Credentials.

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::Ctx;
use crate::process::Process;

/// clone(2).
const CLONE_FILES: u64 = 0x400;

/// The credentials after a successful call are facts the kernel gave, not its arguments. They are those of the thread
/// that called: libc has all threads make the call where all are meant.
pub(super) fn apply(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) {
    // Slot 0 is the result of all of them.
    if rec.i64(0) < 0 {
        return;
    }
    // One table of descriptors stands for all threads.
    if rec.event() == SAKER_EV_UNSHARE
        && rec.u64(SAKER_P_UNSHARE_flags) & CLONE_FILES != 0
        && process.threads.is_empty()
    {
        process.sharing = None;
    }
    if let Some(asked) = &mut process.asked {
        asked.cred_told(rec.hdr().tid, rec.hdr().ts_ns);
    }
    let Some(cred) = process.cred_mut(rec.hdr().tid) else {
        ctx.counters.thread_overflow += 1;
        return;
    };
    match rec.event() {
        SAKER_EV_SETUID => cred.uid = rec.u64(SAKER_P_SETUID_now_euid) as u32,
        SAKER_EV_SETREUID => cred.uid = rec.u64(SAKER_P_SETREUID_now_euid) as u32,
        SAKER_EV_SETRESUID => cred.uid = rec.u64(SAKER_P_SETRESUID_now_euid) as u32,
        SAKER_EV_SETGID => cred.gid = rec.u64(SAKER_P_SETGID_now_egid) as u32,
        SAKER_EV_SETREGID => cred.gid = rec.u64(SAKER_P_SETREGID_now_egid) as u32,
        SAKER_EV_SETRESGID => cred.gid = rec.u64(SAKER_P_SETRESGID_now_egid) as u32,
        _ => {}
    }
    if let Some(first) = capabilities(rec.event()) {
        let now = three(rec, first);
        // Captures of before these were told say nothing; a root that has none has lost them by an exec or a capset.
        if now != [0; 3] || cred.uid != 0 || rec.event() == SAKER_EV_CAPSET {
            cred.set_capabilities(now);
        }
    }
}

/// First of the three slots of the capabilities after a call: inheritable, permitted, effective.
const fn capabilities(event: u32) -> Option<u32> {
    Some(match event {
        SAKER_EV_CAPSET => SAKER_P_CAPSET_cap_inheritable,
        SAKER_EV_SETUID => SAKER_P_SETUID_now_inheritable,
        SAKER_EV_SETREUID => SAKER_P_SETREUID_now_inheritable,
        SAKER_EV_SETRESUID => SAKER_P_SETRESUID_now_inheritable,
        SAKER_EV_SETNS => SAKER_P_SETNS_now_inheritable,
        SAKER_EV_UNSHARE => SAKER_P_UNSHARE_now_inheritable,
        _ => return None,
    })
}

/// Inheritable, permitted, effective capabilities, in three slots.
pub(super) fn three(rec: &Record<'_>, first: u32) -> [u64; 3] {
    [0, 1, 2].map(|n| rec.u64(first + n))
}
