//! What calls act on and what they were given, by the kernel: told in a record of its own before that of the call, and
//! attached to it here.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use saker_abi::raw::*;
use saker_abi::record::{Record, Var};

use crate::counters::Counters;

/// Threads of a partition between the two records.
pub const MAX_ACTED_THREADS: usize = 4096;
/// Requests of io_uring of a partition between the two records.
pub const MAX_ACTED_REQUESTS: usize = 64;
/// Buffers kept for reuse, and the largest of them: most records are small.
const SPARE: usize = 16;
const SPARE_BYTES: usize = 4096;

/// Records that wait for that of their call.
#[derive(Debug, Default)]
pub(crate) struct Acted {
    /// By thread, with the time: it is in one call at a time.
    threads: FxHashMap<u32, (u64, Vec<u8>)>,
    /// These times and threads in order; some have gone since, or have a later time. At most twice as many.
    order: VecDeque<(u64, u32)>,
    /// Workers of one ring run side by side, under the number of its owner; the oldest first.
    requests: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// The one of the call that is evaluated.
    current: Vec<u8>,
    /// That call's own record with what the kernel took from user memory in place of what is there now.
    as_given: Vec<u8>,
}

/// What was told of a call before its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// What it acts on.
    Acted,
    /// What it was given.
    Given,
}

// The event of the call that follows is in the same place in both.
const _: () = assert!(SAKER_P_GIVEN_event == SAKER_P_ACTED_event);

impl Acted {
    /// Keeps a `SAKER_EV_ACTED` or `SAKER_EV_GIVEN` for the call it stands before.
    pub(crate) fn keep(&mut self, rec: &Record<'_>, counters: &mut Counters) {
        let (tid, ts_ns) = (rec.hdr().tid, rec.hdr().ts_ns);
        if by_request(rec) {
            if self.requests.len() >= MAX_ACTED_REQUESTS
                && let Some(oldest) = self.requests.pop_front()
            {
                counters.acted_overflow += 1;
                self.reuse(oldest);
            }
            let bytes = self.copy(rec);
            self.requests.push_back(bytes);
        } else if let Some((kept_ns, kept)) = self.threads.get_mut(&tid) {
            // The kernel looked again: what it found last counts.
            *kept_ns = ts_ns;
            kept.clear();
            kept.extend_from_slice(rec.bytes());
            self.put_last(ts_ns, tid);
        } else {
            if self.threads.len() >= MAX_ACTED_THREADS {
                counters.acted_overflow += 1;
                self.drop_oldest_thread();
            }
            let bytes = self.copy(rec);
            self.threads.insert(tid, (ts_ns, bytes));
            self.put_last(ts_ns, tid);
        }
    }

    fn put_last(&mut self, ts_ns: u64, tid: u32) {
        if self.order.len() >= 2 * MAX_ACTED_THREADS {
            let waits = |&(ts_ns, tid): &(u64, u32)| is_since(&self.threads, tid, ts_ns);
            self.order.retain(waits);
        }
        self.order.push_back((ts_ns, tid));
    }

    /// A thread that waits longest is the likeliest to be gone.
    fn drop_oldest_thread(&mut self) {
        while let Some((ts_ns, tid)) = self.order.pop_front() {
            if is_since(&self.threads, tid, ts_ns)
                && let Some((_, oldest)) = self.threads.remove(&tid)
            {
                self.reuse(oldest);
                return;
            }
        }
    }

    /// The process `tgid` of this tag is no more, or of whatever tag if it is 0: its calls do not end.
    pub(crate) fn forget(&mut self, tgid: u32, start_tag: u16, counters: &mut Counters) {
        let before = self.threads.len() + self.requests.len();
        let stays = |kept: &[u8]| {
            Record::parse(kept).is_ok_and(|kept| {
                let hdr = kept.hdr();
                hdr.tgid != tgid || start_tag != 0 && hdr.start_tag != start_tag
            })
        };
        if before > 0 {
            self.threads.retain(|_, (_, kept)| stays(kept));
            self.requests.retain(|kept| stays(kept));
            let dropped = before - self.threads.len() - self.requests.len();
            counters.acted_unmatched += dropped as u64;
        }
    }

    /// Makes what was kept for the call of `rec` the current one. Whatever else the thread does first ends the wait:
    /// its call was lost.
    pub(crate) fn attach(&mut self, rec: &Record<'_>, counters: &mut Counters) -> Told {
        if self.threads.is_empty() && self.requests.is_empty() {
            return Told::Nothing;
        }
        let hdr = rec.hdr();
        if by_request(rec) {
            let named = |kept: &Vec<u8>| of_kind(kept, rec) && is_named(kept, rec);
            // Names that are missing, or were others when the kernel took them, fit none. Who succeeds has acted on
            // something: then it is what waits longest. One that failed may not take what belongs to another.
            let oldest = |kept: &Vec<u8>| returned(rec) >= 0 && of_kind(kept, rec);
            let at = self.requests.iter().position(named);
            let at = at.or_else(|| self.requests.iter().position(oldest));
            let Some(kept) = at.and_then(|at| self.requests.remove(at)) else {
                return Told::Nothing;
            };
            self.set_current(kept);
            return Told::Acted;
        }
        if rec.event() == SAKER_EV_PROCEXIT && hdr.tid == hdr.tgid {
            let of_others =
                |kept: &Vec<u8>| Record::parse(kept).is_ok_and(|kept| kept.hdr().tgid != hdr.tgid);
            self.requests.retain(of_others);
        }
        let Some((_, kept)) = self.threads.remove(&hdr.tid) else {
            return Told::Nothing;
        };
        let told = Record::parse(&kept).map_or(Told::Nothing, |before| self.told(&before, rec));
        match told {
            Told::Acted => self.set_current(kept),
            Told::Given => self.reuse(kept),
            Told::Nothing => {
                counters.acted_unmatched += 1;
                self.reuse(kept);
            }
        }
        told
    }

