//! How long the node holds packets: from the system call that gave them to the one that took them.
//!
//! Invariant: every datagram that was sent on is counted once, with the time that the slowest of its batch took.

use std::time::Duration;

/// Upper bounds, in microseconds.
pub const BOUNDS_US: [u64; 9] = [50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 50_000];

/// Datagrams by how long they were held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// As many as [`BOUNDS_US`], and those above.
    pub counts: [u64; BOUNDS_US.len() + 1],
    /// The sum of all, in microseconds.
    pub sum_us: u64,
}

impl Latency {
    /// So many datagrams were held for so long.
    pub fn add(&mut self, held: Duration, datagrams: u64) {
        let us = u64::try_from(held.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound);
        self.counts[bucket.unwrap_or(BOUNDS_US.len())] += datagrams;
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(datagrams));
    }

    /// Together with another worker's.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_where_it_belongs() {
        let mut latency = Latency::default();
        latency.add(Duration::from_micros(50), 3);
        latency.add(Duration::from_micros(51), 2);
        latency.add(Duration::from_secs(1), 1);
        assert_eq!((latency.counts[0], latency.counts[1], latency.counts[9]), (3, 2, 1));
        assert_eq!(latency.sum_us, 150 + 102 + 1_000_000);
        assert_eq!(latency.plus(latency).counts[0], 6);
    }
}
