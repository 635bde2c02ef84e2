//! Records made by hand, through state and the default rules, to finished alerts.

use std::path::PathBuf;

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_alerts::{AlertReceiver, FormatOptions, Formatter, JsonOptions, queue};
use saker_engine::compiler::{Selection, compile};
use saker_engine::loader::UnknownField;
use saker_fields::Mounts;
use saker_state::{State, StateConfig};
use serde_json::{Value as Json, json};

use super::*;
use crate::rules;

mod acted;
mod real_paths;

const SHELL: u32 = 400;
const CAT: u32 = 500;
/// The host's /etc/shadow.
const SHADOW_INO: u64 = 77;
/// Boot time of the host in these tests, nanoseconds since the epoch.
const BOOT_NS: u64 = 1_700_000_000_000_000_000;

/// The host's file system is device 800h, another one 810h.
const MOUNTS: &[u8] =
    b"22 1 8:0 / / rw - ext4 /dev/sda rw\n23 22 8:16 / /data rw - ext4 /dev/sdb rw\n";

struct Bench {
    worker: RuleWorker,
    alerts: AlertReceiver,
    metrics: Arc<WorkerMetrics>,
}

impl Bench {
    fn new(matching: Matching, escape: bool, rules: &[u8]) -> Self {
        let schema = Arc::new(FieldSchema::new());
        let dir = tempfile::tempdir().expect("a directory");
        let own = dir.path().join("rules.yaml");
        std::fs::write(&own, rules).expect("written");
        let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules"));
        let paths = if rules.is_empty() {
            vec![default]
        } else {
            vec![own]
        };
        let files = rules::find_files(&paths).expect("files");
        let outcome = rules::load(&files, UnknownField::Error, &schema);
        let errors: Vec<_> = outcome.errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let set = Arc::new(compile(&outcome, &*schema, &Selection::default()).expect("compiled"));
        let host = HostInfo {
            hostname: "h1".into(),
            addresses: Vec::new(),
            names: saker_fields::HostNames::default(),
            boot_to_epoch_ns: BOOT_NS,
            mounts: Arc::new(Mounts::parse(MOUNTS)),
            clock: saker_fields::Clock::default(),
            capture_start_ns: 0,
            inodes: Arc::new(
                [((0x800, SHADOW_INO), b"/etc/shadow"[..].into())]
                    .into_iter()
                    .collect(),
            ),
        };
        let context = Arc::new(Context {
            real_paths: Some(RealPaths::new(&schema)),
            schema,
            labels: labels(&set),
            matching,
            render: RenderOptions {
                escape,
                ..RenderOptions::default()
            },
            with_fields: !escape,
            absent_reasons: false,
            profile: true,
            host: ArcSwap::from_pointee(host),
            rules: Arc::clone(&set),
        });
        let state = State::new(StateConfig::default()).expect("one partition");
        let partition = state.partitions.into_iter().next().expect("one");
        let (sender, alerts) = queue(64);
        let metrics = Arc::new(WorkerMetrics::new(set.rules().len(), true));
        let worker = RuleWorker::new(partition, context, sender, Arc::clone(&metrics));
        Self {
            worker,
            alerts,
            metrics,
        }
    }

    fn record(&mut self, record: &RecordBuilder) {
        let bytes = record.build();
        self.worker
            .record(&Record::parse(&bytes).expect("a record"));
    }

    /// A shell and a program it started.
    fn start_cat(&mut self) {
        self.record(&exec(SHELL, 1, "bash", "/usr/bin/bash", b"-l\0", 1_000));
        self.record(&exec(
            CAT,
            SHELL,
            "cat",
            "/usr/bin/cat",
            b"/etc/shadow\0",
            2_000,
        ));
        assert!(
            self.alerts.try_recv().is_none(),
            "starting programs is nothing unusual"
        );
    }

    fn texts(&self) -> Vec<String> {
        let options = FormatOptions {
            iso_8601: true,
            ..FormatOptions::default()
        };
        self.lines(options)
    }

