//! Every metric is declared, documented and arrives.

use std::sync::Arc;

use saker_abi::driver::Feature;
use saker_abi::event::Class;
use saker_abi::raw::SAKER_DROP_SHED;
use saker_abi::ring::Counters;
use saker_alerts::{Alert, Priority, RuleLabel, queue};
use saker_capture::MissedCalls;
use saker_capture::WorkerStats;
use saker_engine::profile::Cost;
use saker_state::{State, StateConfig};

use super::collector::{DriverInfo, RuleCounts, Sources, encode, registry};
use super::definitions::{self as def, Definition};
use super::worker::{MAX_RULE_SERIES, WorkerMetrics};
use crate::first_look::{FirstLook, Source};

#[derive(Debug)]
struct Missed;

impl MissedCalls for Missed {
    fn by_program(&self) -> Vec<(&'static str, u64)> {
        vec![("saker_fork", 42), ("saker_exit", 0)]
    }

    fn by_probe(&self) -> Vec<(&'static str, u64)> {
        vec![("names", 3), ("requests", 0)]
    }

    fn forgotten_requests(&self) -> Option<u64> {
        Some(7)
    }
}

fn sources() -> Arc<Sources> {
    Arc::new(one_rule())
}

fn one_rule() -> Sources {
    let rings = Counters::in_memory(2, 1);
    rings.count_produced(1, 9);
    rings.count_dropped(1, SAKER_DROP_SHED, Class::File, 4);
    let worker = WorkerMetrics::new(1, true);
    worker.publish_evaluated(8);
    worker.evaluation.observe(150);
    worker.count_alert(0);
    worker.count_alert(0);
    worker.publish_costs(&[Cost {
        evaluations: 128,
        hits: 2,
        sampled: 4,
        sampled_ns: 2_000,
    }]);
    let label = Arc::new(RuleLabel {
        name: "A \"rule\"".into(),
        priority: Priority::Notice,
        source: "syscall".into(),
        tags: Vec::new(),
    });
    let (sender, receiver) = queue(1);
    let alert = Alert {
        rule: Arc::clone(&label),
        time_ns: 0,
        message: "m".into(),
        fields: vec![],
    };
    assert!(sender.send(alert.clone()) && !sender.send(alert));
    let state = State::new(StateConfig::default()).expect("one partition");
    Sources {
        driver: DriverInfo {
            driver: "ebpf",
            reason: "first_choice",
            version: "1".into(),
        },
        rules: RuleCounts {
            active: 1,
            disabled: 2,
            skipped: 3,
        },
        labels: vec![label],
        rings: Some(Arc::new(rings)),
        missed: Some(Arc::new(Missed)),
        lacks: vec![Feature::ActedPaths],
        ring_bytes: 4096,
        cpus: vec![0, 1],
        capture: vec![Arc::new(WorkerStats::new(0, [0, 1]))],
        workers: vec![Arc::new(worker)],
        queue: receiver.monitor(),
        captures: None,
        state: state.shared,
        first_look: FirstLook {
            source: Source::Iterators,
            took: std::time::Duration::from_millis(1500),
            ..FirstLook::NONE
        },
        start_time_s: 5.0,
    }
}

fn page() -> String {
    encode(&registry(sources()).expect("well defined")).expect("consistent")
}

#[test]
fn every_definition_appears_with_its_type() {
    let page = page();
    for definition in def::ALL {
        let kind = format!("{:?}", definition.kind).to_lowercase();
        let line = format!("# TYPE {} {kind}\n", definition.name);
        assert!(page.contains(&line), "missing: {line}");
    }
}

#[test]
fn every_series_is_declared_with_exactly_its_labels() {
    for family in registry(sources()).expect("well defined").gather() {
        let definition = def::ALL.iter().find(|d| d.name == family.name());
        let definition = definition.unwrap_or_else(|| panic!("{} undeclared", family.name()));
        for metric in family.get_metric() {
            let mut declared = definition.labels.to_vec();
            let mut found: Vec<&str> = metric
                .get_label()
                .iter()
                .map(|label| label.name())
                .collect();
            declared.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, declared, "{}", definition.name);
        }
    }
}

#[test]
fn names_follow_the_conventions() {
    for definition in def::ALL {
        let Definition {
            name, kind, help, ..
        } = definition;
        assert!(name.starts_with("saker_"), "{name}");
        assert_eq!(
            name.ends_with("_total"),
            *kind == def::Type::Counter,
            "{name}"
        );
        assert!(help.ends_with('.'), "{name}");
    }
}

