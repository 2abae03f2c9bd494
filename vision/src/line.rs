//! Who crosses a line: feet from one settled side to the other.
//!
//! Invariant: each crossing counts once. Feet nearer to the line than its dead band are on neither side, so who
//! stands on it, or whose box flickers there, counts nothing; and who goes round its end hasn't crossed it.

use std::collections::HashMap;
use std::time::Duration;

use crate::geometry::PersonHeights;
use crate::track::TrackId;

/// Whoever hasn't been seen for so long is forgotten: numbers never come again.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// More people at once aren't remembered; those unseen for longest go.
const MOST_PEOPLE: usize = 2000;

/// By a person's height, feet are settled from this share of it on: who shifts from one leg to the other stays within.
const SETTLED: f64 = 0.15;

/// How far from a line feet are settled on a side.
#[derive(Debug, Clone, Copy, PartialEq)]
enum DeadBand {
    /// So many pixels.
    Fixed(f64),
    /// [`SETTLED`] of a person's height where the feet are, in a picture of so many pixels' height: near the camera the same
    /// sway is many pixels, far away few.
    ByHeight(PersonHeights, f64),
}

/// A line on the ground, in pixels. Looking from its first end to its second, *in* is to the right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    from: [f64; 2],
    to: [f64; 2],
    dead_band: DeadBand,
}

impl Line {
    /// Through two different points. `dead_band`: how far from it feet are settled on a side, the same near and far.
    #[must_use]
    pub fn new(from: [f64; 2], to: [f64; 2], dead_band: f64) -> Self {
        let dead_band = DeadBand::Fixed(dead_band);
        Self { from, to, dead_band }
    }

    /// The same line in a picture of this height, in pixels, in which feet are settled by how tall a person is there.
    #[must_use]
    pub fn by_heights(self, heights: PersonHeights, height: f64) -> Self {
        Self {
            dead_band: DeadBand::ByHeight(heights, height.max(1.0)),
            ..self
        }
    }

    /// How far from the line feet at this `y` are settled.
    fn dead_band(&self, y: f64) -> f64 {
        match self.dead_band {
            DeadBand::Fixed(pixels) => pixels,
            DeadBand::ByHeight(heights, height) => SETTLED * heights.at(y / height) * height,
        }
    }

    /// How far a point is from the line, above 0 on its *in* side; and where along it, 0 at its first end, 1 at its second.
    #[must_use]
    pub fn distance(&self, [x, y]: [f64; 2]) -> (f64, f64) {
        let (dx, dy) = (self.to[0] - self.from[0], self.to[1] - self.from[1]);
        let length = dx.hypot(dy).max(1e-9);
        let (px, py) = (x - self.from[0], y - self.from[1]);
        ((dx * py - dy * px) / length, (dx * px + dy * py) / (length * length))
    }
}

/// A way across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the line's right.
    In,
    /// To its left.
    Out,
}

/// How many went in and out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Crossings {
    /// Went in.
    pub came_in: u64,
    /// Went out.
    pub went_out: u64,
}

#[derive(Debug, Clone, Copy)]
struct Walker {
    is_in: bool,
    /// Where along the line, when settled last.
    along: f64,
    seen_at: Duration,
}

/// Watches one line.
#[derive(Debug)]
pub struct Gate {
    line: Line,
    walkers: HashMap<TrackId, Walker>,
    crossings: Crossings,
}

impl Gate {
    /// Nobody has crossed yet.
    #[must_use]
    pub fn new(line: Line) -> Self {
        Self {
            line,
            walkers: HashMap::new(),
            crossings: Crossings::default(),
        }
    }

    /// Somebody's feet are here at `now`; which way they have crossed by that.
    pub fn see(&mut self, who: TrackId, feet: [f64; 2], now: Duration) -> Option<Direction> {
        let (distance, along) = self.line.distance(feet);
        if distance.abs() <= self.line.dead_band(feet[1]) {
            if let Some(walker) = self.walkers.get_mut(&who) {
                walker.seen_at = now;
            }
            return None;
        }
        let settled = Walker {
            is_in: distance > 0.0,
            along,
            seen_at: now,
        };
        let before = self.walkers.insert(who, settled);
        if self.walkers.len() > MOST_PEOPLE {
            let oldest = self
                .walkers
                .iter()
                .min_by_key(|(_, walker)| walker.seen_at)
                .map(|(id, _)| *id);
            oldest.and_then(|id| self.walkers.remove(&id));
        }
        // Half-way between where the feet were on each side is about where they crossed.
        let before = before.filter(|before| before.is_in != settled.is_in)?;
        if !(0.0..=1.0).contains(&f64::midpoint(before.along, along)) {
            return None;
        }
        if settled.is_in {
            self.crossings.came_in += 1;
            Some(Direction::In)
        } else {
            self.crossings.went_out += 1;
            Some(Direction::Out)
        }
    }

