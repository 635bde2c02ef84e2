//! When captures of rules begin and end: what workers and the recorder's thread share.
//!
//! There is one capture at a time. The alert that begins it sets its end and tells the thread; alerts
//! meanwhile put the end off, but not for ever. Only the thread ends a capture, when all workers are past that time, and makes
//! ready for the next one when the file is written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::Sender;
use saker_engine::compiler::RuleMeta;

use crate::config::{CaptureConfig, CaptureMode};

/// The alert that begins a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begin {
    /// Number of the capture, from 1.
    pub generation: u64,
    /// Index of the rule.
    pub rule: usize,
    /// Time of the event, nanoseconds since the epoch.
    pub epoch_ns: u64,
    /// Number of the event.
    pub number: u64,
}

/// The event an alert is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alerted {
    /// Index of the rule.
    pub rule: usize,
    /// `CLOCK_BOOTTIME`.
    pub ts_ns: u64,
    /// Nanoseconds since the epoch.
    pub epoch_ns: u64,
    /// `evt.num`.
    pub number: u64,
}

/// Shared by the workers and the recorder's thread.
#[derive(Debug)]
pub(crate) struct Triggers {
    /// By rule: how long a capture goes on after its alert; 0: it asks for none.
    durations_ns: Box<[u64]>,
    /// How far a capture goes back.
    before_ns: u64,
    /// How far further alerts put its end off.
    longest_ns: u64,
    /// The capture that runs, 0 for none.
    generation: AtomicU64,
    /// Up to when; 0: none runs.
    until_ns: AtomicU64,
    /// From when.
    since_ns: AtomicU64,
    /// The end is not put off beyond this.
    latest_ns: AtomicU64,
    /// The thread can begin one.
    ready: AtomicBool,
    /// Captures begun.
    begun: AtomicU64,
    joined: AtomicU64,
    skipped: AtomicU64,
    begins: Sender<Begin>,
}

