//! Golden captures: what they replay to, at any number of workers, and what becomes of damaged files.

#[expect(dead_code, reason = "no agent runs here")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Output, run, saker};
use saker_abi::driver::{EventSet, Iterate};
use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_capture::file::{CaptureWriter, Item, Meta, Source};
use saker_capture::recorder::{Recorder, chunk_pool};

/// Most bytes of a golden capture, and of the attack suite's.
const MAX_BYTES: u64 = 100 << 10;
const MAX_SUITE_BYTES: u64 = 1400 << 10;
/// Set to write what is replayed as what is expected (CONTRIBUTING.md).
const BLESS: &str = "SAKER_BLESS";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/captures")
}

fn golden() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).expect("tests/captures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "saker"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// The recording of the attack suite, with rules of its own (tests/attacks/README.md).
fn suite() -> PathBuf {
    directory().join("attacks/attacks.saker")
}

fn replay(file: &Path, arguments: &[&str]) -> Output {
    let mut command = saker();
    command.env("TZ", "UTC").args(["replay", "--json", "-r"]);
    let rules = if *file == suite() {
        "attacks/rules.yaml"
    } else {
        "rules.yaml"
    };
    command.arg(directory().join(rules)).arg(file);
    run(command
        .args(arguments)
        .args(["-o", "time_format_iso_8601=true"]))
}

#[test]
fn golden_captures_replay_to_the_alerts_kept_with_them() {
    for (file, max_bytes) in golden()
        .into_iter()
        .map(|file| (file, MAX_BYTES))
        .chain([(suite(), MAX_SUITE_BYTES)])
    {
        let expected = file.with_extension("alerts.json");
        for workers in ["1", "2", "4"] {
            let replayed = replay(&file, &["--workers", workers]);
            assert_eq!(replayed.status, 0, "{}", replayed.stderr);
            assert!(replayed.stderr.contains("a second"), "{}", replayed.stderr);
            if workers == "1" && std::env::var_os(BLESS).is_some() {
                fs::write(&expected, &replayed.stdout).expect("written");
            }
            let kept = fs::read_to_string(&expected).expect("what is expected");
            assert!(kept.lines().count() > 5, "{}", expected.display());
            for (line, (replayed, kept)) in (1..).zip(replayed.stdout.lines().zip(kept.lines())) {
                let place = expected.display();
                assert_eq!(replayed, kept, "{place}:{line} with {workers} workers");
            }
            assert_eq!(replayed.stdout, kept, "{} alerts", expected.display());
        }
        let bytes = fs::metadata(&file).expect("there").len();
        assert!(bytes < max_bytes, "{}: {bytes} bytes", file.display());
    }
}

/// The recording has real names; who wants rules to look at given ones alone gets what these raise.
#[test]
fn given_names_raise_the_alerts_that_are_not_by_real_ones() {
    let suite = suite();
    let alerts = |identity: &str| {
        let replayed = replay(&suite, &["-o", &format!("path_identity={identity}")]);
        assert_eq!(replayed.status, 0, "{}", replayed.stderr);
        let lines = replayed.stdout.lines().map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let (any, given) = (alerts("any"), alerts("given"));
    let hidden = |line: &&String| line.contains("/proc/self/root/etc/shadow");
    assert!(any.iter().any(|line| hidden(&line)), "{any:#?}");
    assert!(!given.iter().any(|line| hidden(&line)), "{given:#?}");
    assert!(
        !given.iter().any(|line| line.contains("realpath")),
        "{given:#?}"
    );
    let numbers = |lines: &[String]| {
        let number = |line: &String| line.split("n=").nth(1)?.split(' ').next()?.parse().ok();
        lines
            .iter()
            .map(number)
            .collect::<Option<Vec<u64>>>()
            .expect("numbers")
    };
    let (any, given) = (numbers(&any), numbers(&given));
    assert!(given.len() > 5 && given.iter().all(|number| any.contains(number)));
}

#[test]
fn static_fields_of_the_configuration_are_known() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("saker.yaml");
    fs::write(&config, "static_fields: { site: north }\n").expect("written");
    let config = config.to_str().expect("UTF-8");
    let replayed = replay(&golden()[0], &["-c", config, "-p", "site=%static.site"]);
    assert_eq!(replayed.status, 0, "{}", replayed.stderr);
    assert!(replayed.stdout.lines().count() > 3, "{}", replayed.stderr);
    for line in replayed.stdout.lines() {
        assert!(line.contains("site=north"), "{line}");
    }
}

/// A zone by its name: nine hours ahead of UTC, in a file as of tzfile(5).
#[test]
fn times_of_day_are_those_of_the_zone_that_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut zone = b"TZif".to_vec();
    zone.extend([0; 16]);
    for count in [0, 0, 0, 0, 1, 4_u32] {
        zone.extend(count.to_be_bytes());
    }
    zone.extend(32_400_u32.to_be_bytes());
    zone.extend(*b"\0\0ALB\0");
    fs::create_dir(dir.path().join("Albatross")).expect("made");
    fs::write(dir.path().join("Albatross/Island"), zone).expect("written");
    let hours = |zone: &str| {
        let mut command = saker();
        command.env("TZDIR", dir.path()).env("TZ", zone);
        command
            .args(["replay", "-r"])
            .arg(directory().join("rules.yaml"));
        let replayed = run(command.arg(&golden()[0]));
        assert_eq!(replayed.status, 0, "{}", replayed.stderr);
        let hours = replayed
            .stdout
            .lines()
            .map(|line| line[..2].parse::<u32>().expect("an hour"));
        hours.collect::<Vec<_>>()
    };
    let there: Vec<u32> = hours("UTC0").iter().map(|hour| (hour + 9) % 24).collect();
    assert!(there.len() > 3);
    assert_eq!(hours("Albatross/Island"), there);
}

