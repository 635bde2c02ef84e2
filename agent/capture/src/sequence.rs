//! Loss seen from the sequence numbers of one ring.
//!
//! The driver counts every attempt to write a record, so a jump in the numbers is the number of
//! records lost between two times, and `lost_mask` names their classes. A producer that is
//! interrupted between taking its number and reserving its record leaves numbers in the wrong order:
//! a jump is therefore held back for [`SETTLE_NS`] and shrinks when the missing number turns up.

use crate::ledger::Gap;

/// How far the watermark must have passed a jump before it counts as loss.
pub const SETTLE_NS: u64 = 2_000_000;

/// Jumps of one ring that are held back; one more and the oldest counts as loss at once.
pub const MAX_PENDING: usize = 4;

/// A number this far behind was permuted; farther behind, the driver started counting anew.
const MAX_PERMUTED: u32 = 1024;

#[derive(Debug, Clone, Copy)]
struct Jump {
    /// First missing number.
    first: u32,
    /// Numbers jumped over.
    span: u32,
    gap: Gap,
}

/// Sequence accounting of one ring.
#[derive(Debug)]
pub struct Sequence {
    cpu: u32,
    partition: u32,
    /// Number expected next.
    next: u32,
    last_ns: u64,
    pending: [Option<Jump>; MAX_PENDING],
    /// Classes a record reported when there was no jump to put them to.
    stray_classes: u16,
    restarts: u64,
}

impl Sequence {
    /// Accounting of a ring whose first attempt has number 0.
    pub const fn new(cpu: u32, partition: u32) -> Self {
        Self {
            cpu,
            partition,
            next: 0,
            last_ns: 0,
            pending: [None; MAX_PENDING],
            stray_classes: 0,
            restarts: 0,
        }
    }

    /// Takes note of a record: its number, the mask of lost classes and its time. `lost` gets the
    /// gaps that are certain by now.
    pub fn observe(&mut self, seq: u32, lost_mask: u16, ts_ns: u64, lost: &mut impl FnMut(&Gap)) {
        let ahead = seq.wrapping_sub(self.next);
        if ahead == 0 {
            self.next = seq.wrapping_add(1);
            self.stray_classes |= lost_mask;
        } else if ahead <= i32::MAX as u32 {
            self.jump(ahead, lost_mask, ts_ns, lost);
            self.next = seq.wrapping_add(1);
        } else if !self.fill(seq, lost_mask) && ahead < MAX_PERMUTED.wrapping_neg() {
            self.restarts += 1;
            self.next = seq.wrapping_add(1);
        }
        self.last_ns = ts_ns;
    }

    /// Reports jumps that `watermark_ns` has passed by [`SETTLE_NS`].
    pub fn settle(&mut self, watermark_ns: u64, lost: &mut impl FnMut(&Gap)) {
        for slot in &mut self.pending {
            if let Some(jump) =
                slot.take_if(|jump| jump.gap.until_ns.saturating_add(SETTLE_NS) <= watermark_ns)
            {
                lost(&jump.gap);
            }
        }
    }

    /// Reports everything that is held back: nothing more will come.
    pub fn finish(&mut self, lost: &mut impl FnMut(&Gap)) {
        self.settle(u64::MAX, lost);
    }

    /// Times the numbers went back farther than a permutation can explain.
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    fn jump(&mut self, span: u32, lost_mask: u16, ts_ns: u64, lost: &mut impl FnMut(&Gap)) {
        let gap = Gap {
            cpu: self.cpu,
            partition: self.partition,
            from_ns: self.last_ns,
            until_ns: ts_ns,
            records: u64::from(span),
            classes: lost_mask | std::mem::take(&mut self.stray_classes),
        };
        if let Some(oldest) = self.pending[MAX_PENDING - 1].take() {
            lost(&oldest.gap);
        }
        // Newest first, so that the last slot is the oldest.
        self.pending.rotate_right(1);
        self.pending[0] = Some(Jump {
            first: self.next,
            span,
            gap,
        });
    }

    /// Takes a late number out of the jump that passed over it.
    fn fill(&mut self, seq: u32, lost_mask: u16) -> bool {
        for slot in &mut self.pending {
            let Some(jump) = slot else { continue };
            if seq.wrapping_sub(jump.first) >= jump.span {
                continue;
            }
            jump.gap.records -= 1;
            jump.gap.classes |= lost_mask;
            if jump.gap.records == 0 {
                self.stray_classes |= jump.gap.classes;
                *slot = None;
            }
            return true;
        }
        false
    }
}
