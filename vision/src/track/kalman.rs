//! Where something is and how fast it moves along one axis, from measurements with noise: a Kalman filter of
//! constant velocity. Pure.

/// One axis: position and velocity with their uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// Where, in whatever unit the measurements have.
    pub position: f64,
    /// Units a second.
    pub velocity: f64,
    /// Variance of the position, covariance, variance of the velocity.
    spread: [f64; 3],
}

impl Axis {
    /// From a first measurement, with standard deviations of it and of the unknown velocity.
    #[must_use]
    pub fn new(position: f64, noise: f64, speed: f64) -> Self {
        Self {
            position,
            velocity: 0.0,
            spread: [noise * noise, 0.0, speed * speed],
        }
    }

    /// So many seconds later, when the velocity may have changed by chance: `jerkiness` is the standard deviation
    /// of that change over a second.
    pub fn pass(&mut self, seconds: f64, jerkiness: f64) {
        let [place, both, speed] = self.spread;
        let q = jerkiness * jerkiness;
        self.position += self.velocity * seconds;
        self.spread = [
            place + 2.0 * seconds * both + seconds * seconds * speed + q * seconds.powi(3) / 3.0,
            both + seconds * speed + q * seconds * seconds / 2.0,
            speed + q * seconds,
        ];
    }

    /// It was measured here, with this standard deviation.
    pub fn measure(&mut self, position: f64, noise: f64) {
        let [place, both, speed] = self.spread;
        let all = place + noise * noise;
        if all <= 0.0 {
            self.position = position;
            return;
        }
        let (gain, gain_speed) = (place / all, both / all);
        let surprise = position - self.position;
        self.position += gain * surprise;
        self.velocity += gain_speed * surprise;
        self.spread = [(1.0 - gain) * place, (1.0 - gain) * both, speed - gain_speed * both];
    }

    /// Standard deviation of the position.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.spread[0].max(0.0).sqrt()
    }

    /// Nobody knows any more how fast it is: what it was fades.
    pub fn slow_down(&mut self, factor: f64) {
        self.velocity *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    #[test]
    fn a_steady_walk_is_learned_and_foretold() {
        let mut random = Random::new(7);
        let mut axis = Axis::new(0.0, 2.0, 50.0);
        for step in 1..60 {
            axis.pass(0.2, 5.0);
            axis.measure(f64::from(step) * 0.2 * 30.0 + 2.0 * random.noise(), 2.0);
        }
        assert!((axis.velocity - 30.0).abs() < 5.0, "{axis:?}");
        let before = axis.position;
        axis.pass(1.0, 5.0);
        assert!((axis.position - before - 30.0).abs() < 5.0);
    }

    #[test]
    fn what_is_not_measured_gets_uncertain_and_a_measurement_makes_it_sure() {
        let mut axis = Axis::new(0.0, 2.0, 50.0);
        let at_first = axis.deviation();
        axis.pass(1.0, 5.0);
        let later = axis.deviation();
        axis.measure(10.0, 2.0);
        assert!(later > at_first && axis.deviation() < 2.0);
        for _ in 0..100_000 {
            axis.pass(0.1, 5.0);
            axis.measure(10.0, 2.0);
        }
        assert!(axis.spread.iter().all(|number| number.is_finite()) && axis.spread[0] > 0.0 && axis.spread[2] > 0.0);
    }
}
