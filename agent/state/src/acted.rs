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
mod tests {
    use super::*;
    use saker_abi::record::RecordBuilder;

    fn acted(ts: u64, tid: u32, event: u32, real: &str) -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_ACTED, ts, 60, tid)
            .num(SAKER_P_ACTED_event, event.into())
            .var(SAKER_P_ACTED_real, real.as_bytes())
    }

    fn unlink(ts: u64, tid: u32, path: &str) -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_UNLINK, ts, 60, tid).var(SAKER_P_UNLINK_path, path.as_bytes())
    }

    fn by_uring(rec: RecordBuilder) -> RecordBuilder {
        rec.hdr(|hdr| hdr.flags = SAKER_HF_IO_URING as u16)
    }

    fn with<R>(bytes: &[u8], f: impl FnOnce(&Record<'_>) -> R) -> R {
        f(&Record::parse(bytes).expect("a record"))
    }

    fn real(acted: &Acted) -> String {
        let current = acted.current().expect("one is attached");
        String::from_utf8_lossy(current.var(SAKER_P_ACTED_real).bytes).into_owned()
    }

    #[derive(Default)]
    struct Case(Acted, Counters);

    impl Case {
        fn keep(&mut self, rec: RecordBuilder) {
            with(&rec.build(), |rec| self.0.keep(rec, &mut self.1));
        }

        fn attach(&mut self, rec: RecordBuilder) -> bool {
            self.told(rec) == Told::Acted
        }

        fn told(&mut self, rec: RecordBuilder) -> Told {
            with(&rec.build(), |rec| self.0.attach(rec, &mut self.1))
        }
    }

    #[test]
    fn the_next_call_of_the_thread_has_it_once() {
        let mut case = Case::default();
        case.keep(acted(1, 61, SAKER_EV_UNLINK, "/etc/a"));
        case.keep(acted(1, 62, SAKER_EV_UNLINK, "/etc/b"));
        case.keep(acted(2, 62, SAKER_EV_UNLINK, "/etc/c"));
        assert!(case.attach(unlink(3, 61, "x")));
        assert_eq!(real(&case.0), "/etc/a");
        assert!(case.attach(unlink(3, 62, "x")));
        assert_eq!(real(&case.0), "/etc/c", "the kernel looked twice");
        assert!(!case.attach(unlink(4, 61, "x")));
        assert_eq!((case.1.acted_unmatched, case.0.threads.len()), (0, 0));
    }

    #[test]
    fn another_call_ends_the_wait() {
        let mut case = Case::default();
        case.keep(acted(1, 61, SAKER_EV_RENAME, "/etc/a"));
        assert!(!case.attach(unlink(2, 61, "x")), "of another kind");
        case.keep(acted(3, 61, SAKER_EV_UNLINK, "/etc/a"));
        let exit = |tid| RecordBuilder::new(SAKER_EV_PROCEXIT, 4, 60, tid);
        assert!(!case.attach(exit(61)));
        case.keep(acted(5, 61, SAKER_EV_UNLINK, "/etc/a"));
        let other = RecordBuilder::new(SAKER_EV_UNLINK, 6, 99, 61);
        assert!(!case.attach(other), "the number is another process's");
        assert_eq!((case.1.acted_unmatched, case.0.threads.len()), (3, 0));
        case.keep(acted(7, 61, SAKER_EV_UNLINK, "/etc/a"));
        case.0.clear();
        assert!(!case.attach(unlink(8, 61, "x")), "after a loss");
    }

    #[test]
    fn requests_are_told_apart_by_their_names() {
        let request = |real: &str| by_uring(acted(1, 60, SAKER_EV_UNLINKAT, real));
        let done = |name: &str| {
            by_uring(RecordBuilder::new(SAKER_EV_UNLINKAT, 2, 60, 60))
                .var(SAKER_P_UNLINKAT_name, name.as_bytes())
        };
        let mut case = Case::default();
        case.keep(request("/etc/a"));
        case.keep(request("/etc/b"));
        assert!(!case.attach(unlink(2, 60, "b")), "a call is no request");
        assert!(case.attach(done("lab/link/b/")));
        assert_eq!(real(&case.0), "/etc/b");
        assert!(case.attach(done("b")), "the other one");
        assert_eq!(real(&case.0), "/etc/a");
        case.keep(request("/etc/a"));
        let exit = RecordBuilder::new(SAKER_EV_PROCEXIT, 4, 60, 60);
        assert!(!case.attach(exit) && case.0.requests.is_empty());
    }

    /// The driver forgot the name, or a thread rewrote it before the kernel took it.
    #[test]
    fn a_request_of_another_name_has_what_waits_longest() {
        let request = |event, real: &str| by_uring(acted(1, 60, event, real));
        let done = |res, name: &str| {
            by_uring(RecordBuilder::new(SAKER_EV_UNLINKAT, 2, 60, 60))
                .num(SAKER_P_UNLINKAT_res, res)
                .var(SAKER_P_UNLINKAT_name, name.as_bytes())
        };
        let mut case = Case::default();
        case.keep(request(SAKER_EV_MKDIRAT, "/etc/z"));
        case.keep(request(SAKER_EV_UNLINKAT, "/etc/a"));
        case.keep(request(SAKER_EV_UNLINKAT, "/etc/b"));
        assert!(!case.attach(done(-2, "x")), "it has reached nothing");
        assert!(case.attach(done(0, "b")));
        assert_eq!(real(&case.0), "/etc/b");
        assert!(case.attach(done(0, "")));
        assert_eq!(real(&case.0), "/etc/a");
        assert!(!case.attach(done(0, "z")), "of another kind");
    }

    #[test]
    fn what_an_ended_process_left_goes_with_it() {
        let mut case = Case::default();
        let tagged =
            |tid, tag| acted(1, tid, SAKER_EV_UNLINK, "/etc/a").hdr(move |hdr| hdr.start_tag = tag);
        case.keep(tagged(61, 5));
        case.keep(tagged(62, 6));
        case.keep(by_uring(tagged(60, 5)));
        case.0.forget(99, 5, &mut case.1);
        assert_eq!(case.1.acted_unmatched, 0, "another process");
        case.0.forget(60, 5, &mut case.1);
        assert_eq!(case.1.acted_unmatched, 2);
        let successor = unlink(2, 62, "x").hdr(|hdr| hdr.start_tag = 6);
        assert!(case.attach(successor), "of the next one of that number");
        case.keep(tagged(61, 5));
        case.0.forget(60, 0, &mut case.1);
        assert_eq!((case.1.acted_unmatched, case.0.threads.len()), (3, 0));
    }

    fn given(tid: u32, event: u32, value: &[u8]) -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_GIVEN, 1, 60, tid)
            .num(SAKER_P_GIVEN_event, event.into())
            .var(SAKER_P_GIVEN_value, value)
    }

    fn open(tid: u32, fd: i64) -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_OPENAT, 2, 60, tid)
            .num(SAKER_P_OPENAT_fd, fd)
            .num(SAKER_P_OPENAT_dirfd, -100)
            .var(SAKER_P_OPENAT_name, b"/tmp/rewritten")
    }

    #[test]
    fn a_failed_open_has_the_name_that_the_kernel_took() {
        let mut case = Case::default();
        case.keep(given(61, SAKER_EV_OPENAT, b"/tmp/fifo"));
        assert_eq!(case.told(open(61, -4)), Told::Given);
        let call = case.0.as_given().expect("a record");
        assert_eq!(call.var(SAKER_P_OPENAT_name).bytes, b"/tmp/fifo");
        let numbers = [SAKER_P_OPENAT_fd, SAKER_P_OPENAT_dirfd].map(|slot| call.i64(slot));
        assert_eq!(numbers, [-4, -100]);
        assert_eq!(case.told(open(61, -4)), Told::Nothing, "once");
        assert_eq!(case.1.acted_unmatched, 0);
        case.keep(given(61, SAKER_EV_OPENAT, b"/lib/firmware"));
        assert_eq!(case.told(open(61, 3)), Told::Nothing, "it has a file");
        case.keep(given(61, SAKER_EV_OPEN, b"/tmp/fifo"));
        assert_eq!(case.told(open(61, -4)), Told::Nothing, "of another call");
        case.keep(given(61, SAKER_EV_OPENAT, b"/tmp/fifo"));
        assert_eq!(case.told(open(62, -4)), Told::Nothing, "another thread");
    }

    #[test]
    fn a_connect_has_no_ends_of_another_socket() {
        const ADDRESS: &[u8] = &[2, 0, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut case = Case::default();
        let mut tuple = saker_tuple::default_zero();
        (tuple.family, tuple.sock_id) = (2, 7);
        let connect = |tuple| {
            let rec = RecordBuilder::new(SAKER_EV_CONNECT, 2, 60, 61);
            rec.tuple(SAKER_P_CONNECT_tuple, tuple)
                .var(SAKER_P_CONNECT_addr, b"rewritten")
        };
        for (sock_id, has_ends) in [(7, true), (8, false), (0, true)] {
            case.keep(given(61, SAKER_EV_CONNECT, ADDRESS).num(SAKER_P_GIVEN_sock_id, sock_id));
            assert_eq!(case.told(connect(&tuple)), Told::Given);
            let call = case.0.as_given().expect("a record");
            assert_eq!(call.var(SAKER_P_CONNECT_addr).bytes, ADDRESS);
            assert_eq!(call.tuple(SAKER_P_CONNECT_tuple).is_some(), has_ends);
        }
    }

    #[test]
    fn connects_have_the_address_that_the_kernel_took() {
        let connect = |res| {
            RecordBuilder::new(SAKER_EV_CONNECT, 2, 60, 61)
                .num(SAKER_P_CONNECT_res, res)
                .var(SAKER_P_CONNECT_addr, b"rewritten")
        };
        for res in [0, -4, -115] {
            let mut case = Case::default();
            case.keep(given(61, SAKER_EV_CONNECT, b"address"));
            assert_eq!(case.told(connect(res)), Told::Given);
            let call = case.0.as_given().expect("a record");
            assert_eq!(call.var(SAKER_P_CONNECT_addr).bytes, b"address");
        }
    }

    #[test]
    fn a_failed_exec_has_its_name() {
        let exec = |res| {
            RecordBuilder::new(SAKER_EV_EXECVEAT, 2, 60, 61)
                .num(SAKER_P_EXECVEAT_res, res)
                .var(SAKER_P_EXECVEAT_filename, b"rewritten")
        };
        let mut case = Case::default();
        case.keep(given(61, SAKER_EV_EXECVEAT, b"./x"));
        assert_eq!(case.told(exec(-2)), Told::Given);
        let call = case.0.as_given().expect("a record");
        assert_eq!(call.var(SAKER_P_EXECVEAT_filename).bytes, b"./x");
        case.keep(given(61, SAKER_EV_EXECVEAT, b"./x"));
        assert_eq!(case.told(exec(0)), Told::Nothing);
    }

    #[test]
    fn the_tables_have_an_end() {
        let mut case = Case::default();
        for tid in 0..MAX_ACTED_THREADS as u32 + 3 {
            case.keep(acted(u64::from(tid), tid, SAKER_EV_UNLINK, "/etc/a"));
            // One that is told again waits anew.
            if tid == 9 {
                case.keep(acted(9_000, 0, SAKER_EV_UNLINK, "/etc/b"));
            }
        }
        assert_eq!(case.0.threads.len(), MAX_ACTED_THREADS);
        let last = MAX_ACTED_THREADS as u32 + 2;
        assert!(case.attach(unlink(9_999, last, "x")), "the newest is kept");
        for gone in 1..4 {
            assert!(!case.attach(unlink(9_999, gone, "x")), "{gone}: the oldest");
        }
        assert!(case.attach(unlink(9_999, 0, "x")), "told again");
        for ts_ns in 0..5 * MAX_ACTED_THREADS as u64 {
            case.keep(acted(ts_ns, 2, SAKER_EV_UNLINK, "/etc/a"));
            assert!(case.attach(unlink(ts_ns, 2, "x")));
        }
        assert!(case.0.order.len() <= 2 * MAX_ACTED_THREADS);
        case.keep(acted(9_999, 2, SAKER_EV_UNLINK, "/etc/a"));
        for number in 0..MAX_ACTED_REQUESTS + 2 {
            let name = format!("/etc/{number}");
            case.keep(by_uring(acted(1, 60, SAKER_EV_UNLINKAT, &name)));
        }
        assert_eq!(case.0.requests.len(), MAX_ACTED_REQUESTS);
        assert_eq!(case.1.acted_overflow, 5);
    }
}
