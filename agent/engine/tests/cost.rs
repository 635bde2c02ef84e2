//! What matching costs: no allocation unless a rule matches, every predicate once per event.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Owned, TestEvent, compiled, one_rule};
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::schema::{Event, EventType, FieldRef};
use saker_engine::value::Value;

/// Counts allocations of the thread that asks for it.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTED.with(Cell::get) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are those of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Thirty rules about opens in the manner of the stock ones.
fn rules() -> String {
    let shared = "- list: shells\n  items: [bash, sh, zsh, ksh, dash, ash, csh, tcsh]\n\
        - macro: open_read\n  condition: (evt.type in (open, openat) and evt.is_open_read = true \
          and fd.num >= 0)\n\
        - macro: package_managers\n  condition: proc.name in (dpkg, rpm, apt, yum, dnf, apk)\n";
    let rules = (0..30).map(|n| {
        one_rule(&format!(
            "open_read and not package_managers and not proc.name in (shells) and \
             (fd.name startswith /etc/secret{n} or fd.name endswith .key{n} or \
             tolower(proc.cmdline) contains nasty{n} or proc.pname = evil{n} or \
             proc.cmdline glob concat(proc.pname, \"*{n}\") or \
             getopt((proc.cmdline, proc.pname), \"ab:\")[b] = x{n})"
        ))
        .replace("rule: r", &format!("rule: r{n}"))
    });
    shared.to_owned() + &rules.collect::<String>()
}

fn event() -> TestEvent {
    TestEvent::new("openat")
        .with("proc.name", &[Owned::text("cat")])
        .with("proc.pname", &[Owned::text("bash")])
        .with("proc.cmdline", &[Owned::text("cat /etc/hosts")])
        .with("fd.name", &[Owned::text("/etc/hosts")])
        .with("fd.num", &[Owned::Int(3)])
        .with("evt.is_open_read", &[Owned::Bool(true)])
}

#[test]
fn matching_allocates_nothing_in_the_steady_state() {
    let mut matcher = Matcher::new(compiled(&rules()));
    let event = event();
    let mut run = |times: usize| {
        for _ in 0..times {
            assert_eq!(matcher.matches(&event, Matching::All, &mut |_| {}), 0);
        }
    };
    run(2);
    COUNTED.with(|counted| counted.set(true));
    run(100);
    COUNTED.with(|counted| counted.set(false));
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
}

/// Counts how often each field is asked for.
struct Asked<'a>(&'a TestEvent, Cell<usize>);

impl Event for Asked<'_> {
    fn event_type(&self) -> EventType {
        self.0.event_type()
    }

    fn get(&self, field: FieldRef) -> Option<Value<'_>> {
        self.1.set(self.1.get() + 1);
        self.0.get(field)
    }

    fn each(
        &self,
        field: FieldRef,
        visit: &mut dyn FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
    ) -> bool {
        self.0.each(field, visit)
    }
}

#[test]
fn shared_checks_are_made_once_and_impossible_rules_never() {
    let same = |n: usize| {
        one_rule("evt.type = open and proc.name = a and fd.num > 5")
            .replace("rule: r", &format!("rule: r{n}"))
    };
    let set = compiled(&(0..50).map(same).collect::<String>());
    assert_eq!(set.predicate_count(), 3);
    let mut matcher = Matcher::new(Arc::clone(&set));
    let event = TestEvent::new("open")
        .with("proc.name", &[Owned::text("a")])
        .with("fd.num", &[Owned::Int(1)]);
    let asked = Asked(&event, Cell::new(0));
    assert_eq!(matcher.matches(&asked, Matching::All, &mut |_| {}), 0);
    assert!(asked.1.get() <= 2, "{} questions", asked.1.get());
    let other = TestEvent::new("connect");
    let asked = Asked(&other, Cell::new(0));
    assert_eq!(matcher.matches(&asked, Matching::All, &mut |_| {}), 0);
    assert_eq!(asked.1.get(), 0);
    assert_eq!(set.rules_for(EventType(2)).count(), 0);
}

#[test]
fn alternatives_on_one_field_become_one_check() {
    let set = compiled(&one_rule(
        "proc.name = a or proc.name in (b, c) or proc.name = d or fd.name startswith /x or \
         fd.name startswith /y or fd.name startswith /z",
    ));
    assert!(set.rules_for(EventType(0)).count() == 1);
    let event = TestEvent::new("open")
        .with("proc.name", &[Owned::text("q")])
        .with("fd.name", &[Owned::text("/yes")]);
    let asked = Asked(&event, Cell::new(0));
    let mut matcher = Matcher::new(set);
    assert_eq!(matcher.matches(&asked, Matching::All, &mut |_| {}), 1);
    // The likelier one first, which settles it.
    assert_eq!(asked.1.get(), 1, "at most one question per field");
}

