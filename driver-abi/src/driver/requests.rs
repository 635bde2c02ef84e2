//! Requests of io_uring and the events that they amount to (`include/saker_requests.h`).

use super::EventSet;
use crate::raw::*;

/// Length of a table by opcode.
pub const OPCODES: usize = SAKER_URING_OPCODES as usize;

fn requests() -> &'static [saker_uring_info] {
    // SAFETY: the table is constant data of this crate's C object; its length is part of its type.
    unsafe { &saker_uring_requests }
}

/// Whether requests that amount to `event` move data.
pub fn moves(event: u16) -> bool {
    // SAFETY: as above.
    unsafe { &saker_uring_moved }.contains(&event)
}

/// The requests whose events are in `events`.
pub fn wanted(events: &EventSet) -> impl Iterator<Item = &'static saker_uring_info> {
    requests()
        .iter()
        .filter(|request| events.contains(request.event))
}

/// Event + 1 of each opcode that `events` want.
pub fn marks(events: &EventSet) -> [u8; OPCODES] {
    let mut marks = [0; OPCODES];
    for request in wanted(events) {
        marks[usize::from(request.opcode)] = request.event as u8 + 1;
    }
    marks
}
