//! The way from the queue to a sink.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use saker_alerts::{Alert, FormatOptions, Formatter, Output, Priority, RuleLabel, Sink, queue};

/// Keeps what was written, one element per call, or refuses it.
#[derive(Clone, Default)]
struct Memory {
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
    broken: bool,
}

impl Sink for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.writes
            .lock()
            .expect("not poisoned")
            .push(lines.to_vec());
        Ok(())
    }
}

fn alert(rule: &str, priority: Priority, message: &str) -> Alert {
    let rule = Arc::new(RuleLabel {
        name: rule.into(),
        priority,
        source: "syscall".into(),
        tags: Vec::new(),
    });
    Alert {
        rule,
        time_ns: 0,
        message: message.into(),
        fields: Vec::new(),
    }
}

fn formatter() -> Formatter {
    Formatter::new(FormatOptions {
        iso_8601: true,
        ..FormatOptions::default()
    })
}

#[test]
fn waiting_alerts_are_written_together_and_in_order() {
    let (sender, receiver) = queue(8);
    for n in 0..3 {
        assert!(sender.send(alert("r", Priority::Notice, &format!("m{n}"))));
    }
    drop(sender);
    let memory = Memory::default();
    let output = Output::spawn(
        receiver,
        formatter(),
        vec![Box::new(memory.clone())],
        |_| {},
    )
    .unwrap();
    let summary = output.finish().expect("the output ends");
    let writes = memory.writes.lock().unwrap();
    assert_eq!(writes.len(), 1, "one write for all that waited");
    let text = String::from_utf8(writes[0].clone()).unwrap();
    let messages: Vec<&str> = text
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(messages, ["m0", "m1", "m2"]);
    assert_eq!(summary.total(), 3);
    assert_eq!(summary.unwritten, 0);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_it() {
    let (sender, receiver) = queue(2);
    assert!(sender.send(alert("a", Priority::Error, "1")));
    assert!(sender.send(alert("a", Priority::Error, "2")));
    assert!(!sender.send(alert("b", Priority::Debug, "3")));
    let monitor = receiver.monitor();
    assert_eq!(monitor.dropped(Priority::Debug), 1);
    assert_eq!(monitor.dropped(Priority::Error), 0);
    assert_eq!((monitor.waiting(), monitor.capacity()), (2, 2));
    assert_eq!(receiver.try_recv().map(|a| a.message).as_deref(), Some("1"));
    assert_eq!(monitor.waiting(), 1);
}

#[test]
fn a_closed_output_is_told_once_and_the_queue_goes_on_draining() {
    let (sender, receiver) = queue(8);
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    let broken = Memory {
        broken: true,
        ..Memory::default()
    };
    let output = Output::spawn(receiver, formatter(), vec![Box::new(broken)], move |kind| {
        assert_eq!(kind, std::io::ErrorKind::BrokenPipe);
        assert!(!tell.swap(true, Ordering::SeqCst), "told twice");
    })
    .unwrap();
    for _ in 0..5 {
        sender.send(alert("r", Priority::Notice, "m"));
    }
    drop(sender);
    let summary = output.finish().expect("the output ends");
    assert!(told.load(Ordering::SeqCst));
    assert_eq!((summary.total(), summary.unwritten), (5, 5));
}

#[test]
fn the_summary_lists_only_what_happened() {
    let (sender, receiver) = queue(8);
    sender.send(alert("B rule", Priority::Informational, "m"));
    sender.send(alert("A rule", Priority::Warning, "m"));
    sender.send(alert("A rule", Priority::Warning, "m"));
    drop(sender);
    let memory = Memory::default();
    let output = Output::spawn(receiver, formatter(), vec![Box::new(memory)], |_| {}).unwrap();
    let text = output.finish().expect("the output ends").to_string();
    let expected = "Events detected: 3\nRule counts by severity:\n   WARNING: 2\n   INFO: 1\n\
        Triggered rules by rule name:\n   A rule: 2\n   B rule: 1";
    assert_eq!(text, expected);
}
