//! A camera's line on the ground, live: it goes with the size of the pictures.

use std::time::Duration;

use crate::geometry::PersonHeights;
use crate::line::{Crossings, Gate, Line};
use crate::track::Track;

/// How often who hasn't been seen for long is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(30);

/// Watches one line.
#[derive(Debug)]
pub struct Door {
    /// Shares of the picture.
    line: [[f64; 2]; 2],
    heights: PersonHeights,
    /// For pictures of one size; another size begins anew with what has been counted.
    gate: Option<([f64; 2], Gate)>,
    before: Crossings,
    tidied_at: Duration,
}

impl Door {
    /// From one end to the other, in shares of the picture; to its right is *in*.
    #[must_use]
    pub fn new(line: [[f64; 2]; 2], heights: PersonHeights) -> Self {
        Self {
            line,
            heights,
            gate: None,
            before: Crossings::default(),
            tidied_at: Duration::ZERO,
        }
    }

    /// Who is where at `at`, in pixels of a picture of this size (width, height). Who is only believed to go on crosses nothing.
    pub fn see(&mut self, tracks: &[Track], size: [f64; 2], at: Duration) {
        let gate = match self.gate.take() {
            Some((of, gate)) if of == size => gate,
            other => {
                if let Some((_, gate)) = other {
                    self.before = sum(self.before, gate.crossings());
                }
                Gate::new(line_in(self.line, size, &self.heights))
            }
        };
        let (_, gate) = self.gate.insert((size, gate));
        for track in tracks.iter().filter(|track| track.is_seen) {
            gate.see(track.id, track.place.foot(), at);
        }
        if at.saturating_sub(self.tidied_at) >= TIDY_EVERY {
            gate.tidy(at);
            self.tidied_at = at;
        }
    }

    /// All that crossed so far.
    #[must_use]
    pub fn crossings(&self) -> Crossings {
        let now = self.gate.as_ref().map(|(_, gate)| gate.crossings());
        sum(self.before, now.unwrap_or_default())
    }
}

/// The line in pixels of a picture of this size.
#[must_use]
pub fn line_in(line: [[f64; 2]; 2], [width, height]: [f64; 2], heights: &PersonHeights) -> Line {
    let [from, to] = line.map(|[x, y]| [x * width, y * height]);
    Line::new(from, to, 0.0).by_heights(*heights, height)
}

fn sum(a: Crossings, b: Crossings) -> Crossings {
    Crossings {
        came_in: a.came_in + b.came_in,
        went_out: a.went_out + b.went_out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Box2;

    fn walk(door: &mut Door, id: u32, size: [f64; 2], from: f64, to: f64) {
        walk_seen(door, id, size, from, to, |_| true);
    }

    fn walk_seen(door: &mut Door, id: u32, size: [f64; 2], from: f64, to: f64, is_seen: impl Fn(f64) -> bool) {
        for step in 0..=20 {
            let x = from + (to - from) * f64::from(step) / 20.0;
            let (width, height) = (0.05 * size[0], 0.3 * size[1]);
            let place = Box2::new(x * size[0] - width / 2.0, 0.8 * size[1] - height, width, height);
            let track = Track {
                id,
                place,
                is_seen: is_seen(x),
            };
            door.see(&[track], size, Duration::from_secs(1));
        }
    }

    #[test]
    fn a_line_counts_the_same_at_every_size_and_keeps_its_count() {
        let heights = PersonHeights::new([[0.4, 0.2], [0.9, 0.4]]).expect("sound");
        // Upwards in the middle: *in* is to the right.
        let mut door = Door::new([[0.5, 1.0], [0.5, 0.5]], heights);
        walk(&mut door, 1, [320.0, 240.0], 0.2, 0.8);
        walk(&mut door, 2, [1920.0, 1080.0], 0.2, 0.8);
        walk(&mut door, 3, [1920.0, 1080.0], 0.8, 0.2);
        walk(&mut door, 4, [1920.0, 1080.0], 0.2, 0.5);
        let crossed = door.crossings();
        assert_eq!((crossed.came_in, crossed.went_out), (2, 1));
    }
    #[test]
    fn who_is_only_believed_to_go_on_crosses_nothing() {
        let heights = PersonHeights::new([[0.4, 0.2], [0.9, 0.4]]).expect("sound");
        let mut door = Door::new([[0.5, 1.0], [0.5, 0.5]], heights);
        let size = [640.0, 480.0];
        walk_seen(&mut door, 1, size, 0.2, 0.8, |x| x < 0.45);
        assert_eq!(door.crossings(), Crossings::default());
        walk_seen(&mut door, 2, size, 0.2, 0.8, |x| !(0.45..0.6).contains(&x));
        assert_eq!(door.crossings().came_in, 1, "seen on both sides");
    }
}
