//! Keeps a picture's bursts from filling the subscriber's link, where a voice would be lost behind them.
//!
//! Invariant: pictures leave at [`FACTOR`] times the estimate at most, but for a burst of [`BURST`]; what has to wait
//! leaves in order. Voices never wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much faster than the estimate: a frame is out before the next comes, and what piled up leaves; but a key frame's burst
/// doesn't look like a narrower link.
const FACTOR: f64 = 1.6;

/// What may leave at once.
const BURST: Duration = Duration::from_millis(40);
const LEAST_BURST_BYTES: f64 = 12_000.0;

/// Packets that wait. When full nothing more is taken, and the stream has a gap: a key frame is asked for.
const WAITING: usize = 1024;

/// The shortest sleep.
const STEP: Duration = Duration::from_millis(2);

/// A packet that waits, as its owner names it.
#[derive(Debug)]
pub(crate) struct Pacer<T> {
    waiting: VecDeque<(T, usize)>,
    waiting_bytes: usize,
    /// Bytes a second; none: nothing is held back.
    rate: Option<f64>,
    credit: f64,
    at: Instant,
}

impl<T> Pacer<T> {
    /// Holds nothing back until told a rate.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            rate: None,
            credit: 0.0,
            at: now,
        }
    }

    /// The estimate changed.
    pub(crate) fn pace(&mut self, estimate_bps: u64, now: Instant) {
        self.refill(now);
        let rate = estimate_bps as f64 / 8.0 * FACTOR;
        if self.rate.is_none() {
            self.credit = burst(rate);
        }
        self.rate = Some(rate);
    }

    /// Whether a packet may leave at once; if so it counts as gone.
    pub(crate) fn may_leave(&mut self, bytes: usize, now: Instant) -> bool {
        if self.rate.is_none() {
            return true;
        }
        self.refill(now);
        if !self.waiting.is_empty() || self.credit <= 0.0 {
            return false;
        }
        self.credit -= bytes as f64;
        true
    }

    /// What left without asking: a voice, or what was sent again.
    pub(crate) fn left(&mut self, bytes: usize) {
        self.credit -= bytes as f64;
    }

    /// Has a packet wait. False: too many do.
    pub(crate) fn wait(&mut self, packet: T, bytes: usize) -> bool {
        if self.waiting.len() >= WAITING {
            return false;
        }
        self.waiting.push_back((packet, bytes));
        self.waiting_bytes += bytes;
        true
    }

    /// The next that waited long enough.
    pub(crate) fn take(&mut self, now: Instant) -> Option<T> {
        if self.waiting.is_empty() {
            return None;
        }
        self.refill(now);
        if self.credit <= 0.0 {
            return None;
        }
        let (packet, bytes) = self.waiting.pop_front()?;
        self.waiting_bytes -= bytes;
        self.credit -= bytes as f64;
        Some(packet)
    }

    /// Lets go of those of which `is_meant` says so.
    pub(crate) fn forget(&mut self, is_meant: impl Fn(&T) -> bool) {
        self.waiting.retain(|(packet, _)| !is_meant(packet));
        self.waiting_bytes = self.waiting.iter().map(|(_, bytes)| bytes).sum();
    }

    /// How long what waits will take to leave.
    pub(crate) fn delay(&self) -> Duration {
        match self.rate {
            Some(rate) if rate > 0.0 => Duration::from_secs_f64(self.waiting_bytes as f64 / rate),
            _ => Duration::ZERO,
        }
    }

    /// When [`Pacer::take`] will give something.
    pub(crate) fn next(&self) -> Option<Instant> {
        let rate = self.rate.filter(|_| !self.waiting.is_empty())?;
        let debt = (-self.credit).max(0.0) / rate.max(1.0);
        Some(self.at + Duration::from_secs_f64(debt.min(1.0)).max(STEP))
    }

    fn refill(&mut self, now: Instant) {
        let Some(rate) = self.rate else { return };
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.credit = (self.credit + rate * elapsed).min(burst(rate));
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST.as_secs_f64()).max(LEAST_BURST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_rate_nothing_waits() {
        let now = Instant::now();
        let mut pacer = Pacer::<u32>::new(now);
        for _ in 0..10_000 {
            assert!(pacer.may_leave(1200, now));
        }
        assert_eq!(pacer.next(), None);
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_in_order_at_the_rate() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        // 1.6 times 500 kbit/s are 100,000 bytes a second.
        pacer.pace(500_000, start);
        let mut gone: Vec<(u32, Instant)> = Vec::new();
        for n in 0..50 {
            if pacer.may_leave(1000, start) {
                gone.push((n, start));
            } else {
                assert!(pacer.wait(n, 1000));
            }
        }
        assert_eq!(gone.len(), 12);
        assert_eq!(pacer.delay(), Duration::from_millis(380));
        let mut now = start;
        while let Some(next) = pacer.next() {
            assert!(next > now);
            now = next;
            while let Some(n) = pacer.take(now) {
                gone.push((n, now));
            }
        }
        assert!(gone.iter().map(|it| it.0).eq(0..50), "in order");
        let took = now - start;
        assert!((370..=400).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn too_many_are_refused_and_some_can_be_forgotten() {
        let now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.pace(8, now);
        let taken = (0..2000).filter(|n| pacer.wait(*n, 10)).count();
        assert_eq!(taken, WAITING);
        pacer.forget(|n| n % 2 == 0);
        assert_eq!((pacer.waiting.len(), pacer.waiting_bytes), (512, 5120));
    }
}
