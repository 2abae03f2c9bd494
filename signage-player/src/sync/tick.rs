//! Ticks: frames of the stage, thirtieths of a second, as whole numbers. A moment of a group is a tick of the group's clock, so
//! that "the same frame" is the same number. The times of ticks are rounded down to nanoseconds.

use std::time::Duration;

use crate::stage::output::RATE;

const SECOND: i128 = 1_000_000_000;

/// When a tick is, in nanoseconds of its clock.
#[must_use]
pub fn nanos(tick: i64) -> i64 {
    clamp((i128::from(tick) * SECOND).div_euclid(i128::from(RATE)))
}

/// The tick that is on at a time in nanoseconds.
#[must_use]
pub fn at(nanos: i64) -> i64 {
    // One more nanosecond: a tick's own time was rounded down.
    clamp(((i128::from(nanos) + 1) * i128::from(RATE)).div_euclid(SECOND))
}

/// The tick nearest to a time in nanoseconds; also how many ticks are nearest to a difference.
#[must_use]
pub fn nearest(nanos: i64) -> i64 {
    clamp((i128::from(nanos) * i128::from(RATE) + SECOND / 2).div_euclid(SECOND))
}

/// How many ticks are nearest to how long something takes.
#[must_use]
pub fn count(long: Duration) -> i64 {
    nearest(i64::try_from(long.as_nanos()).unwrap_or(i64::MAX))
}

/// How long so many ticks take; none below 0.
#[must_use]
pub fn duration(ticks: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos(ticks)).unwrap_or(0))
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticks_own_time_is_in_that_tick_and_nearest_to_it() {
        for tick in [-100_001, -31, -1, 0, 1, 2, 3, 29, 30, 31, 9_999_999_999] {
            assert_eq!(at(nanos(tick)), tick);
            assert_eq!(nearest(nanos(tick)), tick);
            assert_eq!(at(nanos(tick) - 2), tick - 1);
            assert_eq!(nearest(nanos(tick) + 16_000_000), tick);
            assert_eq!(nearest(nanos(tick) + 17_000_000), tick + 1);
        }
        assert_eq!(nanos(30), 1_000_000_000);
        assert_eq!(count(Duration::from_millis(2_500)), 75);
        assert_eq!(duration(45), Duration::from_millis(1_500));
        assert_eq!(duration(-1), Duration::ZERO);
    }
}
