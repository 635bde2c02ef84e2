//! Recording allocates nothing: neither for a record nor for a chunk.

use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_capture::Gap;
use saker_capture::recorder::{CHUNK_BYTES, Recorder, chunk_pool};

#[test]
fn records_are_copied_without_an_allocation() {
    let (pool, chunks) = chunk_pool(3);
    let mut recorder = Recorder::new(0, pool);
    let bytes = RecordBuilder::new(SAKER_EV_UNLINK, 1_000, 5, 5)
        .var(SAKER_P_UNLINK_path, b"/some/file")
        .build();
    let record = Record::parse(&bytes).expect("a record");
    let gap = Gap {
        cpu: 0,
        partition: 0,
        from_ns: 1,
        until_ns: 2,
        records: 1,
        classes: 1,
    };
    let enough = 8 * CHUNK_BYTES / bytes.len();
    let info = allocation_counter::measure(|| {
        for n in 0..enough {
            recorder.record(&record);
            if n % 100 == 0 {
                recorder.gap(&gap);
                recorder.batch_end(n as u64 * 10_000_000);
            }
            // With all chunks out, too: what is lost costs nothing either.
            if n > enough / 2
                && let Ok(chunk) = chunks.receiver().try_recv()
            {
                chunks.give_back(chunk);
            }
        }
    });
    assert_eq!(info.count_total, 0, "{info:?}");
    assert!(chunks.stats().lost() > 0 && chunks.stats().records() > 0);
}
