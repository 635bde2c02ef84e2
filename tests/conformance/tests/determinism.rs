//! The script under the eBPF driver of this host's kernel. Needs root and BTF; fails with the reason where
//! it cannot run. One test: the script has one work directory.

use std::fs;
use std::time::Duration;

use saker_conformance::compare::compare;
use saker_conformance::driver::Kind;
use saker_conformance::dump::{dump, missing_events};
use saker_conformance::script::WORK;

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn the_script_is_the_same_every_time_and_leaves_nothing() {
    let first =
        dump(Kind::Ebpf, true, LIMIT, false).expect("this test needs root and a kernel with BTF");
    assert_eq!(missing_events(&first), [""; 0], "events of the table");
    for _ in 0..2 {
        let again = dump(Kind::Ebpf, true, LIMIT, false).expect("a dump");
        let comparison = compare(&first, &again).expect("the same kernel");
        let differences = comparison.differences.iter().map(ToString::to_string);
        assert_eq!(differences.collect::<Vec<_>>(), [""; 0]);
        assert_eq!(first.to_string(), again.to_string());
    }
    // Ended early: what it started ends with it.
    let error = dump(Kind::Ebpf, false, Duration::ZERO, false).expect_err("no time at all");
    assert!(format!("{error:#}").contains("--timeout"), "{error:#}");
    assert!(!fs::exists(WORK).expect(WORK), "{WORK} stays behind");
}
