//! The steady state allocates nothing: opens, closes, duplicates and connections of a known
//! process run in memory that is already there.
//!
//! The one `unsafe` of this crate's tests: an allocator that counts. There is no other way to see
//! allocations.

#[path = "state/common.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::*;
use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};

struct Counting;

thread_local! {
    /// Allocations of this thread; tests of other threads do not count.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract;
// counting touches only a thread-local number that needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `System` with this layout, see `alloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn the_steady_state_allocates_nothing() {
    let mut world = state(2);
    let me = (10..)
        .find(|&pid| saker_abi::event::partition(pid, 2) == 0)
        .expect("a pid");
    let partition = &mut world.partitions[0];
    run(partition, &exec(1, who(me, 1), "prog", "a\0b").build());
    let mut tuple = saker_tuple {
        family: 2,
        proto: 6,
        type_: 1,
        ..saker_tuple::default_zero()
    };
    (tuple.local_port, tuple.remote_port) = (40_000, 443);
    let dup = RecordBuilder::new(SAKER_EV_DUP2, 3, me, me).num(SAKER_P_DUP2_oldfd, 3);
    let socket = RecordBuilder::new(SAKER_EV_SOCKET, 5, me, me).num(SAKER_P_SOCKET_fd, 4);
    let connect = RecordBuilder::new(SAKER_EV_CONNECT, 6, me, me).num(SAKER_P_CONNECT_fd, 4);
    let records = [
        openat(2, me, 3, -100, "/usr/share/../lib/a/long/enough/name", 0),
        dup.num(SAKER_P_DUP2_res, 5).build(),
        close(4, me, 3),
        socket
            .num(SAKER_P_SOCKET_domain, 2)
            .num(SAKER_P_SOCKET_type, 1)
            .build(),
        connect.tuple(SAKER_P_CONNECT_tuple, &tuple).build(),
        close(7, me, 4),
        close(8, me, 5),
    ];
    let round = |partition: &mut saker_state::Partition| {
        for bytes in &records {
            let rec = Record::parse(bytes).expect("built by the builder");
            let applied = partition.apply(&rec);
            assert!(partition.view(&rec, &applied).fd().is_some());
            partition.settle(&rec);
        }
        partition.poll_inbox(10, |_, _, _| ());
        partition.round_done(10);
    };
    round(partition);
    let before = allocations();
    assert!(before > 0, "the allocator counts");
    for _ in 0..100 {
        round(partition);
    }
    assert_eq!(allocations() - before, 0);
}
