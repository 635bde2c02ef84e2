//! Calls that act on names: by the names as given and by what the kernel found behind them.

use super::*;

/// What the kernel said before the call; on the host's file system.
fn acted(event: u32, real: &str, ts_ns: u64) -> RecordBuilder {
    RecordBuilder::new(SAKER_EV_ACTED, ts_ns, CAT, CAT)
        .num(SAKER_P_ACTED_event, event.into())
        .num(SAKER_P_ACTED_dev, 0x800)
        .num(SAKER_P_ACTED_ino, 77)
        .var(SAKER_P_ACTED_real, real.as_bytes())
}

fn unlink(path: &str, ts_ns: u64) -> RecordBuilder {
    RecordBuilder::new(SAKER_EV_UNLINK, ts_ns, CAT, CAT).var(SAKER_P_UNLINK_path, path.as_bytes())
}

fn rename(old: &str, new: &str, ts_ns: u64) -> RecordBuilder {
    RecordBuilder::new(SAKER_EV_RENAME, ts_ns, CAT, CAT)
        .var(SAKER_P_RENAME_oldpath, old.as_bytes())
        .var(SAKER_P_RENAME_newpath, new.as_bytes())
}

/// What a rule of this condition and output says to the records together; all that it says, to find what is said twice.
fn said(condition: &str, output: &str, records: &[RecordBuilder]) -> Vec<String> {
    let rule = format!(
        "- rule: r\n  desc: d\n  condition: {condition}\n  output: at {output}\n  priority: NOTICE\n"
    );
    let mut bench = Bench::new(Matching::All, true, rule.as_bytes());
    bench.start_cat();
    for record in records {
        bench.record(record);
    }
    let texts = bench.texts();
    let said = texts.iter().map(|text| {
        let text = text.split_once("at ").expect("output").1;
        text.trim_end().to_owned()
    });
    said.collect()
}

#[test]
fn a_rule_sees_what_a_call_acts_on() {
    let hidden = [
        acted(SAKER_EV_UNLINK, "/etc/shadow", 3_000),
        unlink("/proc/self/root/etc/shadow", 3_001),
    ];
    let expected = ["/proc/self/root/etc/shadow realpath=/etc/shadow"];
    for condition in [
        "evt.type=unlink and fs.path.name=/etc/shadow",
        "evt.type=unlink and evt.arg.path=/etc/shadow",
        "evt.type=unlink and evt.arg[1] startswith /etc/",
        "evt.type=unlink and fs.realpath.name=/etc/shadow",
        "evt.type=unlink and fs.ino=77 and fs.dev=2048",
        "evt.type in (unlink, unlinkat) and fs.path.name contains shadow",
    ] {
        assert_eq!(
            said(condition, "%fs.path.name", &hidden),
            expected,
            "{condition}"
        );
    }
    let raw = "evt.type=unlink and fs.path.nameraw=/etc/shadow";
    assert!(
        said(raw, "x", &hidden).is_empty(),
        "the name as passed stays"
    );
    let names_it = said(
        "evt.type=unlink and fs.path.name=/etc/shadow",
        "%fs.path.name is %fs.realpath.name",
        &hidden,
    );
    assert_eq!(names_it, ["/proc/self/root/etc/shadow is /etc/shadow"]);
}

#[test]
fn names_that_agree_are_one() {
    let plain = [
        acted(SAKER_EV_UNLINK, "/etc/shadow", 3_000),
        unlink("/etc/../etc/shadow", 3_001),
    ];
    let output = said(
        "evt.type=unlink and fs.path.name=/etc/shadow",
        "%fs.path.name",
        &plain,
    );
    assert_eq!(output, ["/etc/shadow"]);
    let exception = "evt.type=unlink and not fs.path.name startswith /run/";
    let through_link = [
        acted(SAKER_EV_UNLINK, "/run/app.pid", 3_000),
        unlink("/var/run/app.pid", 3_001),
    ];
    assert_eq!(
        said(exception, "x", &through_link).len(),
        1,
        "by the name as given"
    );
    let exception = "evt.type=unlink and not fs.path.name startswith /var/run/";
    assert!(
        said(exception, "x", &through_link).is_empty(),
        "exceptions hold by either name"
    );
}

