//! A pipe with what is in it.
//!
//! Invariant: what entered comes out in the order of its moments; of one moment, in the order in which it entered.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::{Pipe, Random};

/// Datagrams on their way. When there are so many, what enters is dropped and counted as too much.
const MAX_HELD: usize = 16_384;

/// One direction, with its datagrams.
#[derive(Debug)]
pub struct Line<T> {
    /// What it does to them.
    pub pipe: Pipe,
    random: Random,
    held: BinaryHeap<Reverse<Held<T>>>,
    entered: u64,
}

#[derive(Debug)]
struct Held<T> {
    at: Instant,
    number: u64,
    item: T,
}

impl<T> Held<T> {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Held<T> {}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T: Clone> Line<T> {
    /// An empty line.
    #[must_use]
    pub fn new(pipe: Pipe, seed: u64) -> Self {
        Self {
            pipe,
            random: Random::new(seed),
            held: BinaryHeap::new(),
            entered: 0,
        }
    }

    /// A datagram of so many bytes enters.
    pub fn enter(&mut self, item: T, bytes: usize, now: Instant) {
        if self.held.len() >= MAX_HELD {
            self.pipe.count_full();
            return;
        }
        let exits = self.pipe.pass(bytes, now, &mut self.random);
        if let Some(at) = exits.copy {
            self.hold(at, item.clone());
        }
        if let Some(at) = exits.at {
            self.hold(at, item);
        }
    }

    fn hold(&mut self, at: Instant, item: T) {
        self.entered += 1;
        self.held.push(Reverse(Held {
            at,
            number: self.entered,
            item,
        }));
    }

    /// The next one whose moment has come.
    pub fn leave(&mut self, now: Instant) -> Option<T> {
        self.next_exit().filter(|at| *at <= now)?;
        self.held.pop().map(|Reverse(held)| held.item)
    }

    /// When the next one comes out.
    #[must_use]
    pub fn next_exit(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Setting;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_enters_comes_out_at_its_moment() {
        let start = Instant::now();
        let pipe = Pipe::new(&[Setting::Delay(10 * MS)]);
        let mut line = Line::new(pipe, 1);
        line.enter('a', 100, start);
        line.enter('b', 100, start);
        line.enter('c', 100, start + MS);
        assert_eq!(line.next_exit(), Some(start + 10 * MS));
        assert_eq!(line.leave(start + 9 * MS), None);
        let out: String = std::iter::from_fn(|| line.leave(start + 10 * MS)).collect();
        assert_eq!(out, "ab");
        assert_eq!(line.leave(start + 11 * MS), Some('c'));
        assert_eq!((line.leave(start + 99 * MS), line.next_exit()), (None, None));
    }

    #[test]
    fn jitter_reorders_and_loses_nothing() {
        let start = Instant::now();
        let pipe = Pipe::new(&[Setting::Jitter(50 * MS)]);
        let mut line = Line::new(pipe, 1);
        for number in 0..1000 {
            line.enter(number, 100, start + MS * number);
        }
        let mut out: Vec<u32> = std::iter::from_fn(|| line.leave(start + 2000 * MS)).collect();
        assert!(!out.is_sorted());
        out.sort_unstable();
        assert_eq!(out, (0..1000).collect::<Vec<u32>>());
    }

    #[test]
    fn there_is_an_end_to_what_it_holds() {
        let start = Instant::now();
        let mut line = Line::new(Pipe::default(), 1);
        for _ in 0..MAX_HELD + 5 {
            line.enter((), 100, start);
        }
        assert_eq!(line.pipe.counts().full, 5);
        assert_eq!(std::iter::from_fn(|| line.leave(start)).count(), MAX_HELD);
    }
}
