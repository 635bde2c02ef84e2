//! Records kept and attached.

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
