//! The wall clock, of which the core is told once: sender reports carry it.
//!
//! Invariant: it never stands and never jumps: it is the monotonic clock, moved.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP's time begins, to 1970. (RFC 5905 §6)
const NTP_BEFORE_UNIX: u64 = 2_208_988_800;

/// The moment at which both clocks were read.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    at: Instant,
    ntp: u64,
}

impl WallClock {
    /// `at` is the same moment as `wall`.
    #[must_use]
    pub fn new(at: Instant, wall: SystemTime) -> Self {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            at,
            ntp: (NTP_BEFORE_UNIX << 32).wrapping_add(fixed(since)),
        }
    }

    /// NTP time: 32.32 bits of seconds.
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        self.ntp.wrapping_add(fixed(now.saturating_duration_since(self.at)))
    }

    /// How long ago a moment was, of whose NTP time the middle 32 bits are known. (RFC 3550 §6.4.1)
    pub(crate) fn since_middle(&self, middle: u32, now: Instant) -> Duration {
        let since = ((self.ntp(now) >> 16) as u32).wrapping_sub(middle);
        Duration::from_secs_f64(f64::from(since) / 65_536.0)
    }

    /// 24 bits of seconds in 6.18 form, from any moment on: the absolute send time.
    pub(crate) fn send_time(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 14) as u32 & 0xff_ffff
    }
}

fn fixed(time: Duration) -> u64 {
    let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
    time.as_secs().wrapping_shl(32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_1900_and_goes_on_with_the_monotonic_clock() {
        let at = Instant::now();
        let clock = WallClock::new(at, UNIX_EPOCH + Duration::from_millis(1500));
        assert_eq!(clock.ntp(at) >> 32, NTP_BEFORE_UNIX + 1);
        assert_eq!(clock.ntp(at) & 0xffff_ffff, 1 << 31);
        let later = at + Duration::from_secs(70_000);
        let middle = (clock.ntp(later) >> 16) as u32;
        let passed = clock.since_middle(middle, later + Duration::from_millis(250));
        assert!((passed.as_secs_f64() - 0.25).abs() < 0.001, "{passed:?}");
        assert_eq!(
            clock.send_time(at + Duration::from_secs(64)),
            clock.send_time(at),
            "it wraps after 64 s"
        );
    }
}
