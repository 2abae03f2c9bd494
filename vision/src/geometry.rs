//! What set-up says of a camera's view: how tall people are in it, and which ground is the area.
//!
//! All lengths are shares of the picture (0 to 1; x of its width, y and heights of its height), so that they
//! hold at every size of the picture.

use protocol::outline::{Fault, MOST_CORNERS, fault_of_heights, fault_of_outline};

/// Why a camera's set-up can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// The two heights don't make a line.
    #[error(
        "person_heights: {0:?}: expected two [y of the feet, height] pairs at different y, heights above 0, \
         all shares of the picture from 0 to 1"
    )]
    Heights([[f64; 2]; 2]),
    /// The outline isn't an area.
    #[error("polygon: {0}")]
    Polygon(String),
}

/// How tall a standing person is, by where the feet are: linear in y, which is exact for a level camera over
/// flat ground and near enough for others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PersonHeights {
    at_top: f64,
    slope: f64,
}

/// Nobody is taken to be smaller than this: the line may reach zero near the horizon.
const SMALLEST: f64 = 0.01;

impl PersonHeights {
    /// From two measured people, `[y of the feet, height]` each.
    ///
    /// # Errors
    /// [`GeometryError::Heights`] when they are outside the picture or stand at one y.
    pub fn new(pairs: [[f64; 2]; 2]) -> Result<Self, GeometryError> {
        if fault_of_heights(pairs).is_some() {
            return Err(GeometryError::Heights(pairs));
        }
        let [[y0, h0], [y1, h1]] = pairs;
        let slope = (h1 - h0) / (y1 - y0);
        Ok(Self {
            at_top: h0 - slope * y0,
            slope,
        })
    }

    /// The height of a person whose feet are at `y`.
    #[must_use]
    pub fn at(&self, y: f64) -> f64 {
        (self.at_top + self.slope * y).max(SMALLEST)
    }
}

/// The area's outline on the ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    points: Vec<[f64; 2]>,
}

impl Polygon {
    /// From its corners `[x, y]`, in either direction.
    ///
    /// # Errors
    /// [`GeometryError::Polygon`] for fewer than three corners, a corner outside the picture, no area, or an
    /// outline that crosses itself.
    pub fn new(points: Vec<[f64; 2]>) -> Result<Self, GeometryError> {
        let why = match fault_of_outline(&points) {
            None => return Ok(Self { points }),
            Some(Fault::TooFew) => format!("{} corners, expected at least 3", points.len()),
            Some(Fault::TooMany) => format!("{} corners, expected at most {MOST_CORNERS}", points.len()),
            Some(Fault::Outside { point }) => {
                format!(
                    "{:?} is outside the picture, expected shares from 0 to 1",
                    points[point - 1]
                )
            }
            Some(Fault::Crossing { first, second }) => {
                format!("sides {first} and {second} cross, expected an outline that doesn't cross itself")
            }
            Some(_) => "it encloses nothing".to_owned(),
        };
        Err(GeometryError::Polygon(why))
    }

    /// The whole picture.
    #[must_use]
    pub fn whole_picture() -> Self {
        Self {
            points: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
        }
    }

    /// Whether a foot point is inside; a point on the edge is. Points beyond the picture count as on its edge:
    /// somebody whose feet are cut off stands where the picture ends.
    #[must_use]
    pub fn contains(&self, point: [f64; 2]) -> bool {
        self.distance(point) <= 1e-9
    }

    /// How far outside a foot point is, 0 inside. Beyond the picture as in [`Polygon::contains`].
    #[must_use]
    pub fn distance(&self, point: [f64; 2]) -> f64 {
        let [x, y] = point.map(|share| share.clamp(0.0, 1.0));
        let is_inside = self.sides().fold(false, |inside, ([ax, ay], [bx, by])| {
            let is_hit = (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax;
            inside != is_hit
        });
        if is_inside {
            return 0.0;
        }
        self.sides()
            .map(|(a, b)| distance_to_side([x, y], a, b))
            .fold(f64::INFINITY, f64::min)
    }

    /// The smallest y of the outline: its far end.
    #[must_use]
    pub fn top(&self) -> f64 {
        self.points.iter().map(|[_, y]| *y).fold(1.0, f64::min)
    }

    /// Its upper left and lower right corners: the smallest upright box around it.
    #[must_use]
    pub fn bounds(&self) -> [[f64; 2]; 2] {
        let around = |axis: usize| {
            let along = self.points.iter().map(move |point| point[axis]);
            (along.clone().fold(1.0, f64::min), along.fold(0.0, f64::max))
        };
        let ((left, right), (top, bottom)) = (around(0), around(1));
        [[left, top], [right, bottom]]
    }

    fn sides(&self) -> impl Iterator<Item = ([f64; 2], [f64; 2])> + '_ {
        let next = self.points.iter().cycle().skip(1);
        self.points.iter().zip(next).map(|(a, b)| (*a, *b))
    }
}

fn distance_to_side([x, y]: [f64; 2], [ax, ay]: [f64; 2], [bx, by]: [f64; 2]) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 {
        (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (x - ax - along * dx).hypot(y - ay - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_a_line_through_both_pairs() {
        let heights = PersonHeights::new([[0.25, 0.1], [0.75, 0.2]]).expect("sound");
        assert!((heights.at(0.5) - 0.15).abs() < 1e-9);
        assert!((heights.at(1.0) - 0.25).abs() < 1e-9);
        let steep = PersonHeights::new([[0.5, 0.01], [1.0, 0.5]]).expect("sound");
        assert!((steep.at(0.0) - SMALLEST).abs() < 1e-9, "never zero or less");
    }

    #[test]
    fn unusable_heights_say_what_was_expected() {
        for bad in [
            [[0.5, 0.1], [0.5, 0.2]],
            [[0.2, 0.0], [0.8, 0.2]],
            [[0.2, 0.1], [0.8, 20.0]],
            [[0.2, f64::NAN], [0.8, 0.2]],
        ] {
            let error = PersonHeights::new(bad).expect_err("refused").to_string();
            assert!(
                error.contains("person_heights") && error.contains("expected two"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_concave_outline_keeps_its_notch_outside() {
        let outline = vec![[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.5, 0.4], [0.1, 0.9]];
        for points in [outline.clone(), outline.into_iter().rev().collect()] {
            let polygon = Polygon::new(points).expect("sound");
            assert!(polygon.contains([0.2, 0.5]) && polygon.contains([0.8, 0.5]));
            assert!(!polygon.contains([0.5, 0.8]) && !polygon.contains([0.05, 0.5]));
            assert!(polygon.contains([0.5, 0.1]), "the edge is inside");
            assert!((polygon.distance([0.0, 0.5]) - 0.1).abs() < 1e-9);
            assert!((polygon.top() - 0.1).abs() < 1e-9);
        }
    }

    #[test]
    fn feet_below_the_picture_stand_at_its_edge() {
        assert!(Polygon::whole_picture().contains([0.5, 1.2]));
        let upper = Polygon::new(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.0, 0.5]]).expect("sound");
        assert!(!upper.contains([0.5, 1.2]));
    }

    #[test]
    fn outlines_that_are_no_area_are_refused() {
        let error = |points| Polygon::new(points).expect_err("refused").to_string();
        assert!(error(vec![[0.0, 0.0], [1.0, 1.0]]).contains("at least 3"));
        assert!(error(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.5]]).contains("outside the picture"));
        assert!(error(vec![[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]).contains("nothing"));
        assert!(error(vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).contains("cross"));
    }
}