    /// What `before` tells of the call of `rec`.
    fn told(&mut self, before: &Record<'_>, rec: &Record<'_>) -> Told {
        let (hdr, call) = (before.hdr(), rec.hdr());
        let fits = (hdr.tgid, hdr.start_tag) == (call.tgid, call.start_tag)
            && before.u64(SAKER_P_ACTED_event) == u64::from(rec.event());
        if !fits {
            return Told::Nothing;
        }
        if before.event() != SAKER_EV_GIVEN {
            return Told::Acted;
        }
        // An open that succeeded has looked for something else on its way.
        if rec.info().opens() && returned(rec) >= 0 {
            return Told::Nothing;
        }
        let Some(slot) = rec.info().given_slot() else {
            return Told::Nothing;
        };
        let value = (slot, before.var(SAKER_P_GIVEN_value));
        // The number is another file's by now: its ends are not those that were connected.
        let other = rec.event() == SAKER_EV_CONNECT && is_other(before, rec);
        let none = (SAKER_P_CONNECT_tuple, Var::EMPTY);
        let vars = &[value, none][..1 + usize::from(other)];
        match rec.replace(vars, &mut self.as_given) {
            true => Told::Given,
            false => Told::Nothing,
        }
    }

    /// What the call under evaluation acts on, if [`Self::attach`] found it.
    pub(crate) fn current(&self) -> Option<Record<'_>> {
        Record::parse(&self.current).ok()
    }

    /// The call under evaluation as the kernel was given it, if [`Self::attach`] found that.
    pub(crate) fn as_given(&self) -> Option<Record<'_>> {
        Record::parse(&self.as_given).ok()
    }

    /// Records were lost: nobody knows which calls the kept ones stood before.
    pub(crate) fn clear(&mut self) {
        self.threads.clear();
        self.requests.clear();
    }

    fn copy(&mut self, rec: &Record<'_>) -> Vec<u8> {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(rec.bytes());
        bytes
    }

    fn set_current(&mut self, kept: Vec<u8>) {
        let last = std::mem::replace(&mut self.current, kept);
        self.reuse(last);
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < SPARE && bytes.capacity() <= SPARE_BYTES {
            self.spare.push(bytes);
        }
    }
}

/// Whether `tid` waits since then.
fn is_since(threads: &FxHashMap<u32, (u64, Vec<u8>)>, tid: u32, ts_ns: u64) -> bool {
    threads.get(&tid).is_some_and(|&(since, _)| since == ts_ns)
}

/// What a call that opens has returned: its first parameter.
fn returned(rec: &Record<'_>) -> i64 {
    rec.i64(0)
}

fn by_request(rec: &Record<'_>) -> bool {
    u32::from(rec.hdr().flags) & SAKER_HF_IO_URING != 0
}

/// Whether `kept` is of the process of request `rec` and of the same kind.
fn of_kind(kept: &[u8], rec: &Record<'_>) -> bool {
    Record::parse(kept).is_ok_and(|kept| {
        kept.hdr().tgid == rec.hdr().tgid && kept.u64(SAKER_P_ACTED_event) == u64::from(rec.event())
    })
}

/// Whether `kept` has the last name that `rec` was given, which the kernel does not follow in these. Of two that agree
/// in that the real names may be exchanged.
fn is_named(kept: &[u8], rec: &Record<'_>) -> bool {
    let (real, given) = match rec.event() {
        SAKER_EV_UNLINKAT => (SAKER_P_ACTED_real, SAKER_P_UNLINKAT_name),
        SAKER_EV_RENAMEAT2 => (SAKER_P_ACTED_real, SAKER_P_RENAMEAT2_oldpath),
        SAKER_EV_MKDIRAT => (SAKER_P_ACTED_real, SAKER_P_MKDIRAT_path),
        SAKER_EV_SYMLINKAT => (SAKER_P_ACTED_real, SAKER_P_SYMLINKAT_linkpath),
        SAKER_EV_LINKAT => (SAKER_P_ACTED_real2, SAKER_P_LINKAT_newpath),
        _ => return false,
    };
    Record::parse(kept)
        .is_ok_and(|kept| last_name(kept.var(real).bytes) == last_name(rec.var(given).bytes))
}

fn last_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    let path = &path[..end];
    let start = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    &path[start..]
}

/// Whether the socket that a connect was asked of is not the one it tells the ends of.
fn is_other(before: &Record<'_>, rec: &Record<'_>) -> bool {
    let asked = before.u64(SAKER_P_GIVEN_sock_id);
    let told = rec.tuple(SAKER_P_CONNECT_tuple);
    asked != 0 && told.is_none_or(|tuple| tuple.sock_id != asked)
}

#[cfg(test)]
mod tests;
