//! The eBPF driver on this host's kernel, proven by its canaries. Needs root and BTF.

use std::sync::{Mutex, MutexGuard};

use saker_abi::driver::{EventSet, LoadOptions};
use saker_abi::event::partition;
use saker_abi::raw::SAKER_EV_CANARY;
use saker_abi::record::Record;
use saker_abi::ring::Head;
use saker_capture::driver::{AttachError, DriverKind, attach};
use saker_capture::{online_cpus, possible_cpus};

/// A driver of one test records the canaries of the other, too: both are this process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn options(partitions: u32, own_tgid: u32) -> LoadOptions {
    LoadOptions {
        partitions,
        ring_bytes: 1 << 18,
        cpus: possible_cpus().expect("CPUs"),
        events: EventSet::state(),
        snaplen_bytes: 0,
        own_tgid,
        reached: false,
        names: false,
    }
}

/// Every CPU's canary comes back, in the ring of its partition, and is still there for the workers.
#[test]
fn a_driver_of_this_host_is_proven() {
    let _alone = alone();
    let own = std::process::id();
    for partitions in [1, 4] {
        let proven = attach(DriverKind::Ebpf, &options(partitions, own))
            .expect("this test needs root and a kernel with BTF");
        let online = online_cpus().expect("CPUs").len();
        assert_eq!(proven.proof.cpus, online, "{}", proven.proof);
        let mut canaries = 0;
        for mut ring in proven.rings {
            assert_eq!(ring.unreleased_bytes(), 0);
            ring.observe();
            while let Head::Record(bytes) = ring.head() {
                let record = Record::parse(bytes).expect("a record");
                if record.hdr().tgid == own {
                    assert_eq!(
                        record.event(),
                        SAKER_EV_CANARY,
                        "nothing else of this process"
                    );
                    assert_eq!(u32::from(record.hdr().cpu), ring.cpu());
                    assert_eq!(ring.partition(), partition(own, partitions));
                    canaries += 1;
                }
                ring.advance();
            }
        }
        assert_eq!(canaries, online);
        proven.driver.detach();
    }
}

/// A driver that does not know whose canaries to record is refused, and detached.
#[test]
fn a_driver_that_sees_no_canary_is_refused() {
    let _alone = alone();
    let error = attach(DriverKind::Ebpf, &options(1, 0)).expect_err("nobody's canary");
    assert!(matches!(error, AttachError::Canary(_)), "{error}");
    assert!(error.to_string().contains("did not come back"), "{error}");
}
