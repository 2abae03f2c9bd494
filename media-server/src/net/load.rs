//! How busy the workers are, as the node tells it: the mean of the last seconds, so that one burst moves no rooms.
//!
//! Invariant: time and CPU time are arguments; what is told is never more than a core a worker.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The mean is over so long.
const WINDOW: Duration = Duration::from_secs(5);

/// Turns a growing sum of CPU time into a share of cores.
#[derive(Debug, Default)]
pub struct LoadMeter {
    /// When, and the CPU time until then; oldest first. Bounded: what is older than [`WINDOW`] goes.
    samples: VecDeque<(Instant, Duration)>,
}

impl LoadMeter {
    /// Takes the CPU time that all workers have used since their start. Gives the share of a core that each of them
    /// used lately, in thousandths.
    pub fn take(&mut self, busy: Duration, workers: usize, now: Instant) -> u32 {
        while self.samples.len() > 1 && self.samples.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, busy));
        let Some((since, before)) = self.samples.front() else {
            return 0;
        };
        let passed = now.saturating_duration_since(*since).as_micros();
        let used = busy.saturating_sub(*before).as_micros();
        let share = (used * 1000).checked_div(passed * workers.max(1) as u128);
        u32::try_from(share.unwrap_or(0)).unwrap_or(1000).min(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_millis(500);

    #[test]
    fn it_is_the_mean_share_of_a_core_over_the_last_seconds() {
        let (mut meter, start) = (LoadMeter::default(), Instant::now());
        assert_eq!(meter.take(Duration::ZERO, 2, start), 0, "nothing is known yet");
        // Two workers, together half a core.
        let mut last = 0;
        for beat in 1..=40 {
            last = meter.take(BEAT / 2 * beat, 2, start + BEAT * beat);
        }
        assert_eq!(last, 250);
        // Idle since: forgotten within the window.
        let busy = BEAT / 2 * 40;
        assert!(meter.take(busy, 2, start + BEAT * 44) > 100);
        for beat in 45..=56 {
            last = meter.take(busy, 2, start + BEAT * beat);
        }
        assert_eq!(last, 0);
        assert!(meter.samples.len() <= 12, "old samples go");
    }
}
