//! The 20 ms ticks of all calls, spread over slots of the period so that no wake-up serves too many.
use std::time::{Duration, Instant};

use c2c_proto::io::FRAME;

/// Slots in a period.
const SLOTS: usize = 8;
/// From one slot to the next.
const STEP: Duration = Duration::from_micros(2_500);
/// Periods that are caught up after a stall; what lies further back is left out.
const CATCH_UP: u64 = 3;

/// Who ticks when. `K` is a call.
#[derive(Debug)]
pub(crate) struct Slots<K> {
    calls: [Vec<K>; SLOTS],
    epoch: Instant,
    /// Number of the next slot to run, counted from the epoch.
    next: u64,
    count: usize,
}

/// A slot that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Due {
    slot: usize,
    /// When it should have run.
    pub(crate) since: Instant,
    /// Periods that were left out before it.
    pub(crate) skipped: u64,
}

impl<K: Copy + PartialEq> Slots<K> {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            calls: Default::default(),
            epoch: now,
            next: 0,
            count: 0,
        }
    }

    /// Gives a call the slot with the fewest calls; of those, the one that comes next.
    pub(crate) fn add(&mut self, call: K, now: Instant) {
        if self.count == 0 {
            self.next = self.number_at(now) + 1;
        }
        let first = (self.next % SLOTS as u64) as usize;
        let slot = (0..SLOTS)
            .map(|step| (first + step) % SLOTS)
            .min_by_key(|slot| self.load(*slot))
            .unwrap_or(first);
        self.insert(call, slot);
    }

    /// Moves a call to the slot that comes right after this moment of the period.
    pub(crate) fn move_behind(&mut self, call: K, moment: Instant) {
        let number = self.number_at(moment) + 1;
        self.remove(call);
        self.insert(call, (number % SLOTS as u64) as usize);
    }

    /// Takes a call's slot back.
    pub(crate) fn remove(&mut self, call: K) {
        for slot in &mut self.calls {
            let before = slot.len();
            slot.retain(|other| *other != call);
            self.count -= before - slot.len();
        }
    }

    /// When the next slot with calls in it is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.next..self.next + SLOTS as u64)
            .find(|number| self.load((number % SLOTS as u64) as usize) > 0)
            .map(|number| self.instant_of(number))
    }

    /// The oldest slot that is due and has calls; ask until `None`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        let current = self.number_at(now);
        let oldest = (current + 1).saturating_sub(CATCH_UP * SLOTS as u64);
        let skipped = oldest.saturating_sub(self.next).div_ceil(SLOTS as u64);
        self.next = self.next.max(oldest);
        while self.next <= current {
            let number = self.next;
            self.next += 1;
            let slot = (number % SLOTS as u64) as usize;
            if self.load(slot) > 0 {
                return Some(Due {
                    slot,
                    since: self.instant_of(number),
                    skipped,
                });
            }
        }
        None
    }

    /// The calls of a slot.
    pub(crate) fn calls(&self, due: Due) -> &[K] {
        self.calls.get(due.slot).map_or(&[], Vec::as_slice)
    }

    fn insert(&mut self, call: K, slot: usize) {
        if let Some(calls) = self.calls.get_mut(slot) {
            calls.push(call);
            self.count += 1;
        }
    }

    fn load(&self, slot: usize) -> usize {
        self.calls.get(slot).map_or(0, Vec::len)
    }

    fn number_at(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.epoch);
        (since.as_nanos() / STEP.as_nanos()) as u64
    }

    fn instant_of(&self, number: u64) -> Instant {
        let periods = u32::try_from(number / SLOTS as u64).unwrap_or(u32::MAX);
        self.epoch + FRAME * periods + STEP * (number % SLOTS as u64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_calls(slots: &mut Slots<u32>, now: Instant) -> Vec<u32> {
        let mut calls = Vec::new();
        while let Some(due) = slots.pop_due(now) {
            calls.extend(slots.calls(due));
        }
        calls
    }

    #[test]
    fn calls_spread_over_all_slots() {
        let now = Instant::now();
        let mut slots = Slots::new(now);
        (0..24).for_each(|call| slots.add(call, now));
        assert!(slots.calls.iter().all(|calls| calls.len() == 3));
        slots.remove(0);
        slots.add(24, now);
        assert!(slots.calls.iter().all(|calls| calls.len() == 3));
    }

    #[test]
    fn each_call_ticks_once_a_period() {
        let start = Instant::now();
        let mut slots = Slots::new(start);
        (0..10).for_each(|call| slots.add(call, start));
        let mut ticks = [0; 10];
        for step in 1..=800 {
            let now = start + STEP * step;
            for call in due_calls(&mut slots, now) {
                ticks[call as usize] += 1;
            }
        }
        assert_eq!(ticks, [100; 10]);
    }

    #[test]
    fn the_deadline_is_the_next_slot_with_calls() {
        let start = Instant::now();
        let mut slots = Slots::new(start);
        assert_eq!(slots.deadline(), None);
        slots.add(1, start);
        assert_eq!(slots.deadline(), Some(start + STEP));
        assert_eq!(due_calls(&mut slots, start + STEP), [1]);
        assert_eq!(slots.deadline(), Some(start + STEP + FRAME));
    }

    #[test]
    fn a_stall_is_caught_up_by_a_few_frames_only() {
        let start = Instant::now();
        let mut slots = Slots::new(start);
        slots.add(1, start);
        let stalled = start + STEP + FRAME * 50;
        let first = slots.pop_due(stalled).unwrap();
        assert_eq!(first.skipped, 48);
        assert_eq!(1 + due_calls(&mut slots, stalled).len(), CATCH_UP as usize);
        assert_eq!(due_calls(&mut slots, stalled + FRAME), [1]);
    }

    #[test]
    fn a_call_can_follow_its_writer() {
        let start = Instant::now();
        let mut slots = Slots::new(start);
        slots.add(1, start);
        slots.move_behind(1, start + Duration::from_millis(11));
        assert_eq!(slots.deadline(), Some(start + STEP * 5));
    }
}
