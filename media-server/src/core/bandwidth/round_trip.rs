//! The round trip to a subscriber.
//!
//! Invariant: it is never more than the shortest time in which feedback has lately followed a packet, whatever receiver
//! reports say.

use std::time::Duration;

/// How long a shortest time is remembered at least, microseconds; at most twice that.
const REMEMBERED_US: i64 = 5_000_000;

/// The longest round trip that is believed, microseconds.
const MOST_US: i64 = 60_000_000;

/// What is known of the round trip, microseconds.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    /// From receiver reports, smoothed.
    reported_us: Option<i64>,
    /// The shortest from a packet's leaving to its feedback, of the half that is gone and the one that runs.
    bounds_us: Option<[i64; 2]>,
    half_began_us: i64,
}

impl RoundTrip {
    /// A receiver report gives `rtt` (RFC 3550 §6.4.1).
    pub(super) fn report(&mut self, rtt: Duration) {
        let us = i64::try_from(rtt.as_micros()).unwrap_or(MOST_US).min(MOST_US);
        self.reported_us = Some(
            self.reported_us
                .map_or(us, |smoothed_us| smoothed_us + (us - smoothed_us) / 8),
        );
    }

    /// The newest packet of a feedback left `us` before it came.
    pub(super) fn bound(&mut self, us: i64, now_us: i64) {
        let us = us.max(0);
        let [old, running] = self.bounds_us.unwrap_or([us; 2]);
        self.bounds_us = Some(if now_us - self.half_began_us > REMEMBERED_US {
            self.half_began_us = now_us;
            [running, us]
        } else {
            [old, running.min(us)]
        });
    }

    /// The round trip, microseconds.
    pub(super) fn us(&self) -> Option<i64> {
        let bound_us = self.bounds_us.map(|[old, running]| old.min(running));
        match (self.reported_us, bound_us) {
            (Some(reported_us), Some(bound_us)) => Some(reported_us.min(bound_us)),
            (reported_us, bound_us) => reported_us.or(bound_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_bounds_what_reports_say() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.us(), None);
        round_trip.report(Duration::from_millis(80));
        assert_eq!(round_trip.us(), Some(80_000));
        round_trip.bound(120_000, 0);
        assert_eq!(round_trip.us(), Some(80_000));
        round_trip.bound(45_000, 1_000_000);
        assert_eq!(round_trip.us(), Some(45_000));
        round_trip.report(Duration::MAX);
        assert_eq!(round_trip.us(), Some(45_000));
        for second in 2..14 {
            round_trip.bound(200_000, second * 1_000_000);
        }
        assert!(
            round_trip.us() > Some(150_000),
            "a longer way is believed after a while"
        );
    }
}