/// `file` without some of its records, which no gap tells of.
fn thinned(file: &Path, to: &Path, mut state: u64) {
    let mut source = Source::open(&[file.to_owned()], false).expect("whole");
    // The source gives records of this agent's table, whatever the file's.
    let ours = Meta::of_this_agent(&EventSet::all());
    let meta = Meta {
        schema_hash: ours.schema_hash,
        first_variable_type: ours.first_variable_type,
        events: ours.events,
        ..source.meta().clone()
    };
    let mut writer = CaptureWriter::create(to, &meta).expect("made");
    let before = source.take_state();
    writer
        .state(Iterate::Tasks, &before.tasks)
        .expect("written");
    writer
        .state(Iterate::Files, &before.files)
        .expect("written");
    let streams = source.meta().partitions;
    let (pool, chunks) = chunk_pool(streams.into());
    let mut recorders: Vec<Recorder> = (0..streams)
        .map(|stream| Recorder::new(stream, pool.clone()))
        .collect();
    while let Some(item) = source.next().expect("whole") {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let Item::Record(record) = item else { continue };
        if !state.is_multiple_of(5) {
            let stream = saker_abi::event::partition(record.hdr().tgid, streams.into());
            recorders[stream as usize].record(&record);
        }
    }
    for recorder in &mut recorders {
        recorder.flush(u64::MAX);
        let chunk = chunks.receiver().try_recv().expect("small enough for one");
        writer.chunk(&chunk).expect("written");
    }
    writer.finish().expect("written");
}

/// A recording of these, which come one after the other in one stream.
fn recording(to: &Path, records: &[RecordBuilder]) {
    let meta = Meta {
        partitions: 1,
        ..Meta::of_this_agent(&EventSet::all())
    };
    let mut writer = CaptureWriter::create(to, &meta).expect("made");
    let (pool, chunks) = chunk_pool(1);
    let mut recorder = Recorder::new(0, pool);
    for record in records {
        recorder.record(&Record::parse(&record.build()).expect("a record"));
    }
    recorder.flush(u64::MAX);
    let chunk = chunks.receiver().try_recv().expect("small enough for one");
    writer.chunk(&chunk).expect("written");
    writer.finish().expect("written");
}

#[test]
fn what_calls_act_on_is_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, rules) = (dir.path().join("x.saker"), dir.path().join("x.yaml"));
    let acted = RecordBuilder::new(SAKER_EV_ACTED, 1_000, 60, 60)
        .num(SAKER_P_ACTED_event, SAKER_EV_UNLINK.into())
        .var(SAKER_P_ACTED_real, b"/etc/shadow");
    let unlink = |ts_ns, path: &str| {
        RecordBuilder::new(SAKER_EV_UNLINK, ts_ns, 60, 60).var(SAKER_P_UNLINK_path, path.as_bytes())
    };
    recording(
        &file,
        &[
            acted,
            unlink(1_001, "/tmp/link/shadow"),
            unlink(1_002, "/tmp/x"),
        ],
    );
    let rule = "- rule: r\n  desc: d\n  condition: evt.type=unlink and fs.path.name=/etc/shadow\n  \
                output: removed %fs.path.name\n  priority: NOTICE\n";
    fs::write(&rules, rule).expect("written");
    for workers in ["1", "4"] {
        let mut command = saker();
        command.args(["replay", "--workers", workers, "-r"]);
        let replayed = run(command.arg(&rules).arg(&file));
        assert_eq!(replayed.status, 0, "{}", replayed.stderr);
        let lines: Vec<_> = replayed.stdout.lines().collect();
        let [line] = &lines[..] else {
            panic!("{lines:?} {}", replayed.stderr);
        };
        let expected = "removed /tmp/link/shadow realpath=/etc/shadow";
        assert!(line.ends_with(expected), "{line}");
    }
}