#[test]
fn hits_are_counted_per_rule_and_the_epoch_does_not_leak() {
    let text = one_rule("proc.name = a or proc.name = a and fd.num = 1")
        + &one_rule("not proc.name = a").replace("rule: r", "rule: s");
    let mut matcher = Matcher::new(compiled(&text));
    for round in 0..1000 {
        let name = if round % 4 == 0 { "a" } else { "b" };
        let event = TestEvent::new("open").with("proc.name", &[Owned::text(name)]);
        matcher.matches(&event, Matching::First, &mut |_| {});
    }
    assert_eq!(matcher.hits(), [250, 750]);
}

#[test]
fn a_profile_counts_rules_checks_and_look_ups() {
    let clock = || {
        static NOW: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        NOW.fetch_add(10, Ordering::Relaxed)
    };
    let rule = |name: &str, condition: &str| {
        one_rule(condition).replace("rule: r", &format!("rule: {name}"))
    };
    // Six names: one look-up answers for all.
    let names: String = (0..6)
        .map(|n| {
            rule(
                &format!("n{n}"),
                &format!("proc.name = name{n} and fd.num = 1"),
            )
        })
        .collect();
    let mut matcher = Matcher::new(compiled(&(names + &rule("other", "fd.num = 2"))));
    let event = TestEvent::new("open")
        .with("proc.name", &[Owned::text("name3")])
        .with("fd.num", &[Owned::Int(1)]);
    assert!(matcher.profile().is_none());
    matcher.start_profile(clock);
    for _ in 0..128 {
        assert_eq!(matcher.matches(&event, Matching::All, &mut |_| {}), 1);
    }
    let profile = matcher.stop_profile().expect("started");
    assert!(matcher.profile().is_none());
    assert_eq!(profile.events, 128);
    let counts: Vec<(u64, u64)> = profile
        .rules
        .iter()
        .map(|cost| (cost.evaluations, cost.hits))
        .collect();
    let mut wanted = vec![(0, 0); 7];
    (wanted[3], wanted[6]) = ((128, 128), (128, 0));
    assert_eq!(counts, wanted, "only what nearly matches is evaluated");
    let look_up = profile
        .lookups
        .iter()
        .find(|cost| cost.evaluations > 0)
        .expect("one");
    assert_eq!((look_up.evaluations, look_up.hits), (128, 128));
    assert_eq!(
        (look_up.sampled, look_up.sampled_ns),
        (2, 20),
        "one event in 64"
    );
    assert_eq!(look_up.total_ns(), 1280);
    let checks: u64 = profile.checks.iter().map(|cost| cost.evaluations).sum();
    assert!(checks >= 2 * 128, "{checks}");
    assert_eq!(profile.checks.len(), matcher.rules().checks().len());
    assert_eq!(profile.lookups.len(), matcher.rules().lookups().count());
}

/// A fast event, so that the time measured is the engine's.
struct Fast;

impl Event for Fast {
    fn event_type(&self) -> EventType {
        EventType(1)
    }

    fn get(&self, field: FieldRef) -> Option<Value<'_>> {
        match field.id {
            2 => Some(Value::Bytes(b"cat")),
            3 => Some(Value::Bytes(b"bash")),
            5 => Some(Value::Bytes(b"/etc/hosts")),
            6 => Some(Value::Int(3)),
            8 => Some(Value::Bool(true)),
            17 => Some(Value::Bytes(b"cat /etc/hosts")),
            _ => None,
        }
    }

    fn each(&self, _: FieldRef, _: &mut dyn FnMut(Value<'_>) -> std::ops::ControlFlow<()>) -> bool {
        false
    }
}

/// Nanoseconds per event of the fastest of many batches: other work on the machine does not count.
fn fastest_ns(file: &str) -> u128 {
    const BATCH: u128 = 500;
    let mut matcher = Matcher::new(compiled(file));
    let batches = (0..400).map(|_| {
        let start = std::time::Instant::now();
        for _ in 0..BATCH {
            assert_eq!(matcher.matches(&Fast, Matching::First, &mut |_| {}), 0);
        }
        start.elapsed().as_nanos() / BATCH
    });
    batches.min().unwrap_or(0)
}

#[test]
#[ignore = "prints a time: run with --release --nocapture"]
fn time_per_event() {
    let selective: String = (0..30)
        .map(|n| {
            let middle = [
                "fd.name startswith /root",
                "proc.name in (a, b, c, d, e, f)",
                "fd.num > 9",
            ];
            let middle = middle[n % 3];
            one_rule(&format!(
                "evt.type in (open, openat) and evt.is_open_read = true and {middle} and \
                 proc.pname = p{n} and not proc.cmdline contains x{n}"
            ))
            .replace("rule: r", &format!("rule: r{n}"))
        })
        .collect();
    println!(
        "30 rules that share their first checks: {} ns",
        fastest_ns(&selective)
    );
    let plain = rules().replace("tolower(proc.cmdline)", "proc.cmdline");
    println!(
        "30 rules, 120 checks of which none fails early: {} ns",
        fastest_ns(&plain)
    );
    println!("the same with 30 transformers: {} ns", fastest_ns(&rules()));
}