    /// Forgets who hasn't been seen for long.
    pub fn tidy(&mut self, now: Duration) {
        self.walkers
            .retain(|_, walker| now.saturating_sub(walker.seen_at) < FORGET_AFTER);
    }

    /// All that crossed so far.
    #[must_use]
    pub fn crossings(&self) -> Crossings {
        self.crossings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    const AT: Duration = Duration::from_secs(1);

    /// A line upwards at x = 100: *in* is to the right.
    fn gate() -> Gate {
        Gate::new(Line::new([100.0, 200.0], [100.0, 0.0], 12.0))
    }

    fn walk(gate: &mut Gate, who: TrackId, xs: &[f64]) -> Crossings {
        for x in xs {
            gate.see(who, [*x, 100.0], AT);
        }
        gate.crossings()
    }

    #[test]
    fn one_way_across_is_one() {
        let crossed = walk(&mut gate(), 1, &[50.0, 80.0, 95.0, 105.0, 120.0, 160.0]);
        assert_eq!(
            crossed,
            Crossings {
                came_in: 1,
                went_out: 0
            }
        );
        let mut both = gate();
        walk(&mut both, 1, &[50.0, 150.0]);
        assert_eq!(
            walk(&mut both, 1, &[105.0, 95.0, 50.0]),
            Crossings {
                came_in: 1,
                went_out: 1
            }
        );
    }

    #[test]
    fn who_stands_on_the_line_counts_nothing() {
        let mut gate = gate();
        for seed in 0..1000 {
            let mut random = Random::new(seed);
            let xs: Vec<f64> = (0..100).map(|_| 100.0 + 24.0 * (random.share() - 0.5)).collect();
            walk(&mut gate, 1, &[50.0]);
            assert_eq!(walk(&mut gate, 1, &xs), Crossings::default(), "seed {seed}");
            assert_eq!(
                walk(&mut gate, 1, &[80.0]),
                Crossings::default(),
                "back where they came from"
            );
        }
    }

    #[test]
    fn a_flickering_box_never_counts_the_other_way() {
        for seed in 0..1000 {
            let mut random = Random::new(seed);
            let mut gate = gate();
            for step in 0..60 {
                let x = 40.0 + 2.0 * f64::from(step) + 20.0 * (random.share() - 0.5);
                gate.see(1, [x, 100.0], AT);
            }
            assert_eq!(
                gate.crossings(),
                Crossings {
                    came_in: 1,
                    went_out: 0
                },
                "seed {seed}"
            );
        }
    }

    #[test]
    fn the_same_sway_counts_nothing_near_or_far() {
        // A person is 40 pixels tall at y = 100, 200 at y = 500.
        let heights = PersonHeights::new([[0.2, 0.08], [1.0, 0.4]]).expect("sound");
        let line = Line::new([100.0, 500.0], [100.0, 0.0], 12.0);
        for (y, tall) in [(100.0, 40.0), (500.0, 200.0)] {
            let mut gate = Gate::new(line.by_heights(heights, 500.0));
            for sway in [-0.2, 0.12, -0.12, 0.12, -0.2] {
                gate.see(1, [100.0 + sway * tall, y], AT);
            }
            assert_eq!(gate.crossings(), Crossings::default(), "y = {y}");
            gate.see(1, [100.0 + 0.2 * tall, y], AT);
            assert_eq!(gate.crossings().came_in, 1, "y = {y}");
        }
        let mut fixed = Gate::new(line);
        for x in [60.0, 124.0] {
            fixed.see(1, [x, 500.0], AT);
        }
        assert_eq!(fixed.crossings().came_in, 1, "12 pixels are little, near the camera");
    }

    #[test]
    fn round_its_end_is_not_across() {
        let mut gate = gate();
        for feet in [[50.0, 300.0], [150.0, 320.0]] {
            assert_eq!(gate.see(1, feet, AT), None);
        }
        assert_eq!(gate.crossings(), Crossings::default());
    }

    #[test]
    fn numbers_do_not_help_each_other_across() {
        let mut gate = gate();
        walk(&mut gate, 1, &[50.0]);
        assert_eq!(walk(&mut gate, 2, &[150.0]), Crossings::default());
    }

    #[test]
    fn memory_is_bounded() {
        let mut gate = gate();
        for who in 0..10_000 {
            gate.see(who, [50.0, 100.0], Duration::from_millis(u64::from(who)));
        }
        assert!(gate.walkers.len() <= MOST_PEOPLE);
        gate.tidy(Duration::from_secs(1000));
        assert!(gate.walkers.is_empty());
    }
}
