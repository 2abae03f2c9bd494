//! What lies between a client and the SFU: a link in each direction, which loses, delays, reorders and narrows as the test
//! says.
//!
//! Invariant: all that happens on it follows from the test's settings and its seed.

use std::time::{Duration, Instant};

/// One direction of a client's link.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// Bits a second; none: as much as is sent.
    pub rate_bps: Option<u64>,
    /// How long a datagram may have to wait for those before it; what would wait longer is dropped (tail drop).
    pub queue: Duration,
    /// Besides the world's own.
    pub delay: Duration,
    /// Up to so much more, another for each datagram: they overtake one another.
    pub jitter: Duration,
    /// The share that gets lost.
    pub loss: f64,
    /// Losses come in bursts: how likely one begins and ends with a datagram.
    pub burst: Option<(f64, f64)>,
    /// Nothing passes.
    pub is_cut: bool,
    /// What was dropped, and what passed, in datagrams.
    pub dropped: u64,
    pub passed: u64,
    in_burst: bool,
    free_at: Option<Instant>,
}

impl Default for Pipe {
    fn default() -> Self {
        Self {
            rate_bps: None,
            queue: Duration::from_millis(200),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: None,
            is_cut: false,
            dropped: 0,
            passed: 0,
            in_burst: false,
            free_at: None,
        }
    }
}

impl Pipe {
    /// When a datagram that enters now comes out; none: never.
    pub fn pass(&mut self, bytes: usize, now: Instant, mut chance: impl FnMut() -> f64) -> Option<Instant> {
        let out = self.exit(bytes, now, &mut chance);
        match out {
            Some(_) => self.passed += 1,
            None => self.dropped += 1,
        }
        out
    }

    fn exit(&mut self, bytes: usize, now: Instant, chance: &mut impl FnMut() -> f64) -> Option<Instant> {
        if let Some((begins, ends)) = self.burst {
            let turn = chance();
            self.in_burst = if self.in_burst { turn >= ends } else { turn < begins };
        }
        if self.is_cut || self.in_burst || (self.loss > 0.0 && chance() < self.loss) {
            return None;
        }
        let jitter = if self.jitter.is_zero() {
            Duration::ZERO
        } else {
            self.jitter.mul_f64(chance())
        };
        let Some(rate) = self.rate_bps else {
            return Some(now + self.delay + jitter);
        };
        let begins = self.free_at.map_or(now, |at| at.max(now));
        if begins - now > self.queue {
            return None;
        }
        // With the headers of IP and UDP.
        let takes = Duration::from_secs_f64((bytes + 28) as f64 * 8.0 / rate as f64);
        self.free_at = Some(begins + takes);
        Some(begins + takes + self.delay + jitter)
    }
}