impl Triggers {
    /// For the rules of a set; `None` when no rule asks for captures. `begins` has room for one.
    pub(super) fn new(
        config: &CaptureConfig,
        rules: &[RuleMeta],
        begins: Sender<Begin>,
    ) -> Option<Self> {
        let default_ms = u64::try_from(config.default_duration_ms).unwrap_or(0);
        let duration_ns = |rule: &RuleMeta| {
            if config.mode == CaptureMode::Rules && !rule.capture {
                return 0;
            }
            let ms = match rule.capture_duration_ms {
                0 => default_ms,
                ms => ms,
            };
            // 0 is for rules without.
            ms.max(1).saturating_mul(1_000_000)
        };
        let durations_ns: Box<[u64]> = rules.iter().map(duration_ns).collect();
        let ns = |ms: i64| u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000);
        let some = config.enabled && durations_ns.iter().any(|&ns| ns > 0);
        some.then(|| Self {
            durations_ns,
            before_ns: ns(config.pre_ms),
            longest_ns: ns(config.max_duration_ms),
            generation: AtomicU64::new(0),
            until_ns: AtomicU64::new(0),
            since_ns: AtomicU64::new(0),
            latest_ns: AtomicU64::new(0),
            ready: AtomicBool::new(true),
            begun: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            begins,
        })
    }

    /// The capture that runs, 0 for none.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// From when it should be complete.
    pub(super) fn since_ns(&self) -> u64 {
        self.since_ns.load(Ordering::Relaxed)
    }

    /// Until when; 0 when none runs.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns.load(Ordering::Acquire)
    }

    /// Alerts whose capture was one that ran already, and those that found none ready.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.joined.load(Ordering::Relaxed),
            self.skipped.load(Ordering::Relaxed),
        )
    }

    /// A rule has matched: begins a capture or puts the end of the one that runs off.
    pub(crate) fn alert(&self, alerted: Alerted) {
        let Some(&duration_ns) = self.durations_ns.get(alerted.rule) else {
            return;
        };
        if duration_ns == 0 {
            return;
        }
        let end_ns = alerted.ts_ns.saturating_add(duration_ns);
        // What `latest_ns` is was stored before the end that is looked at here.
        let latest_ns = || self.latest_ns.load(Ordering::Relaxed);
        let put_off =
            |until_ns: u64| (until_ns != 0).then(|| until_ns.max(end_ns.min(latest_ns())));
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        if self.until_ns.fetch_update(set, fetch, put_off).is_ok() {
            let inside = alerted.ts_ns <= latest_ns();
            let counter = if inside { &self.joined } else { &self.skipped };
            counter.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if !self.ready.swap(false, Ordering::AcqRel) {
            // The last one is being written, or another worker begins one at this moment.
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let generation = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let since_ns = alerted.ts_ns.saturating_sub(self.before_ns);
        self.since_ns.store(since_ns, Ordering::Relaxed);
        let latest_ns = alerted.ts_ns.saturating_add(self.longest_ns).max(end_ns);
        self.latest_ns.store(latest_ns, Ordering::Relaxed);
        // Before the thread hears of it: without an end it would end at once.
        self.until_ns.store(end_ns, Ordering::Release);
        // There is room: nobody else has begun one since the thread was ready.
        let _ = self.begins.try_send(Begin {
            generation,
            rule: alerted.rule,
            epoch_ns: alerted.epoch_ns,
            number: alerted.number,
        });
        // Last: who sees it finds everything else, and what it sends comes after the message.
        self.generation.store(generation, Ordering::Release);
    }

    /// Ends what goes on under this number after its capture has ended, or never began: the alert may have told the
    /// thread and was held up before it told the workers.
    pub(super) fn forget(&self, generation: u64) {
        let (set, fetch) = (Ordering::AcqRel, Ordering::Relaxed);
        // Another one runs by now, or none: nothing to end.
        let _ = self.generation.compare_exchange(generation, 0, set, fetch);
    }

    /// Ends the capture unless its end was put off from `until_ns`.
    pub(super) fn close(&self, until_ns: u64) -> bool {
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        let closed = self.until_ns.compare_exchange(until_ns, 0, set, fetch);
        if closed.is_ok() {
            self.generation.store(0, Ordering::Release);
        }
        closed.is_ok()
    }

    /// Ends it at once.
    pub(super) fn abort(&self) {
        self.until_ns.store(0, Ordering::Release);
        self.generation.store(0, Ordering::Release);
    }

    /// The next one may begin.
    pub(super) fn make_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crossbeam_channel::{Receiver, bounded};
    use saker_engine::compiler::RuleSet;
    use saker_fields::FieldSchema;

    use super::*;
    use crate::rules::tests::compiled;

    /// Two rules, of which the second asks for a capture of 70 ms.
    pub(in crate::capture) fn rules() -> RuleSet {
        let schema = FieldSchema::new();
        let text = "- rule: a\n  desc: d\n  condition: evt.type = unlink\n  output: o\n  \
             priority: info\n- rule: b\n  desc: d\n  condition: evt.type = rmdir\n  output: o\n  \
             priority: info\n  capture: true\n  capture_duration: 70\n";
        compiled(text, &schema)
    }

    pub(in crate::capture) fn triggers(
        config: &CaptureConfig,
    ) -> (Option<Triggers>, Receiver<Begin>) {
        let (sender, begins) = bounded(1);
        (Triggers::new(config, rules().rules(), sender), begins)
    }

    pub(in crate::capture) fn config() -> CaptureConfig {
        CaptureConfig {
            enabled: true,
            pre_ms: 10,
            ..CaptureConfig::default()
        }
    }

    fn at(rule: usize, ms: u64) -> Alerted {
        Alerted {
            rule,
            ts_ns: ms * 1_000_000,
            epoch_ns: ms,
            number: ms,
        }
    }

    #[test]
    fn nobody_pays_for_captures_that_nobody_asks_for() {
        let off = CaptureConfig {
            enabled: false,
            ..config()
        };
        assert!(triggers(&off).0.is_none());
        let (sender, _) = bounded(1);
        assert!(Triggers::new(&config(), &rules().rules()[..1], sender).is_none());
    }

    #[test]
    fn the_first_alert_begins_and_others_put_the_end_off() {
        let (triggers, begins) = triggers(&config());
        let triggers = triggers.expect("a rule asks");
        triggers.alert(at(0, 100));
        assert_eq!((triggers.generation(), begins.len()), (0, 0));
        triggers.alert(at(1, 100));
        let begin = begins.try_recv().expect("begun");
        assert_eq!((begin.generation, begin.rule, begin.number), (1, 1, 100));
        assert_eq!(triggers.generation(), 1);
        assert_eq!(triggers.since_ns(), 90_000_000);
        assert_eq!(triggers.until_ns(), 170_000_000);
        triggers.alert(at(1, 150));
        triggers.alert(at(1, 120));
        assert!(!triggers.close(170_000_000), "put off");
        assert!(triggers.close(220_000_000));
        assert_eq!(triggers.generation(), 0);
        // Not ready yet.
        triggers.alert(at(1, 300));
        assert!(begins.is_empty());
        assert_eq!(triggers.counts(), (2, 1));
        triggers.make_ready();
        triggers.alert(at(1, 400));
        assert_eq!(begins.try_recv().expect("begun").generation, 2);
    }

    #[test]
    fn who_hears_of_a_capture_finds_its_end() {
        let (triggers, begins) = triggers(&config());
        let triggers = triggers.expect("a rule asks");
        std::thread::scope(|scope| {
            let heard = scope.spawn(|| {
                (1..=20_000_u64).all(|_| {
                    while begins.is_empty() {
                        std::hint::spin_loop();
                    }
                    let found = triggers.until_ns() != 0;
                    begins.try_recv().expect("begun");
                    triggers.abort();
                    triggers.make_ready();
                    found
                })
            });
            for ms in 1.. {
                triggers.alert(at(1, ms));
                if heard.is_finished() {
                    break;
                }
            }
            assert!(heard.join().expect("no panic"));
        });
    }

    #[test]
    fn workers_stop_when_nobody_takes_what_they_send() {
        let (triggers, _begins) = triggers(&config());
        let triggers = triggers.expect("a rule asks");
        triggers.alert(at(1, 100));
        triggers.forget(7);
        assert_eq!(triggers.generation(), 1, "another's");
        triggers.forget(1);
        assert_eq!(triggers.generation(), 0);
    }

    #[test]
    fn a_noisy_rule_does_not_put_the_end_off_for_ever() {
        let short = CaptureConfig {
            max_duration_ms: 100,
            ..config()
        };
        let (triggers, begins) = triggers(&short);
        let triggers = triggers.expect("a rule asks");
        for ms in 100..300 {
            triggers.alert(at(1, ms));
        }
        assert_eq!(triggers.until_ns(), 200_000_000);
        // 200 ms is the last moment of the capture.
        assert_eq!(triggers.counts(), (100, 99));
        assert!(triggers.close(200_000_000));
        assert_eq!(begins.try_recv().expect("begun").number, 100);
        triggers.make_ready();
        triggers.alert(at(1, 300));
        assert_eq!(begins.try_recv().expect("begun").generation, 2);
        assert_eq!(triggers.until_ns(), 370_000_000);
    }

    #[test]
    fn what_a_rule_asks_for_itself_it_gets() {
        let short = CaptureConfig {
            max_duration_ms: 1,
            ..config()
        };
        let (triggers, _begins) = triggers(&short);
        let triggers = triggers.expect("a rule asks");
        triggers.alert(at(1, 100));
        triggers.alert(at(1, 150));
        assert_eq!(triggers.until_ns(), 170_000_000);
    }

    #[test]
    fn every_rule_captures_if_so_configured() {
        let all = CaptureConfig {
            mode: CaptureMode::AllRules,
            default_duration_ms: 30,
            ..config()
        };
        let (triggers, begins) = triggers(&all);
        let triggers = triggers.expect("all ask");
        triggers.alert(at(0, 100));
        assert_eq!(begins.len(), 1);
        assert_eq!(triggers.until_ns(), 130_000_000);
    }
}