#[test]
fn values_arrive() {
    let page = page();
    for line in [
        r#"saker_produced_total{cpu="1",partition="0"} 9"#,
        r#"saker_dropped_total{cpu="1",partition="0",class="file",cause="shed"} 4"#,
        "saker_dropped_records_total 4",
        r#"saker_driver_lacks{feature="acted_paths"} 1"#,
        r#"saker_driver_lacks{feature="io_uring"} 0"#,
        r#"saker_ebpf_missed_total{program="saker_fork"} 42"#,
        r#"saker_ebpf_missed_total{program="saker_exit"} 0"#,
        r#"saker_kmod_missed_total{probe="names"} 3"#,
        r#"saker_kmod_missed_total{probe="requests"} 0"#,
        "saker_uring_forgotten_total 7",
        r#"saker_alerts_total{rule="A \"rule\"",priority="Notice"} 2"#,
        r#"saker_alert_queue_dropped_total{priority="Notice"} 1"#,
        "saker_alert_queue_length 1",
        r#"saker_rule_evaluations_total{rule="A \"rule\""} 128"#,
        r#"saker_rule_hits_total{rule="A \"rule\""} 2"#,
        r#"saker_rule_timed_evaluations_total{rule="A \"rule\""} 4"#,
        r#"saker_rule_timed_seconds_total{rule="A \"rule\""} 0.000002"#,
        r#"saker_evaluated_total{worker="0"} 8"#,
        r#"saker_evaluation_seconds_bucket{le="0.0000002"} 1"#,
        "saker_evaluation_seconds_count 1",
        r#"saker_rules{state="skipped"} 3"#,
        r#"saker_driver_info{driver="ebpf",reason="first_choice",version="1"} 1"#,
        r#"saker_first_look_seconds{source="iterators"} 1.5"#,
    ] {
        assert!(page.lines().any(|l| l == line), "missing: {line}\n{page}");
    }
}

#[test]
fn rules_beyond_the_bound_share_a_series() {
    let mut sources = one_rule();
    let rules = MAX_RULE_SERIES + 3;
    let label = |rule| {
        Arc::new(RuleLabel {
            name: format!("rule {rule}"),
            priority: if rule % 2 == 0 {
                Priority::Error
            } else {
                Priority::Debug
            },
            source: "syscall".into(),
            tags: Vec::new(),
        })
    };
    sources.labels = (0..rules).map(label).collect();
    let worker = |count: u64| {
        let worker = WorkerMetrics::new(rules, true);
        (0..rules).for_each(|rule| worker.count_alert(rule));
        worker.publish_costs(&vec![
            Cost {
                evaluations: count,
                ..Cost::default()
            };
            rules
        ]);
        Arc::new(worker)
    };
    sources.workers = vec![worker(5), worker(2)];
    let page = encode(&registry(Arc::new(sources)).expect("well defined")).expect("consistent");
    let last = MAX_RULE_SERIES - 1;
    for line in [
        format!(r#"saker_alerts_total{{rule="rule {last}",priority="Debug"}} 2"#),
        r#"saker_alerts_total{rule="(other rules)",priority="Error"} 4"#.to_owned(),
        r#"saker_alerts_total{rule="(other rules)",priority="Debug"} 2"#.to_owned(),
        format!(r#"saker_rule_evaluations_total{{rule="rule {last}"}} 7"#),
        r#"saker_rule_evaluations_total{rule="(other rules)"} 21"#.to_owned(),
    ] {
        assert!(page.lines().any(|l| l == line), "missing: {line}");
    }
    assert!(!page.contains(&format!("rule {MAX_RULE_SERIES}")));
}

#[test]
fn without_a_profile_nothing_is_said_of_costs() {
    let mut sources = one_rule();
    sources.workers = vec![Arc::new(WorkerMetrics::new(1, false))];
    let page = encode(&registry(Arc::new(sources)).expect("well defined")).expect("consistent");
    assert!(page.contains("saker_alerts_total") && !page.contains("saker_rule_"));
}

#[test]
fn the_page_documents_every_metric() {
    let docs = include_str!("../../../../docs/metrics.md");
    let documented: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `saker_")?.split('`').next())
        .collect();
    let declared: Vec<&str> = def::ALL
        .iter()
        .filter_map(|d| d.name.strip_prefix("saker_"))
        .collect();
    assert_eq!(
        documented, declared,
        "docs/metrics.md lists the metrics in this order"
    );
}
