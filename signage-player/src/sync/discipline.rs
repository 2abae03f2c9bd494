//! How a clock is brought to another one's time, and kept there: a control loop of second order, as in NTP (RFC 5905 §11). The
//! phase is worked off within seconds, the rate is learned more slowly, and stays when the other clock is gone. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::tick;

/// A difference is worked off with this time constant, in seconds.
const PHASE: f64 = 2.0;
/// The rate is learned with this one.
const RATE: f64 = 8.0;
/// The clock runs at most so much faster or slower, in billionths: half a percent, which nobody sees.
const MOST_PPB: f64 = 5_000_000.0;
/// No crystal is worse than that; what is more is no rate to be learned.
const MOST_STEADY_PPB: f64 = 500_000.0;
/// Nothing is learned of the rate while there is so much of a difference, in nanoseconds.
const LEARN_BELOW: f64 = 3_000_000.0;
/// From so much on, a difference is taken as whole ticks first: three quarters of a frame.
const WHOLE_FROM: i64 = 25_000_000;
/// So many measurements in a row must say so.
const WHOLE_TIMES: u32 = 3;
/// For how long errors are remembered.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What is to be done after a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// The clock runs at this rate, in billionths above its own.
    Rate(i64),
    /// So many ticks are counted more from now on; the clock itself is as it was.
    Ticks(i64),
}

/// The loop's state.
#[derive(Debug, Default)]
pub struct Discipline {
    steady_ppb: f64,
    far: u32,
    is_near: bool,
    /// When, and by how many nanoseconds.
    errors: VecDeque<(Duration, u64)>,
}

impl Discipline {
    /// Another clock is followed from now on. What was learned of this clock's rate stays.
    pub fn begin(&mut self) {
        self.is_near = false;
        self.far = 0;
        self.errors.clear();
    }

    /// The rate that was learned, in billionths: at this one the clock runs on alone.
    #[must_use]
    pub fn steady(&self) -> i64 {
        self.steady_ppb as i64
    }

    /// The other clock was ahead by `offset` nanoseconds at `now`, `passed` after the measurement before.
    pub fn measured(&mut self, offset: i64, passed: Duration, now: Duration) -> Correction {
        self.far = if offset.abs() >= WHOLE_FROM { self.far + 1 } else { 0 };
        let ticks = tick::nearest(offset);
        if ticks != 0 && (!self.is_near || self.far >= WHOLE_TIMES) {
            self.is_near = true;
            self.far = 0;
            return Correction::Ticks(ticks);
        }
        self.is_near = true;
        self.errors.push_back((now, offset.unsigned_abs()));
        self.forget(now);
        let offset = offset as f64;
        if offset.abs() < LEARN_BELOW {
            self.steady_ppb += offset / (RATE * RATE) * passed.as_secs_f64().min(1.0);
            self.steady_ppb = self.steady_ppb.clamp(-MOST_STEADY_PPB, MOST_STEADY_PPB);
        }
        let wanted = self.steady_ppb + offset / PHASE;
        Correction::Rate(wanted.clamp(-MOST_PPB, MOST_PPB) as i64)
    }

    /// The largest error of the last ten seconds, in nanoseconds; `None`: nothing was measured.
    pub fn error(&mut self, now: Duration) -> Option<u64> {
        self.forget(now);
        self.errors.iter().map(|(_, error)| *error).max()
    }

    fn forget(&mut self, now: Duration) {
        while self
            .errors
            .front()
            .is_some_and(|(at, _)| now.saturating_sub(*at) > REMEMBERED)
        {
            self.errors.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    /// A clock with an error of its own, steered for some seconds. Gives the offsets after each step.
    struct World {
        offset: f64,
        drift_ppb: f64,
        rate: i64,
        ticks: i64,
        now: Duration,
        noise: u64,
    }

    impl World {
        fn new(offset: f64, drift_ppb: f64) -> Self {
            let (rate, ticks, now, noise) = (0, 0, Duration::ZERO, 1);
            Self {
                offset,
                drift_ppb,
                rate,
                ticks,
                now,
                noise,
            }
        }

        fn pass(&mut self) {
            self.now += STEP;
            self.offset += (self.drift_ppb - self.rate as f64) * STEP.as_secs_f64();
        }

        fn run(&mut self, discipline: &mut Discipline, seconds: u64, noise_ns: u64) {
            for _ in 0..seconds * 10 {
                self.pass();
                self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let noise = ((self.noise >> 33) % (2 * noise_ns + 1)) as f64 - noise_ns as f64;
                match discipline.measured((self.offset + noise) as i64, STEP, self.now) {
                    Correction::Rate(rate) => self.rate = rate,
                    Correction::Ticks(ticks) => {
                        self.ticks += ticks;
                        self.offset -= tick::nanos(ticks) as f64;
                    }
                }
            }
        }
    }

    #[test]
    fn a_clock_that_is_thirty_milliseconds_and_fifty_millionths_wrong_is_right_within_seconds() {
        let mut discipline = Discipline::default();
        let mut world = World::new(30_000_000.0, 50_000.0);
        world.run(&mut discipline, 10, 0);
        assert_eq!(world.ticks, 1, "a whole tick is counted, the rest is worked off");
        assert!(world.offset.abs() < 300_000.0, "{}", world.offset);
        world.run(&mut discipline, 110, 0);
        assert!(world.offset.abs() < 10_000.0, "{}", world.offset);
        assert!((discipline.steady() - 50_000).abs() < 3_000, "{}", discipline.steady());
    }

    #[test]
    fn measurements_that_shake_by_a_millisecond_shake_the_clock_by_less() {
        let mut discipline = Discipline::default();
        let mut world = World::new(-12_000_000.0, -50_000.0);
        world.run(&mut discipline, 30, 1_000_000);
        for _ in 0..60 {
            world.run(&mut discipline, 1, 1_000_000);
            assert!(world.offset.abs() < 700_000.0, "{}", world.offset);
        }
        assert!(discipline.error(world.now).expect("measured") <= 1_700_000);
    }

    #[test]
    fn left_alone_it_runs_on_at_the_rate_that_it_has_learned() {
        let mut discipline = Discipline::default();
        let mut world = World::new(5_000_000.0, 50_000.0);
        world.run(&mut discipline, 120, 0);
        world.rate = discipline.steady();
        (0..600).for_each(|_| world.pass());
        assert!(world.offset.abs() < 300_000.0, "after a minute: {}", world.offset);
        assert_eq!(discipline.error(world.now), None, "old measurements say nothing of now");
    }

    #[test]
    fn one_wrong_measurement_moves_no_tick_and_three_do() {
        let mut discipline = Discipline::default();
        let at = Duration::from_secs;
        discipline.measured(1_000, STEP, at(1));
        let far = 70_000_000;
        assert!(matches!(
            discipline.measured(far, STEP, at(2)),
            Correction::Rate(5_000_000)
        ));
        assert!(matches!(discipline.measured(0, STEP, at(3)), Correction::Rate(_)));
        assert!(matches!(discipline.measured(far, STEP, at(4)), Correction::Rate(_)));
        assert!(matches!(discipline.measured(far, STEP, at(5)), Correction::Rate(_)));
        assert_eq!(discipline.measured(far, STEP, at(6)), Correction::Ticks(2));
        // Another leader: the first measurement counts at once, as nothing is known.
        discipline.begin();
        assert_eq!(discipline.measured(-far, STEP, at(7)), Correction::Ticks(-2));
    }
}