    fn lines(&self, options: FormatOptions) -> Vec<String> {
        let formatter = Formatter::new(options);
        let mut lines = Vec::new();
        while let Some(alert) = self.alerts.try_recv() {
            let mut line = Vec::new();
            formatter.line(&alert, &mut line);
            lines.push(String::from_utf8(line).expect("UTF-8"));
        }
        lines
    }
}

fn exec(pid: u32, ppid: u32, comm: &str, exe: &str, args: &[u8], ts_ns: u64) -> RecordBuilder {
    RecordBuilder::new(SAKER_EV_EXECVE, ts_ns, pid, pid)
        .num(SAKER_P_EXECVE_tid, pid.into())
        .num(SAKER_P_EXECVE_pid, pid.into())
        .num(SAKER_P_EXECVE_vtid, pid.into())
        .num(SAKER_P_EXECVE_vpid, pid.into())
        .num(SAKER_P_EXECVE_ptid, ppid.into())
        .num(SAKER_P_EXECVE_sid, SHELL.into())
        .num(SAKER_P_EXECVE_pgid, pid.into())
        .num(SAKER_P_EXECVE_vpgid, pid.into())
        .num(SAKER_P_EXECVE_start_ns, ts_ns.cast_signed() - 1)
        .num(SAKER_P_EXECVE_nlink, 1)
        .var(SAKER_P_EXECVE_exe, comm.as_bytes())
        .var(SAKER_P_EXECVE_comm, comm.as_bytes())
        .var(SAKER_P_EXECVE_args, args)
        .var(SAKER_P_EXECVE_trusted_exepath, exe.as_bytes())
        .var(SAKER_P_EXECVE_filename, exe.as_bytes())
        .var(SAKER_P_EXECVE_cwd, b"/root")
}

fn open(path: &str, ts_ns: u64) -> RecordBuilder {
    const REGULAR: i64 = 0o100_000;
    RecordBuilder::new(SAKER_EV_OPENAT, ts_ns, CAT, CAT)
        .num(SAKER_P_OPENAT_fd, 3)
        .num(SAKER_P_OPENAT_dirfd, -100)
        .num(SAKER_P_OPENAT_ino, 77)
        .num(SAKER_P_OPENAT_facts, REGULAR)
        .var(SAKER_P_OPENAT_name, path.as_bytes())
}

#[test]
fn the_default_rules_see_a_password_file_read() {
    let mut bench = Bench::new(Matching::First, true, b"");
    bench.start_cat();
    bench.record(&open("/etc/hostname", 3_000));
    bench.record(&open("/etc/shadow", 4_005));
    let texts = bench.texts();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    assert!(
        texts[0].starts_with("2023-11-14T22:13:20.000004005+0000: Warning "),
        "{}",
        texts[0]
    );
    for part in [
        "file=/etc/shadow",
        "process=cat",
        "exe=/usr/bin/cat",
        "command=cat /etc/shadow",
        "parent=bash",
    ] {
        assert!(texts[0].contains(part), "no {part} in {}", texts[0]);
    }
}

const TWO_RULES: &[u8] = br"
- rule: One
  desc: first
  condition: evt.type = openat and fd.name startswith /data/
  output: one %fd.name by %proc.name
  priority: NOTICE
  tags: [b, a]
- rule: Two
  desc: second
  condition: evt.type = openat and fd.num = 3
  output: two %proc.aname[7] %fd.num
  priority: ERROR
";

#[test]
fn what_rules_cost_is_reported_by_name() {
    let mut bench = Bench::new(Matching::All, true, TWO_RULES);
    bench.start_cat();
    (0..3).for_each(|n| bench.record(&open("/data/x", 3_000 + n)));
    bench.record(&open("/etc/hostname", 4_000));
    let report = bench.worker.evaluator.profile_report().expect("asked for");
    let columns = |name: &str| -> Vec<String> {
        let line = report
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name}: {report}"));
        let rest = line.trim_start()[name.len()..].split_whitespace();
        rest.map(str::to_owned).collect()
    };
    assert!(report.starts_with("profile of the rules over "), "{report}");
    assert_eq!(columns("One ")[1], "3", "matches of rule one: {report}");
    assert_eq!(columns("rule")[..2], ["evaluated", "held"]);
    assert!(report.contains("comparison"), "{report}");
}

