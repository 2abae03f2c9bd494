//! Numbers that go on without a gap where something was left out on purpose: of packets, and of pictures.
//!
//! Invariant: a number that was missing when later ones came keeps its place, in case it comes late; one that was left out in
//! its turn has none. Two different numbers never get the same place.

use std::collections::VecDeque;

/// Stretches that are remembered, for what comes late. When full the oldest goes, and what is from before it is too late.
const MOST_STRETCHES: usize = 128;

/// What was left out lately of one stream of numbers.
#[derive(Debug)]
pub(crate) struct Skips {
    newest: u64,
    /// From which number on how many were left out before it. Ascending.
    stretches: VecDeque<(u64, u64)>,
    /// So many were left out before the oldest stretch; none: what is before it isn't known any more.
    before: Option<u64>,
}

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// The next number takes its place.
    Closed,
    /// Later numbers came already: its place, so many before its own number, stays empty.
    Late(u64),
    /// Nobody knows its place any more.
    Lost,
}

impl Skips {
    /// Nothing was left out up to `newest`, the highest number so far.
    pub(crate) fn after(newest: u64) -> Self {
        Self {
            newest,
            stretches: VecDeque::new(),
            before: Some(0),
        }
    }

    /// The highest number so far.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// A number goes on. Gives how many were left out before it; none: it is too late.
    pub(crate) fn pass(&mut self, number: u64) -> Option<u64> {
        self.newest = self.newest.max(number);
        self.before(number)
    }

    /// A number is left out.
    pub(crate) fn skip(&mut self, number: u64) -> Skipped {
        if number <= self.newest {
            return self.before(number).map_or(Skipped::Lost, Skipped::Late);
        }
        self.newest = number;
        let total = self.stretches.back().map_or(self.before.unwrap_or(0), |last| last.1) + 1;
        match self.stretches.back_mut() {
            Some(last) if last.0 == number => *last = (number + 1, total),
            _ => self.stretches.push_back((number + 1, total)),
        }
        if self.stretches.len() > MOST_STRETCHES {
            self.stretches.pop_front();
            self.before = None;
        }
        Skipped::Closed
    }

    fn before(&self, number: u64) -> Option<u64> {
        let stretch = self.stretches.iter().rev().find(|(from, _)| *from <= number);
        stretch.map(|it| it.1).or(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_leaves_no_gap() {
        let mut skips = Skips::after(9);
        assert_eq!(skips.pass(10), Some(0));
        assert_eq!((skips.skip(11), skips.skip(12)), (Skipped::Closed, Skipped::Closed));
        assert_eq!(skips.pass(13), Some(2));
        assert_eq!(skips.skip(14), Skipped::Closed);
        assert_eq!(
            (skips.pass(15), skips.pass(13), skips.pass(10)),
            (Some(3), Some(2), Some(0))
        );
    }

    #[test]
    fn what_is_missing_keeps_its_place() {
        let mut skips = Skips::after(10);
        assert_eq!(skips.skip(13), Skipped::Closed, "11 and 12 are missing");
        assert_eq!(skips.pass(14), Some(1));
        assert_eq!(skips.pass(11), Some(0), "it comes late, and is wanted");
        assert_eq!(skips.skip(12), Skipped::Late(0), "or isn't");
        assert_eq!(skips.pass(15), Some(1));
    }

    #[test]
    fn no_place_is_given_twice_whatever_comes_in_which_order() {
        let mut random = 7_u64;
        let mut draw = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let mut skips = Skips::after(99);
        let mut waiting: Vec<u64> = (100..2000).collect();
        let mut places = std::collections::BTreeSet::new();
        let mut left_out = 0;
        while !waiting.is_empty() {
            let number = waiting.remove(draw(8.min(waiting.len() as u64)) as usize);
            let wanted = draw(3) == 0;
            let place = if wanted {
                Some(number - skips.pass(number).expect("known"))
            } else {
                match skips.skip(number) {
                    Skipped::Closed => None,
                    Skipped::Late(before) => Some(number - before),
                    Skipped::Lost => panic!("{number}"),
                }
            };
            match place {
                Some(place) => assert!(places.insert(place), "{place} for {number}"),
                None => left_out += 1,
            }
        }
        let (first, last) = (places.first().expect("some"), places.last().expect("some"));
        assert_eq!(last - first + 1, places.len() as u64, "no gap is left");
        assert!(left_out > 500, "{left_out}");
    }

    #[test]
    fn what_is_too_late_has_no_place() {
        let mut skips = Skips::after(0);
        for number in 0..1000 {
            skips.pass(3 * number);
            skips.skip(3 * number + 1);
        }
        assert_eq!((skips.pass(2), skips.skip(5)), (None, Skipped::Lost));
        assert_eq!(skips.pass(3000), Some(1000));
        assert_eq!(skips.pass(2999), Some(1000));
    }
}
