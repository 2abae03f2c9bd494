//! Films are quieter while somebody speaks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How loud films are meanwhile, in decibels.
const BELOW: f64 = -15.0;

/// How long it takes to get there: before the first word is over.
const DOWN: Duration = Duration::from_millis(250);

/// How long it takes to come back: nobody should start.
const UP: Duration = Duration::from_millis(1200);

#[derive(Debug, Default)]
struct Ramp {
    voices: usize,
    /// From 0, as loud as films are, to 1, all the way down.
    share: f64,
    at: Duration,
}

/// How loud films are, which all that sounds on a screen has in common.
#[derive(Debug, Clone, Default)]
pub struct Ducking(Arc<Mutex<Ramp>>);

/// Somebody speaks until this is dropped.
#[derive(Debug)]
pub struct Speaking(Ducking);

impl Ducking {
    fn ramp<T>(&self, act: impl FnOnce(&mut Ramp) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody begins to speak.
    #[must_use]
    pub fn speak(&self) -> Speaking {
        self.ramp(|ramp| ramp.voices += 1);
        Speaking(self.clone())
    }

    /// What films' samples are multiplied with at `now`, by the stage's clock: 1 while nobody speaks.
    #[must_use]
    pub fn gain(&self, now: Duration) -> f64 {
        self.ramp(|ramp| {
            let passed = now.saturating_sub(ramp.at).as_secs_f64();
            ramp.at = ramp.at.max(now);
            ramp.share = if ramp.voices > 0 {
                (ramp.share + passed / DOWN.as_secs_f64()).min(1.0)
            } else {
                (ramp.share - passed / UP.as_secs_f64()).max(0.0)
            };
            10_f64.powf(BELOW * ramp.share / 20.0)
        })
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.ramp(|ramp| ramp.voices = ramp.voices.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_go_down_for_a_voice_stay_down_for_a_second_one_and_come_back() {
        let ducking = Ducking::default();
        let at = |ms: u64| ducking.gain(Duration::from_millis(ms));
        assert!((at(1000) - 1.0).abs() < 1e-9);
        let first = ducking.speak();
        let half = at(1125);
        assert!(
            (0.4..0.45).contains(&half),
            "half the decibels at half the time: {half}"
        );
        assert!((at(1125) - half).abs() < 1e-9, "asked twice, it goes no further");
        let low = at(1400);
        assert!((low - 0.178).abs() < 0.001, "15 dB: {low}");
        let second = ducking.speak();
        drop(first);
        assert!((at(3000) - low).abs() < 1e-9, "the other one still speaks");
        drop(second);
        assert!((low..0.6).contains(&at(3600)), "not at once");
        assert!((at(4300) - 1.0).abs() < 1e-9);
    }
}
