//! What is drawn into a camera's picture: outlines, lines, people's heights. Pure geometry, the same for who draws it (the
//! office's pages), who keeps it, and who counts with it.
//!
//! All lengths are shares of the picture, 0 to 1: x of its width, y and heights of its height.

use std::fmt;

use serde::{Deserialize, Serialize};

/// More corners are no outline that somebody has drawn.
pub const MOST_CORNERS: usize = 64;

/// An outline with less area than this share of the picture encloses nothing.
const LEAST_AREA: f64 = 1e-4;

/// Heights measured nearer to each other than this say nothing of what is between them.
const LEAST_APART: f64 = 0.01;

/// What is wrong with something drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// Fewer than three corners.
    TooFew,
    /// More than [`MOST_CORNERS`].
    TooMany,
    /// A point (from 1) isn't in the picture.
    Outside {
        /// Which.
        point: usize,
    },
    /// Two sides (from 1) cross.
    Crossing {
        /// One.
        first: usize,
        /// The other.
        second: usize,
    },
    /// It encloses nothing.
    Flat,
    /// Both ends of a line are one point.
    NoLength,
    /// It must be there, and isn't.
    Missing,
    /// Both people stand equally far away.
    SameDistance,
    /// A bay without a name, or with too long a one.
    NoName,
    /// Two bays of one name.
    SameName,
    /// An overlap with what is no other camera that counts the same area's people.
    NoNeighbour,
    /// What is left to another camera comes back to this one: nobody would count it.
    Circle,
    /// More overlaps than anybody draws.
    TooManyOverlaps {
        /// At most.
        most: usize,
    },
    /// More bays than the place holds, or than anybody sees in one picture.
    TooManyBays {
        /// At most.
        most: usize,
    },
}

impl fmt::Display for Fault {
    /// What is wrong and what was expected, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew => write!(
                f,
                "too few corners: expected at least three, at most {MOST_CORNERS} [x, y] points"
            ),
            Self::TooMany => write!(f, "too many corners: expected 3 to {MOST_CORNERS} [x, y] points"),
            Self::Outside { point } => write!(
                f,
                "point {point} isn't in the picture: expected shares of it, each from 0 to 1, and heights above 0"
            ),
            Self::Crossing { first, second } => {
                write!(
                    f,
                    "sides {first} and {second} cross: expected an outline whose sides don't cross"
                )
            }
            Self::Flat => write!(f, "it encloses nothing: expected an outline around some ground"),
            Self::NoLength => write!(f, "both ends are one point: expected two different points"),
            Self::Missing => write!(f, "it is missing: draw it"),
            Self::SameDistance => write!(
                f,
                "both people stand at one y: expected two different [y of the feet, height] pairs"
            ),
            Self::NoName => write!(f, "expected a name of 1 to 32 bytes"),
            Self::SameName => write!(f, "another has this name: expected each once"),
            Self::NoNeighbour => write!(
                f,
                "expected another camera of the same area, and that each of the two counts the area's people (role = \"area\" or \
                 \"queue\")"
            ),
            Self::Circle => write!(
                f,
                "what it leaves to the other comes back to it, so that nobody would count who stands there: declare an overlap at \
                 one of two cameras only"
            ),
            Self::TooManyOverlaps { most } => write!(f, "too many overlaps: expected at most {most}"),
            Self::TooManyBays { most } => write!(f, "too many bays: expected at most {most}"),
        }
    }
}

/// What is wrong with an outline's corners; `None`: nothing.
#[must_use]
pub fn fault_of_outline(points: &[[f64; 2]]) -> Option<Fault> {
    if points.len() < 3 {
        return Some(Fault::TooFew);
    }
    if points.len() > MOST_CORNERS {
        return Some(Fault::TooMany);
    }
    if let Some(at) = points.iter().position(|point| !is_inside(*point)) {
        return Some(Fault::Outside { point: at + 1 });
    }
    if let Some((first, second)) = crossing(points) {
        return Some(Fault::Crossing { first, second });
    }
    (area(points) < LEAST_AREA).then_some(Fault::Flat)
}

