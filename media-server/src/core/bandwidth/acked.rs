//! The acknowledged throughput: what comes through, by the receiver's clock.
//!
//! Invariant: a throughput is never more than the same bytes over the time in which they were sent, so that a
//! receiver which invents arrival times cannot show more than it was given.

use std::collections::VecDeque;

/// Arrivals this near to each other are one slice, microseconds.
const SLICE_US: i64 = 20_000;

/// The most slices that are kept: a little over a second. The oldest make room for new ones.
const MOST: usize = 60;

/// The arrivals of a short time.
#[derive(Debug, Clone, Copy)]
struct Slice {
    /// The last arrival in it, microseconds of the receiver's clock.
    at_us: i64,
    /// When the latest of its packets left, microseconds of our clock.
    sent_us: i64,
    /// All bytes that had come by then since the beginning.
    total_bytes: u64,
}

/// What came in about the last second.
#[derive(Debug, Default)]
pub(super) struct Acked {
    slices: VecDeque<Slice>,
    total_bytes: u64,
}

impl Acked {
    /// A packet that left at `sent_us` came at `at_us`.
    pub(super) fn arrived(&mut self, sent_us: i64, at_us: i64, bytes: usize) {
        self.total_bytes += bytes as u64;
        if let Some(last) = self.slices.back_mut()
            && (at_us < last.at_us || at_us.div_euclid(SLICE_US) == last.at_us.div_euclid(SLICE_US))
        {
            last.at_us = last.at_us.max(at_us);
            last.sent_us = last.sent_us.max(sent_us);
            last.total_bytes = self.total_bytes;
            return;
        }
        if self.slices.len() == MOST {
            self.slices.pop_front();
        }
        let sent_us = self.slices.back().map_or(sent_us, |last| last.sent_us.max(sent_us));
        self.slices.push_back(Slice {
            at_us,
            sent_us,
            total_bytes: self.total_bytes,
        });
    }

    /// So many bytes are known to have come before the next arrival, but not when.
    pub(super) fn presume(&mut self, bytes: usize) {
        self.total_bytes += bytes as u64;
    }

    /// The throughput over the last `window_us` that anything came in, bits a second. None when what is known
    /// spans less than half of it.
    pub(super) fn bps(&self, window_us: i64) -> Option<f64> {
        let last = self.slices.back()?;
        let begin_us = last.at_us - window_us;
        // The one before the window too: its end is the window's begin, when nothing came in between.
        let inside = self.slices.partition_point(|slice| slice.at_us < begin_us);
        let first = self.slices.get(inside)?;
        let span_us = (last.at_us - first.at_us).max(last.sent_us - first.sent_us);
        if span_us < window_us / 2 {
            return None;
        }
        let bytes = last.total_bytes - first.total_bytes;
        Some(bytes as f64 * 8.0 * 1e6 / span_us as f64)
    }

    /// What it occupies besides itself, bytes.
    #[cfg(test)]
    pub(super) fn room_bytes(&self) -> usize {
        self.slices.capacity() * size_of::<Slice>()
    }

    /// Forgets: the receiver's clock has jumped.
    pub(super) fn reset(&mut self) {
        self.slices.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_US: i64 = 500_000;

    /// 1,000 bytes every 10 ms leave; they come `stretch` times as far apart.
    fn stream(acked: &mut Acked, stretch: f64) {
        for index in 0..200_i64 {
            acked.arrived(index * 10_000, (index as f64 * 10_000.0 * stretch) as i64, 1000);
        }
    }

    #[test]
    fn it_is_what_came_through() {
        let mut acked = Acked::default();
        stream(&mut acked, 2.0);
        let bps = acked.bps(WINDOW_US).expect("the window is full");
        assert!((380_000.0..420_000.0).contains(&bps), "{bps}");
        assert!(acked.slices.len() <= MOST);
    }

    #[test]
    fn invented_arrival_times_show_no_more_than_was_sent() {
        let mut acked = Acked::default();
        stream(&mut acked, 0.3);
        let bps = acked.bps(WINDOW_US).expect("the window is full");
        assert!(bps <= 810_000.0, "{bps}");
    }

    #[test]
    fn a_moment_is_not_enough_to_judge() {
        let mut acked = Acked::default();
        assert_eq!(acked.bps(WINDOW_US), None);
        for index in 0..20 {
            acked.arrived(index * 1000, index * 1000, 1000);
        }
        assert_eq!(acked.bps(WINDOW_US), None);
    }
}
