//! Loss seen from the sequence numbers of one ring.
//!
//! The driver numbers records when it commits them and takes a number for every failed attempt, so a
//! jump in the numbers is the number of records lost between two times, and `lost_mask` names their
//! classes. A producer that is interrupted between reserving its record and committing it leaves
//! numbers in the wrong order: a jump is therefore held back for [`SETTLE_NS`] and shrinks when the
//! missing number turns up.

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
    /// Whether there may be one: rounds ask every ring, and nearly always there is none.
    any_pending: bool,
    /// Classes a record reported when there was no jump to put them to.
    stray_classes: u16,
    restarts: u64,
    recovered: u64,
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
            any_pending: false,
            stray_classes: 0,
            restarts: 0,
            recovered: 0,
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
        } else if ahead < MAX_PERMUTED.wrapping_neg() {
            self.restarts += 1;
            self.next = seq.wrapping_add(1);
        } else if !self.fill(seq, lost_mask) {
            self.recovered += 1;
            self.stray_classes |= lost_mask;
        }
        self.last_ns = ts_ns;
    }

    /// Reports jumps that `watermark_ns` has passed by [`SETTLE_NS`].
    pub fn settle(&mut self, watermark_ns: u64, lost: &mut impl FnMut(&Gap)) {
        if !self.any_pending {
            return;
        }
        for slot in &mut self.pending {
            if let Some(jump) =
                slot.take_if(|jump| jump.gap.until_ns.saturating_add(SETTLE_NS) <= watermark_ns)
            {
                lost(&jump.gap);
            }
        }
        self.any_pending = self.pending.iter().any(Option::is_some);
    }

    /// Reports everything that is held back: nothing more will come.
    pub fn finish(&mut self, lost: &mut impl FnMut(&Gap)) {
        self.settle(u64::MAX, lost);
    }

    /// Times the numbers went back farther than a permutation can explain.
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Records that came after they had been reported lost.
    pub const fn recovered(&self) -> u64 {
        self.recovered
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
        self.any_pending = true;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(numbers: &[(u32, u16)]) -> (Sequence, Vec<Gap>) {
        let mut sequence = Sequence::new(1, 2);
        let mut gaps = Vec::new();
        for (at, &(seq, mask)) in numbers.iter().enumerate() {
            sequence.observe(seq, mask, 100 + at as u64, &mut |gap| gaps.push(*gap));
        }
        (sequence, gaps)
    }

    fn gap(from_ns: u64, until_ns: u64, records: u64, classes: u16) -> Gap {
        Gap {
            cpu: 1,
            partition: 2,
            from_ns,
            until_ns,
            records,
            classes,
        }
    }

    #[test]
    fn a_jump_is_loss_once_the_watermark_has_passed() {
        let (mut sequence, mut gaps) = sequence(&[(0, 0), (1, 0), (5, 0b100)]);
        sequence.settle(101 + SETTLE_NS, &mut |gap| gaps.push(*gap));
        assert_eq!(gaps, []);
        sequence.settle(102 + SETTLE_NS, &mut |gap| gaps.push(*gap));
        assert_eq!(gaps, [gap(101, 102, 3, 0b100)]);
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(gaps.len(), 1, "reported once");
    }

    #[test]
    fn loss_before_the_first_record_counts() {
        let (mut sequence, mut gaps) = sequence(&[(2, 1)]);
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(gaps, [gap(0, 100, 2, 1)]);
    }

    #[test]
    fn permuted_numbers_are_no_loss() {
        let (mut sequence, mut gaps) = sequence(&[(0, 0), (3, 0), (2, 0), (1, 0), (4, 0)]);
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(
            (gaps, sequence.restarts(), sequence.recovered()),
            (vec![], 0, 0)
        );
    }

    #[test]
    fn a_permutation_inside_loss_shrinks_it() {
        let (mut sequence, mut gaps) = sequence(&[(0, 0), (9, 0b10), (4, 0b01)]);
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(gaps, [gap(100, 101, 7, 0b11)]);
    }

    #[test]
    fn a_number_that_comes_too_late_is_counted_as_recovered() {
        let (mut sequence, mut gaps) = sequence(&[(0, 0), (2, 0)]);
        sequence.settle(u64::MAX, &mut |gap| gaps.push(*gap));
        sequence.observe(1, 0, 103, &mut |gap| gaps.push(*gap));
        assert_eq!((gaps.len(), sequence.recovered()), (1, 1));
        sequence.observe(3, 0, 104, &mut |gap| gaps.push(*gap));
        assert_eq!(gaps.len(), 1, "the numbers go on where they were");
    }

    #[test]
    fn more_jumps_than_are_held_back_are_reported_early() {
        let jumps: Vec<(u32, u16)> = (0..=MAX_PENDING as u32).map(|n| (2 * n + 1, 0)).collect();
        let (mut sequence, mut gaps) = sequence(&jumps);
        assert_eq!(gaps, [gap(0, 100, 1, 0)]);
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(
            gaps.iter().map(|gap| gap.records).sum::<u64>(),
            1 + MAX_PENDING as u64
        );
    }

    #[test]
    fn numbers_wrap_and_restart() {
        let (mut sequence, mut gaps) = sequence(&[(0, 0)]);
        sequence.next = u32::MAX;
        for seq in [u32::MAX, 0, 2] {
            sequence.observe(seq, 0, 200, &mut |gap| gaps.push(*gap));
        }
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(gaps.iter().map(|gap| gap.records).sum::<u64>(), 1);
        sequence.next = 1_000_000;
        sequence.observe(0, 0, 201, &mut |gap| gaps.push(*gap));
        sequence.observe(1, 0, 202, &mut |gap| gaps.push(*gap));
        assert_eq!((gaps.len(), sequence.restarts()), (1, 1));
    }

    #[test]
    fn classes_reported_without_a_jump_belong_to_the_next_one() {
        let (mut sequence, mut gaps) = sequence(&[(0, 0b1000), (2, 0)]);
        sequence.finish(&mut |gap| gaps.push(*gap));
        assert_eq!(gaps, [gap(100, 101, 1, 0b1000)]);
    }
}
