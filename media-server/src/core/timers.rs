//! Who wants to be woken, and when.
//!
//! Invariant: every key has at most one entry, and it is never later than what the key asked for last. It
//! may be earlier: then the key is woken for nothing and asks again. That is cheaper than moving its entry
//! with every packet.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Timers<K> {
    queue: BTreeSet<(Instant, K)>,
    entries: HashMap<K, Instant>,
}

impl<K: Copy + Ord + Hash> Timers<K> {
    pub(crate) fn new() -> Self {
        Self {
            queue: BTreeSet::new(),
            entries: HashMap::new(),
        }
    }

    /// Wakes `key` at this time or before.
    pub(crate) fn ask(&mut self, key: K, at: Instant) {
        match self.entries.get_mut(&key) {
            Some(entry) if *entry <= at => {}
            Some(entry) => {
                self.queue.remove(&(*entry, key));
                self.queue.insert((at, key));
                *entry = at;
            }
            None => {
                self.queue.insert((at, key));
                self.entries.insert(key, at);
            }
        }
    }

    /// Forgets `key`.
    pub(crate) fn forget(&mut self, key: K) {
        if let Some(at) = self.entries.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        self.entries.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_wish_of_each_key_counts_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.ask('a', at(30));
        timers.ask('a', at(10));
        timers.ask('a', at(50));
        timers.ask('b', at(20));
        timers.ask('c', at(5));
        timers.forget('c');
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.take_due(at(9)), None);
        assert_eq!(timers.take_due(at(40)), Some('a'));
        assert_eq!(timers.take_due(at(40)), Some('b'));
        assert_eq!(timers.take_due(at(100)), None);
    }
}
