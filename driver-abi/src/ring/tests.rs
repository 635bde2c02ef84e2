//! The reader against hand-made rings: each state a ring can be in, a model, and two real threads.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;

const SIZE: usize = DATA_BYTES_MIN;

/// A payload that tells its number and its length.
fn payload(number: u64, len: usize) -> Vec<u8> {
    (0..len).map(|i| (number as usize * 31 + i) as u8).collect()
}

/// Reads everything that is committed, releases it, and returns copies.
fn read_all(reader: &mut RingReader) -> Vec<Vec<u8>> {
    reader.observe();
    let mut records = Vec::new();
    while let Head::Record(bytes) = reader.head() {
        records.push(bytes.to_vec());
        reader.advance();
    }
    reader.release();
    records
}

#[test]
fn an_empty_ring_is_empty() {
    let (_producer, mut reader) = memory_ring(3, 1, SIZE);
    assert_eq!(reader.observe(), 0);
    assert_eq!(reader.head(), Head::Empty);
    reader.advance();
    assert_eq!(reader.head(), Head::Empty);
    assert_eq!(
        (reader.cpu(), reader.partition(), reader.data_bytes()),
        (3, 1, SIZE)
    );
}

#[test]
fn records_are_visible_from_one_observation_to_the_next() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    assert!(producer.push(b"first"));
    assert_eq!(reader.head(), Head::Empty, "not observed yet");
    assert_eq!(reader.observe(), 16);
    assert!(producer.push(b"second"));
    assert_eq!(reader.head(), Head::Record(b"first"));
    assert_eq!(
        reader.head(),
        Head::Record(b"first"),
        "stays until advanced"
    );
    reader.advance();
    assert_eq!(reader.head(), Head::Empty);
    assert_eq!(reader.waiting_bytes(), 16);
    assert_eq!(read_all(&mut reader), [b"second"]);
}

#[test]
fn a_reader_can_look_ahead_and_go_back() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    for byte in 0..3u8 {
        assert!(producer.push(&[byte; 8]));
    }
    reader.observe();
    assert_eq!(reader.head(), Head::Record(&[0; 8]));
    reader.advance();
    reader.release();
    reader.advance();
    for byte in 1..3u8 {
        assert_eq!(reader.head(), Head::Record(&[byte; 8]));
        reader.advance();
    }
    reader.rewind();
    assert_eq!(reader.unreleased_bytes(), 0);
    reader.advance();
    assert_eq!(reader.head(), Head::Record(&[1; 8]));
}

#[test]
fn records_stay_valid_until_they_are_released() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    let count = (SIZE / 16 - 1) as u64;
    for number in 0..count {
        assert!(producer.push(&number.to_le_bytes()));
    }
    reader.observe();
    let mut held = Vec::new();
    while let Head::Record(bytes) = reader.head() {
        held.push(bytes);
        reader.advance();
    }
    assert!(!producer.push(&[0; 8]), "nothing is released");
    let numbers: Vec<u64> = held
        .iter()
        .map(|bytes| u64::from_le_bytes((*bytes).try_into().expect("8")))
        .collect();
    assert!(numbers.into_iter().eq(0..count));
    assert_eq!(reader.unreleased_bytes(), count * 16);
    reader.release();
    assert_eq!(reader.unreleased_bytes(), 0);
    assert!(producer.push(&[0; 8]), "everything is");
}

#[test]
fn a_full_ring_takes_no_more() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    assert!(
        producer.reserve(SIZE - 8).is_none(),
        "the last byte is never used"
    );
    assert!(producer.push(&payload(1, SIZE - 16)));
    assert_eq!(producer.waiting_bytes(), SIZE as u64 - 8);
    assert!(!producer.push(b""));
    assert_eq!(read_all(&mut reader), [payload(1, SIZE - 16)]);
    assert!(producer.push(b""));
    assert_eq!(read_all(&mut reader), [b""]);
}

#[test]
fn records_that_cross_the_end_are_contiguous_for_many_laps() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    // 1000 + 8 bytes do not divide the ring: every lap ends at another offset.
    for number in 0..1000 {
        assert!(producer.push(&payload(number, 1000)));
        assert_eq!(read_all(&mut reader), [payload(number, 1000)]);
    }
    assert_eq!((reader.corrupt(), reader.position()), (0, 1000 * 1008));
}

#[test]
fn a_busy_record_stops_reading_until_committed() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    let first = producer.reserve(3).expect("room");
    assert!(producer.push(b"after"));
    reader.observe();
    assert_eq!(reader.head(), Head::Busy);
    reader.advance();
    assert_eq!(reader.head(), Head::Busy, "cannot be passed");
    producer.fill(&first, b"now");
    assert_eq!(reader.head(), Head::Busy, "filled is not committed");
    producer.commit(first);
    assert_eq!(reader.head(), Head::Record(b"now"));
    assert_eq!(read_all(&mut reader), [b"now".as_slice(), b"after"]);
}