#[test]
fn a_record_of_time_0_is_a_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, rules) = (dir.path().join("x.saker"), dir.path().join("x.yaml"));
    let unlink = RecordBuilder::new(SAKER_EV_UNLINK, 0, 60, 60).var(SAKER_P_UNLINK_path, b"/x");
    recording(&file, &[unlink]);
    let rule = "- rule: r\n  desc: d\n  condition: evt.type=unlink\n  output: removed\n  priority: NOTICE\n";
    fs::write(&rules, rule).expect("written");
    let replayed = run(saker().args(["replay", "-r"]).arg(&rules).arg(&file));
    assert_eq!(replayed.status, 0, "{}", replayed.stderr);
    assert_eq!(replayed.stdout.lines().count(), 1, "{}", replayed.stdout);
}

#[test]
fn what_calls_were_given_is_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, rules) = (dir.path().join("x.saker"), dir.path().join("x.yaml"));
    let given = RecordBuilder::new(SAKER_EV_GIVEN, 1_000, 60, 60)
        .num(SAKER_P_GIVEN_event, SAKER_EV_OPEN.into())
        .var(SAKER_P_GIVEN_value, b"/etc/shadow");
    let open = |ts_ns, fd| {
        RecordBuilder::new(SAKER_EV_OPEN, ts_ns, 60, 60)
            .num(SAKER_P_OPEN_fd, fd)
            .var(SAKER_P_OPEN_name, b"/tmp/rewritten")
    };
    recording(&file, &[given, open(1_001, -4), open(1_002, -4)]);
    let rule = "- rule: r\n  desc: d\n  condition: evt.type=open and fd.name=/etc/shadow\n  \
                output: failed %evt.arg.name %evt.rawarg.name\n  priority: NOTICE\n";
    fs::write(&rules, rule).expect("written");
    let mut command = saker();
    command.args(["replay", "--workers", "1", "-r"]);
    let replayed = run(command.arg(&rules).arg(&file));
    assert_eq!(replayed.status, 0, "{}", replayed.stderr);
    let lines: Vec<_> = replayed.stdout.lines().collect();
    let [line] = &lines[..] else {
        panic!("{lines:?} {}", replayed.stderr);
    };
    let expected = "failed /etc/shadow /etc/shadow";
    assert!(line.ends_with(expected), "{line}");
}

#[test]
fn the_number_of_workers_makes_no_difference_where_records_are_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    for (number, file) in (0..).zip(golden()) {
        for seed in 1..=8_u64 {
            let thin = dir.path().join(format!("{number}-{seed}.saker"));
            thinned(&file, &thin, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let one = replay(&thin, &["--workers", "1"]);
            assert_eq!(one.status, 0, "{}", one.stderr);
            assert!(one.stdout.lines().count() > 3, "{}", one.stderr);
            for workers in ["2", "8"] {
                let more = replay(&thin, &["--workers", workers]);
                let place = file.display();
                assert_eq!(
                    one.stdout, more.stdout,
                    "{place}, seed {seed}, {workers} workers"
                );
            }
        }
    }
}

#[test]
fn a_cut_file_gives_its_alerts_and_says_where_it_ends() {
    let file = &golden()[0];
    let dir = tempfile::tempdir().expect("a directory");
    let cut = dir.path().join("cut.saker");
    let bytes = fs::read(file).expect("read");
    fs::write(&cut, &bytes[..bytes.len() - 10]).expect("written");
    let whole = replay(file, &[]);
    let replayed = replay(&cut, &[]);
    assert_eq!(replayed.status, 1);
    assert_eq!(replayed.stdout, whole.stdout, "only the end is missing");
    assert!(
        replayed
            .stderr
            .contains("cut.saker: the file ends early, at offset"),
        "{}",
        replayed.stderr
    );
    let salvaged = replay(&cut, &["--salvage"]);
    assert_eq!((salvaged.status, &salvaged.stdout), (0, &whole.stdout));
    assert!(salvaged.stderr.contains("warning:"), "{}", salvaged.stderr);
}

#[test]
fn files_that_are_none_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("x");
    for (bytes, what) in [
        (&b""[..], "no capture file"),
        (b"not a capture", "no capture file"),
        (b"SAKERCAP\x63\0\0\0\x58\x21\xeb\x40", "offset 0"),
        (b"SAKERCAP\x63\0\0\0\x13\xe7\xcd\x62", "version 99"),
    ] {
        fs::write(&file, bytes).expect("written");
        let refused = replay(&file, &[]);
        assert_eq!(refused.status, 1);
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }
    let refused = replay(&golden()[0], &["--workers", "3"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("power of two"),
        "{}",
        refused.stderr
    );
}
