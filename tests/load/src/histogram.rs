//! Durations by the million: counted in buckets that are at most 1.6 % wide.
//!
//! Invariant: a percentile is never less than the true one, nor more than a bucket's width above it.

/// Each power of two has so many buckets.
const STEPS: u64 = 64;

/// Counts durations in nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; bucket(u64::MAX) + 1],
            count: 0,
        }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, ns: u64) {
        self.buckets[bucket(ns)] += 1;
        self.count += 1;
    }

    /// The duration in nanoseconds below or at which a share `p` (0 to 1) lies, by nearest rank; nothing
    /// when nothing was counted.
    #[must_use]
    pub fn percentile(&self, p: f64) -> Option<u64> {
        // Counts stay far below 2^52.
        let rank = ((p * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut sum = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            sum += count;
            if sum >= rank {
                return Some(upper(at));
            }
        }
        None
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.buckets.fill(0);
        self.count = 0;
    }
}

fn bucket(ns: u64) -> usize {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(STEPS.ilog2() + 1);
    // At most 58 · 64 + 127.
    (u64::from(shift) * STEPS + (ns >> shift)) as usize
}

/// The largest duration of a bucket.
fn upper(at: usize) -> u64 {
    let at = at as u64;
    if at < 2 * STEPS {
        return at;
    }
    let shift = at / STEPS - 1;
    let low = (at - shift * STEPS) << shift;
    low + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        assert_eq!((bucket(0), upper(0)), (0, 0));
        for at in 0..bucket(1 << 40) {
            assert_eq!(bucket(upper(at)), at);
            assert_eq!(bucket(upper(at) + 1), at + 1);
        }
        assert_eq!(upper(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), None);
        let values: Vec<u64> = (1..=10_000).map(|n| n * n).collect();
        for value in values.iter().rev() {
            histogram.add(*value);
        }
        for (p, rank) in [(0.0, 1), (0.01, 100), (0.5, 5_000), (0.99, 9_900), (1.0, 10_000)] {
            let (exact, found) = (values[rank - 1], histogram.percentile(p).expect("counted"));
            assert!(
                found >= exact && found as f64 <= exact as f64 * 1.016,
                "{p}: {found} for {exact}"
            );
        }
        histogram.clear();
        assert_eq!(histogram.percentile(0.5), None);
    }
}
