//! How much a participant may send.
//!
//! Invariant: over any time what was taken costs at most [`BURST`] and [`DEBT`], and [`RATE`] for each second.

use std::time::{Duration, Instant};

/// Bytes a second that may be sent for long.
const RATE: u32 = 128 * 1024;

/// Bytes that may be sent at once after a pause.
const BURST: i64 = 256 * 1024;

/// Bytes that may be sent ahead of time; the answer waits for as long as they are.
const DEBT: i64 = 128 * 1024;

/// What each message costs besides its bytes: many small ones are work too.
const EACH: usize = 512;

#[derive(Debug)]
pub(super) struct Allowance {
    /// Bytes that may be sent; below zero: that were sent ahead of time.
    left: i64,
    at: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// Takes a message. Gives how long it was ahead of time; none: it is too much.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> Option<Duration> {
        let time = now.saturating_duration_since(self.at);
        let earned = (time.as_secs_f64() * f64::from(RATE)) as i64;
        if earned > 0 {
            self.left = (self.left + earned).min(BURST);
            self.at = now;
        }
        let left = self.left - (bytes + EACH) as i64;
        if left < -DEBT {
            return None;
        }
        self.left = left;
        Some(Duration::from_secs_f64((-left).max(0) as f64 / f64::from(RATE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_ahead_of_time_waits_and_what_is_too_much_is_refused() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let message = 16 * 1024 - EACH;
        for _ in 0..16 {
            assert_eq!(allowance.take(message, start), Some(Duration::ZERO));
        }
        assert_eq!(allowance.take(message, start), Some(Duration::from_millis(125)));
        for _ in 0..7 {
            assert!(allowance.take(message, start).is_some());
        }
        assert_eq!(allowance.take(message, start), None);
        let later = start + Duration::from_millis(125);
        assert_eq!(allowance.take(message, later), Some(Duration::from_secs(1)));
        assert_eq!(allowance.take(0, later), None, "small ones cost something too");
        // A pause gives no more than a burst.
        let much_later = start + Duration::from_secs(3600);
        let taken = (0..100).take_while(|_| allowance.take(message, much_later) == Some(Duration::ZERO));
        assert_eq!(taken.count(), 16);
    }
}