#[test]
fn first_and_all_matching() {
    for (matching, expected) in [(Matching::First, 1), (Matching::All, 2)] {
        let mut bench = Bench::new(matching, true, TWO_RULES);
        bench.start_cat();
        bench.record(&open("/data/x", 3_000));
        assert_eq!(bench.texts().len(), expected);
        assert_eq!(bench.metrics.alerts(0), 1);
        assert_eq!(bench.metrics.alerts(1), expected as u64 - 1);
    }
}

#[test]
fn text_is_escaped_and_json_has_typed_fields() {
    let mut bench = Bench::new(Matching::All, true, TWO_RULES);
    bench.start_cat();
    bench.record(&open("/data/a\nb", 3_000));
    let text = bench.texts().remove(0);
    assert!(
        text.ends_with(": Notice one /data/a\\nb by cat\n"),
        "{text}"
    );

    let mut bench = Bench::new(Matching::All, false, TWO_RULES);
    bench.start_cat();
    bench.record(&open("/data/a\nb", 3_000));
    let options = FormatOptions {
        json: Some(JsonOptions::default()),
        hostname: "h1".into(),
        ..FormatOptions::default()
    };
    let alerts: Vec<Json> = bench
        .lines(options)
        .iter()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect();
    let time = BOOT_NS + 3_000;
    let fields = json!({"evt.time": time, "fd.name": "/data/a\nb", "proc.name": "cat"});
    assert_eq!(alerts[0]["output_fields"], fields);
    assert_eq!(alerts[0]["tags"], json!(["a", "b"]));
    let fields = json!({"evt.time": time, "fd.num": 3, "proc.aname[7]": null});
    assert_eq!(alerts[1]["output_fields"], fields);
}

#[test]
fn rounds_publish_what_was_evaluated_and_timed() {
    let mut bench = Bench::new(Matching::First, true, TWO_RULES);
    bench.start_cat();
    for n in 0..SAMPLE_EVERY * 2 - 2 {
        bench.record(&open("/etc/hostname", 3_000 + n));
    }
    assert_eq!(bench.metrics.evaluated(), 0, "published by the round only");
    assert!(!bench.worker.poll_inbox(5_000_000));
    bench.worker.batch_end(5_000_000);
    assert_eq!(bench.metrics.evaluated(), SAMPLE_EVERY * 2);
    let sum = crate::metrics::Histogram::sum([&bench.metrics.evaluation].into_iter());
    assert_eq!(sum.count, 2);
}

#[test]
fn a_gap_makes_what_is_known_doubtful() {
    let mut bench = Bench::new(Matching::First, true, TWO_RULES);
    bench.start_cat();
    let doubt = |bench: &Bench| bench.worker.partition.process(CAT).expect("known").doubt;
    let before = doubt(&bench);
    bench.worker.gap(&Gap {
        cpu: 0,
        partition: 0,
        from_ns: 3_000,
        until_ns: 4_000,
        records: 2,
        classes: 1,
    });
    let lost = doubt(&bench);
    assert_ne!(lost, before);
    // A round later it has been asked for.
    bench.worker.batch_end(5_000);
    assert_ne!(doubt(&bench), lost);
}

#[test]
fn a_canary_is_nobodys_event() {
    let rule =
        b"- rule: Any\n  desc: d\n  condition: evt.num >= 0\n  output: o\n  priority: INFO\n";
    let mut bench = Bench::new(Matching::All, true, rule);
    bench.record(&RecordBuilder::new(SAKER_EV_CANARY, 1_000, CAT, CAT));
    assert_eq!(bench.worker.evaluator.events, 0);
    assert_eq!(bench.metrics.alerts(0), 0);
    assert!(bench.alerts.try_recv().is_none(), "no alert");
}