/// What is wrong with a line's ends; `None`: nothing.
#[must_use]
pub fn fault_of_line(line: [[f64; 2]; 2]) -> Option<Fault> {
    if let Some(at) = line.iter().position(|point| !is_inside(*point)) {
        return Some(Fault::Outside { point: at + 1 });
    }
    (line[0] == line[1]).then_some(Fault::NoLength)
}

/// What is wrong with two measured people, `[y of the feet, height]` each; `None`: nothing.
#[must_use]
pub fn fault_of_heights(pairs: [[f64; 2]; 2]) -> Option<Fault> {
    let is_wrong = |pair: &[f64; 2]| !is_inside(*pair) || pair[1] <= 0.0;
    if let Some(at) = pairs.iter().position(is_wrong) {
        return Some(Fault::Outside { point: at + 1 });
    }
    ((pairs[0][0] - pairs[1][0]).abs() < LEAST_APART).then_some(Fault::SameDistance)
}

fn is_inside(point: [f64; 2]) -> bool {
    point.iter().all(|share| (0.0..=1.0).contains(share))
}

fn side(points: &[[f64; 2]], at: usize) -> ([f64; 2], [f64; 2]) {
    (points[at], points[(at + 1) % points.len()])
}

fn area(points: &[[f64; 2]]) -> f64 {
    let sides = (0..points.len()).map(|at| side(points, at));
    let twice: f64 = sides.map(|([ax, ay], [bx, by])| ax * by - bx * ay).sum();
    (twice / 2.0).abs()
}

/// Two sides (from 1) that cross, if any do.
fn crossing(points: &[[f64; 2]]) -> Option<(usize, usize)> {
    let last = points.len() - 1;
    for i in 0..=last {
        for j in i + 1..=last {
            let are_neighbours = j == i + 1 || (i == 0 && j == last);
            let ((a, b), (c, d)) = (side(points, i), side(points, j));
            let are_split = |p, q, r, s| turn(p, q, r) * turn(p, q, s) < 0.0;
            if !are_neighbours && are_split(a, b, c, d) && are_split(c, d, a, b) {
                return Some((i + 1, j + 1));
            }
        }
    }
    None
}

/// Positive when a → b → c turns one way, negative when the other.
fn turn([ax, ay]: [f64; 2], [bx, by]: [f64; 2], [cx, cy]: [f64; 2]) -> f64 {
    (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_outline_is_says_why() {
        let square = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]];
        assert_eq!(fault_of_outline(&square), None);
        assert_eq!(fault_of_outline(&square[..2]), Some(Fault::TooFew));
        assert_eq!(fault_of_outline(&[[0.5, 0.5]; MOST_CORNERS + 1]), Some(Fault::TooMany));
        let outside = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.5]];
        assert_eq!(fault_of_outline(&outside), Some(Fault::Outside { point: 3 }));
        let bow = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        assert_eq!(fault_of_outline(&bow), Some(Fault::Crossing { first: 1, second: 3 }));
        assert_eq!(
            fault_of_outline(&[[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]),
            Some(Fault::Flat)
        );
        assert_eq!(
            fault_of_outline(&[[f64::NAN, 0.0], [1.0, 0.0], [1.0, 1.0]]),
            Some(Fault::Outside { point: 1 })
        );
    }

    #[test]
    fn what_no_line_and_no_heights_are_says_why() {
        assert_eq!(fault_of_line([[0.0, 0.5], [1.0, 0.5]]), None);
        assert_eq!(fault_of_line([[0.2, 0.5], [0.2, 0.5]]), Some(Fault::NoLength));
        assert_eq!(
            fault_of_line([[0.2, 0.5], [0.2, -0.1]]),
            Some(Fault::Outside { point: 2 })
        );
        assert_eq!(fault_of_heights([[0.3, 0.1], [0.9, 0.2]]), None);
        assert_eq!(fault_of_heights([[0.3, 0.1], [0.3, 0.2]]), Some(Fault::SameDistance));
        assert_eq!(
            fault_of_heights([[0.3, 0.1], [0.9, 0.0]]),
            Some(Fault::Outside { point: 2 })
        );
    }
}
