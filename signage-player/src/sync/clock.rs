//! The stage's clock: the system's monotonic one, whose rate can be steered. It is the output pipeline's clock, and what other
//! screens of a group read.
//!
//! Invariant: it never jumps. A difference is worked off by its rate; whole ticks are a matter of counting, not of the clock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

const BILLION: i128 = 1_000_000_000;

/// For benches and tests: a clock that is wrong from the start, as another machine's would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skew {
    /// Ahead by so many nanoseconds at the start.
    pub ahead_ns: i64,
    /// Fast by so many billionths.
    pub fast_ppb: i64,
}

/// A line: at `internal` it shows `external`, and runs fast by `ppb` billionths from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    internal: u64,
    external: u64,
    ppb: i64,
}

impl Line {
    fn at(&self, internal: u64) -> u64 {
        let passed = i128::from(internal) - i128::from(self.internal);
        let shown = i128::from(self.external) + passed * (BILLION + i128::from(self.ppb)) / BILLION;
        u64::try_from(shown).unwrap_or(0)
    }

    /// The line that goes on from here at another rate.
    fn turned(&self, internal: u64, ppb: i64) -> Self {
        Self {
            internal,
            external: self.at(internal),
            ppb,
        }
    }
}

/// The clock.
#[derive(Debug)]
pub struct Clock {
    clock: gst::Clock,
    skew_ppb: i64,
    line: Mutex<Line>,
}

impl Clock {
    /// A clock of its own, which nobody else steers. GStreamer must be initialised.
    #[must_use]
    pub fn new(skew: Skew) -> Self {
        let clock: gst::Clock = gst::glib::Object::builder::<gst::SystemClock>()
            .property("clock-type", gst::ClockType::Monotonic)
            .build()
            .upcast();
        let internal = clock.internal_time().nseconds();
        let line = Line {
            internal,
            external: internal.saturating_add_signed(skew.ahead_ns),
            ppb: skew.fast_ppb,
        };
        calibrate(&clock, &line);
        Self {
            clock,
            skew_ppb: skew.fast_ppb,
            line: Mutex::new(line),
        }
    }

    /// As GStreamer's.
    #[must_use]
    pub fn as_gst(&self) -> &gst::Clock {
        &self.clock
    }

    /// The time in nanoseconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        i64::try_from(self.clock.time().nseconds()).unwrap_or(i64::MAX)
    }

    /// From now on it runs fast by so many billionths of the machine's own rate.
    pub fn set_rate(&self, ppb: i64) {
        let mut line = self.lock();
        let ppb = ppb.saturating_add(self.skew_ppb);
        if line.ppb != ppb {
            *line = line.turned(self.clock.internal_time().nseconds(), ppb);
            calibrate(&self.clock, &line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nobody panics while holding it; and a line is a line.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn calibrate(clock: &gst::Clock, line: &Line) {
    let rate = u64::try_from(BILLION + i128::from(line.ppb)).unwrap_or(1);
    let time = gst::ClockTime::from_nseconds;
    clock.set_calibration(time(line.internal), time(line.external), rate, 1_000_000_000);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_rate_begins_where_the_old_one_has_come() {
        let line = Line {
            internal: 1_000,
            external: 500,
            ppb: 0,
        };
        let fast = line.turned(2_000_001_000, 50_000);
        assert_eq!(fast.external, 2_000_000_500);
        assert_eq!(fast.at(3_000_001_000), 3_000_050_500);
        let slow = fast.turned(3_000_001_000, -50_000);
        assert_eq!(slow.at(3_000_001_000), 3_000_050_500);
        assert_eq!(slow.at(4_000_001_000), 4_000_000_500);
    }

    #[test]
    fn it_never_goes_back_while_it_is_steered() {
        gst::init().expect("GStreamer");
        let clock = Clock::new(Skew {
            ahead_ns: 30_000_000,
            fast_ppb: 50_000,
        });
        let plain = Clock::new(Skew::default());
        let ahead = clock.now() - plain.now();
        assert!(ahead > 25_000_000, "{ahead}");
        let mut before = clock.now();
        for step in 0..200 {
            clock.set_rate(if step % 2 == 0 { 5_000_000 } else { -5_000_000 });
            let now = clock.now();
            assert!(now >= before);
            before = now;
        }
    }
}