#[test]
fn discarded_records_are_skipped_and_counted() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    for _ in 0..2 {
        let unwanted = producer.reserve(100).expect("room");
        producer.discard(unwanted);
    }
    assert!(producer.push(b"kept"));
    let unwanted = producer.reserve(5).expect("room");
    producer.discard(unwanted);
    assert_eq!(read_all(&mut reader), [b"kept"]);
    assert_eq!(reader.discarded(), 3);
    assert_eq!(producer.waiting_bytes(), 0, "their room is given back, too");
}

#[test]
fn a_length_that_does_not_fit_resynchronises_the_ring() {
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    assert!(producer.push(b"before"));
    let damaged = producer.reserve(10).expect("room");
    producer.commit_corrupt(damaged);
    assert!(producer.push(b"unreachable"));
    assert_eq!(read_all(&mut reader), [b"before"]);
    assert_eq!(reader.corrupt(), 1);
    assert_eq!(producer.waiting_bytes(), 0);
    assert!(producer.push(b"behind"));
    assert_eq!(read_all(&mut reader), [b"behind"]);
    assert_eq!(reader.corrupt(), 1);
}

/// A file with the layout of a ring: what a driver's descriptor maps to.
fn ring_file(consumer: u64, producer: u64, data: &[(usize, &[u8])]) -> (RingFd, File) {
    let page = rustix::param::page_size();
    let fd = rustix::fs::memfd_create("ring", rustix::fs::MemfdFlags::CLOEXEC).expect("memfd");
    let file = File::from(fd);
    file.set_len((2 * page + 2 * page) as u64).expect("size");
    file.write_all_at(&consumer.to_le_bytes(), 0)
        .expect("consumer");
    file.write_all_at(&producer.to_le_bytes(), page as u64)
        .expect("producer");
    for (offset, bytes) in data {
        file.write_all_at(bytes, (2 * page + offset) as u64)
            .expect("data");
    }
    let fd = file.try_clone().expect("a descriptor").into();
    (
        RingFd {
            cpu: 2,
            partition: 1,
            fd,
            data_bytes: page,
        },
        file,
    )
}

#[test]
fn a_mapped_ring_is_read_and_released() {
    let header = [5, 0, 0, 0, 9, 9, 9, 9];
    let (fd, file) = ring_file(0, 16, &[(0, &header), (8, b"hello")]);
    let mut reader = RingReader::map(fd).expect("mapped");
    assert_eq!((reader.cpu(), reader.partition()), (2, 1));
    assert!(reader.fd().is_some());
    assert_eq!(read_all(&mut reader), [b"hello"]);
    let mut consumer = [0; 8];
    file.read_exact_at(&mut consumer, 0).expect("consumer");
    assert_eq!(u64::from_le_bytes(consumer), 16);
}

#[test]
fn a_mapped_ring_crosses_its_end() {
    let page = rustix::param::page_size();
    let start = page as u64 * 7 - 8;
    let (fd, _file) = ring_file(
        start,
        start + 16,
        &[(page - 8, &[3, 0, 0, 0]), (page, b"abc")],
    );
    let mut reader = RingReader::map(fd).expect("mapped");
    assert_eq!(read_all(&mut reader), [b"abc"]);
}

#[test]
fn positions_that_make_no_sense_resynchronise_the_ring() {
    let page = rustix::param::page_size() as u64;
    for (consumer, producer) in [(0, page + 8), (16, 8), (0, 12), (4, 16), (u64::MAX, 16)] {
        let (fd, _file) = ring_file(consumer, producer, &[]);
        let mut reader = RingReader::map(fd).expect("mapped");
        assert_eq!(reader.observe(), 0, "{consumer} {producer}");
        assert_eq!(
            (reader.head(), reader.corrupt()),
            (Head::Empty, 1),
            "{consumer} {producer}"
        );
        assert_eq!(reader.observe() % 8, 0);
    }
}

