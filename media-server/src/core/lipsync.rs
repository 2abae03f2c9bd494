//! When a packet's content was captured, by the server's clock.
//!
//! Invariant: all tracks of one publisher are mapped with the same offset between its clock and ours, so
//! that the sender reports we make of it keep lips and voice together, however wrong its clock is.

use std::time::{Duration, Instant, SystemTime};

/// A report this much later than the mapping says is a clock that was set, not a slow network.
const CLOCK_WAS_SET: Duration = Duration::from_millis(500);

/// One publisher's clock on ours: the two points that are the same moment.
#[derive(Debug, Default)]
pub(crate) struct PublisherClock {
    same: Option<(SystemTime, Instant)>,
}

impl PublisherClock {
    /// A report written at `ntp` came at `at`. The one that was fastest on its way is nearest to the truth.
    pub(crate) fn report(&mut self, ntp: SystemTime, at: Instant) {
        let is_better = match self.local(ntp) {
            None => true,
            Some(mapped) => at < mapped || at > mapped + CLOCK_WAS_SET,
        };
        if is_better {
            self.same = Some((ntp, at));
        }
    }

    /// A moment of the publisher's clock on ours.
    fn local(&self, ntp: SystemTime) -> Option<Instant> {
        let (their, our) = self.same?;
        match ntp.duration_since(their) {
            Ok(later) => our.checked_add(later),
            Err(earlier) => our.checked_sub(earlier.duration()),
        }
    }
}

/// One track's last sender report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// The publisher's wall clock.
    pub(crate) ntp: SystemTime,
    /// The RTP time of the same moment.
    pub(crate) time: u32,
}

/// When the content of RTP time `time` was captured, by the server's clock; without a report: when it came.
pub(crate) fn captured_at(
    clock: &PublisherClock,
    report: Option<Report>,
    time: u32,
    clock_rate: u32,
    now: Instant,
) -> Instant {
    let Some(local) = report.and_then(|report| clock.local(report.ntp).map(|local| (local, report.time))) else {
        return now;
    };
    // RTP time wraps; what is nearer is meant.
    let ticks = time.wrapping_sub(local.1).cast_signed();
    let distance = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(clock_rate.max(1)));
    let captured = if ticks < 0 {
        local.0.checked_sub(distance)
    } else {
        local.0.checked_add(distance)
    };
    captured.map_or(now, |captured| captured.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_and_picture_captured_together_stay_together_though_their_clock_is_wrong() {
        let now = Instant::now() + Duration::from_secs(100);
        // Their clock is a day behind ours, their RTP times begin anywhere, and the reports took 30 and 80 ms.
        let their = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut clock = PublisherClock::default();
        clock.report(their, now + Duration::from_millis(80));
        clock.report(their + Duration::from_secs(1), now + Duration::from_millis(1030));
        let voice = Report {
            ntp: their,
            time: u32::MAX - 10,
        };
        let picture = Report {
            ntp: their + Duration::from_secs(1),
            time: 700,
        };
        // Both at two seconds after `their`: the voice's time has wrapped.
        let later = now + Duration::from_secs(3);
        let of_voice = captured_at(&clock, Some(voice), 96_000 - 11, 48_000, later);
        let of_picture = captured_at(&clock, Some(picture), 90_700, 90_000, later);
        assert_eq!(of_voice, of_picture);
        assert_eq!(of_picture, now + Duration::from_millis(2030));
    }

    #[test]
    fn without_a_report_it_is_the_arrival_and_never_the_future() {
        let now = Instant::now() + Duration::from_secs(100);
        let clock = PublisherClock::default();
        assert_eq!(captured_at(&clock, None, 5, 90_000, now), now);
        let mut clock = PublisherClock::default();
        clock.report(SystemTime::UNIX_EPOCH, now);
        let report = Report {
            ntp: SystemTime::UNIX_EPOCH,
            time: 0,
        };
        assert_eq!(captured_at(&clock, Some(report), 90_000, 90_000, now), now);
    }

    #[test]
    fn a_clock_that_is_set_is_followed() {
        let now = Instant::now() + Duration::from_secs(10_000);
        let mut clock = PublisherClock::default();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(50_000);
        clock.report(at, now);
        let set_back = at - Duration::from_secs(3600);
        clock.report(set_back, now + Duration::from_secs(1));
        assert_eq!(clock.local(set_back), Some(now + Duration::from_secs(1)));
    }
}