#[test]
fn a_record_is_of_the_next_call_alone() {
    let rule = "evt.type in (unlink, rename) and fs.path.name=/etc/shadow";
    let another = [
        acted(SAKER_EV_RENAME, "/etc/shadow", 3_000),
        unlink("/tmp/x", 3_001),
        acted(SAKER_EV_UNLINK, "/etc/shadow", 3_002),
        open("/tmp/y", 3_003),
        unlink("/tmp/x", 3_004),
        acted(SAKER_EV_UNLINK, "/etc/shadow", 3_005),
        unlink("/tmp/once", 3_006),
        unlink("/tmp/x", 3_007),
    ];
    let said = said(rule, "%fs.path.name", &another);
    assert_eq!(said, ["/tmp/once realpath=/etc/shadow"]);
}

#[test]
fn both_names_of_a_rename_are_real() {
    let moved = [
        acted(SAKER_EV_RENAME, "/etc/shadow", 3_000)
            .var(SAKER_P_ACTED_real2, b"/etc/shadow-")
            .num(SAKER_P_ACTED_mount_at2, 0),
        rename("/tmp/etc/shadow", "/tmp/etc/shadow-", 3_001),
    ];
    let expected = "/tmp/etc/shadow to /tmp/etc/shadow- realpath.source=/etc/shadow- realpath.target=/etc/shadow";
    for condition in [
        "evt.type=rename and fs.path.target=/etc/shadow",
        "evt.type=rename and fs.path.source=/etc/shadow-",
        "evt.type=rename and evt.arg.oldpath=/etc/shadow and evt.arg.newpath startswith /etc",
    ] {
        let output = said(condition, "%fs.path.target to %fs.path.source", &moved);
        assert_eq!(output, [expected], "{condition}");
    }
}

#[test]
fn the_hosts_name_is_found_through_a_mount_of_a_container() {
    let bound = [
        acted(SAKER_EV_UNLINK, "/mnt/shadow", 3_000)
            .num(SAKER_P_ACTED_mount_at, 4)
            .var(SAKER_P_ACTED_top, b"/etc"),
        unlink("/mnt/shadow", 3_001),
    ];
    let rule = "evt.type=unlink and fs.path.name=/etc/shadow";
    assert_eq!(
        said(rule, "%fs.path.name", &bound),
        ["/mnt/shadow realpath=/etc/shadow"]
    );
}

/// The directory's descriptor keeps its name; a descriptor of the file itself has that of the file.
#[test]
fn descriptors_are_what_they_are() {
    let open_dir = RecordBuilder::new(SAKER_EV_OPENAT, 3_000, CAT, CAT)
        .num(SAKER_P_OPENAT_fd, 9)
        .num(SAKER_P_OPENAT_dirfd, -100)
        .num(SAKER_P_OPENAT_facts, 0o040_000)
        .var(SAKER_P_OPENAT_name, b"/tmp/etc");
    let removed = [
        open_dir.clone(),
        acted(SAKER_EV_UNLINKAT, "/etc/shadow", 3_001),
        RecordBuilder::new(SAKER_EV_UNLINKAT, 3_002, CAT, CAT)
            .num(SAKER_P_UNLINKAT_dirfd, 9)
            .var(SAKER_P_UNLINKAT_name, b"shadow"),
    ];
    let rule = "evt.type=unlinkat and evt.abspath=/etc/shadow and fd.name=/tmp/etc";
    assert_eq!(
        said(rule, "%fs.path.name %fd.realpath", &removed),
        ["/tmp/etc/shadow <NA> realpath=/etc/shadow"]
    );
    let changed = [
        open_dir,
        acted(SAKER_EV_FCHMOD, "/etc", 3_001),
        RecordBuilder::new(SAKER_EV_FCHMOD, 3_002, CAT, CAT).num(SAKER_P_FCHMOD_fd, 9),
    ];
    for condition in ["fd.name=/etc", "fs.path.name=/etc", "fd.realpath=/etc"] {
        let rule = format!("evt.type=fchmod and {condition}");
        assert_eq!(
            said(&rule, "%fd.name", &changed),
            ["/tmp/etc realpath=/etc"],
            "{rule}"
        );
    }
}

#[test]
fn attempts_that_fail_are_seen_by_their_real_names() {
    let refused = [
        acted(SAKER_EV_UNLINKAT, "/etc/shadow", 3_000),
        RecordBuilder::new(SAKER_EV_UNLINKAT, 3_001, CAT, CAT)
            .num(SAKER_P_UNLINKAT_res, -13)
            .num(SAKER_P_UNLINKAT_dirfd, -100)
            .var(SAKER_P_UNLINKAT_name, b"/tmp/link/shadow"),
    ];
    let rule = "evt.type=unlinkat and evt.abspath=/etc/shadow";
    let said = said(rule, "%evt.res %fs.path.name", &refused);
    assert_eq!(said, ["EACCES <NA> realpath=/etc/shadow"]);
}