#[test]
fn sizes_no_ring_has_are_refused() {
    for data_bytes in [0, 1, 4097, 3 * 4096, 2 * DATA_BYTES_MAX] {
        let (mut fd, _file) = ring_file(0, 0, &[]);
        fd.data_bytes = data_bytes;
        let error = RingReader::map(fd).expect_err("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[derive(Debug, Clone)]
enum Op {
    Reserve(usize),
    Commit(usize),
    Discard(usize),
    Observe,
    Read(usize),
    Release,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0usize..700).prop_map(Op::Reserve),
        4 => (0usize..4).prop_map(Op::Commit),
        1 => (0usize..4).prop_map(Op::Discard),
        2 => Just(Op::Observe),
        3 => (1usize..6).prop_map(Op::Read),
        1 => Just(Op::Release),
    ];
    prop::collection::vec(op, 0..400)
}

#[derive(Debug, Clone, PartialEq)]
enum Slot {
    Busy,
    Committed(Vec<u8>),
    Discarded,
}

/// What a ring should do, in terms of a queue.
#[derive(Default)]
struct Model {
    /// Records not read yet, with their positions.
    slots: VecDeque<(u64, Slot)>,
    end: u64,
    observed: u64,
    read: u64,
    released: u64,
}

impl Model {
    fn reserve(&mut self, len: usize) -> bool {
        let bytes = record_footprint(len as u64);
        let fits = self.end + bytes - self.released < SIZE as u64;
        if fits {
            self.slots.push_back((self.end, Slot::Busy));
            self.end += bytes;
        }
        fits
    }

    fn finish(&mut self, position: u64, slot: Slot) {
        self.slots
            .iter_mut()
            .find(|(at, _)| *at == position)
            .expect("reserved")
            .1 = slot;
    }

    fn head(&mut self) -> Option<Slot> {
        loop {
            let (at, slot) = self.slots.front()?.clone();
            if at >= self.observed {
                return None;
            }
            if slot != Slot::Discarded {
                return Some(slot);
            }
            self.pass();
        }
    }

    fn pass(&mut self) {
        self.slots.pop_front();
        self.read = self.slots.front().map_or(self.end, |(at, _)| *at);
    }
}

proptest! {
    #[test]
    fn a_ring_is_a_queue(ops in ops()) {
        let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
        let mut model = Model::default();
        let mut open = Vec::new();
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                Op::Reserve(len) => {
                    let position = model.end;
                    let reserved = producer.reserve(len);
                    prop_assert_eq!(reserved.is_some(), model.reserve(len));
                    open.extend(reserved.map(|reserved| (position, len, reserved)));
                }
                Op::Commit(which) if which < open.len() => {
                    let (position, len, reserved) = open.swap_remove(which);
                    let bytes = payload(number as u64, len);
                    producer.fill(&reserved, &bytes);
                    producer.commit(reserved);
                    model.finish(position, Slot::Committed(bytes));
                }
                Op::Discard(which) if which < open.len() => {
                    let (position, _, reserved) = open.swap_remove(which);
                    producer.discard(reserved);
                    model.finish(position, Slot::Discarded);
                }
                Op::Commit(_) | Op::Discard(_) => {}
                Op::Observe => {
                    model.observed = model.end;
                    prop_assert_eq!(reader.observe(), model.end - model.read);
                }
                Op::Read(count) => {
                    for _ in 0..count {
                        match (model.head(), reader.head()) {
                            (Some(Slot::Committed(expected)), Head::Record(bytes)) => {
                                prop_assert_eq!(expected, bytes);
                                model.pass();
                            }
                            (Some(Slot::Busy), Head::Busy) | (None, Head::Empty) => {}
                            (expected, got) => prop_assert!(false, "{expected:?}: {got:?}"),
                        }
                        reader.advance();
                    }
                    prop_assert_eq!(reader.position(), model.read);
                }
                Op::Release => {
                    reader.release();
                    model.released = model.read;
                }
            }
        }
        prop_assert_eq!(reader.corrupt(), 0);
    }
}

/// A producer thread that reserves, fills and commits against a reader that polls: every record
/// arrives once, in order and whole.
#[test]
fn two_threads() {
    const RECORDS: u64 = if cfg!(miri) { 300 } else { 400_000 };
    let (mut producer, mut reader) = memory_ring(0, 0, SIZE);
    let len = |number: u64| 8 + (number * 37 % 211) as usize;
    let bytes_of = move |number: u64| {
        let mut bytes = payload(number, len(number));
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut number, mut tries) = (0, 0u64);
            while number < RECORDS {
                tries += 1;
                let Some(reserved) = producer.reserve(len(number)) else {
                    std::thread::yield_now();
                    continue;
                };
                // Some are given up and tried again.
                if tries.is_multiple_of(7) {
                    producer.discard(reserved);
                    continue;
                }
                producer.fill(&reserved, &bytes_of(number));
                producer.commit(reserved);
                number += 1;
            }
        });
        let mut next = 0;
        while next < RECORDS {
            if reader.observe() == 0 {
                std::thread::yield_now();
            }
            while let Head::Record(bytes) = reader.head() {
                assert_eq!(bytes, bytes_of(next), "record {next}");
                next += 1;
                reader.advance();
            }
            reader.release();
        }
    });
    assert_eq!(reader.corrupt(), 0);
    assert!(reader.discarded() > 0);
}
