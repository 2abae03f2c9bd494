//! Boxes, how much they overlap, and which of several around one thing stays. Pure.

/// A box in pixels, or in whatever unit both its sides have.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Box2 {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Box2 {
    /// From its edges' corner and sides.
    #[must_use]
    pub fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self {
            left,
            top,
            width,
            height,
        }
    }

    /// Right edge.
    #[must_use]
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Lower edge.
    #[must_use]
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Width by height, 0 for a box with a side below 0.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.width.max(0.0) * self.height.max(0.0)
    }

    /// Its middle.
    #[must_use]
    pub fn middle(&self) -> [f64; 2] {
        [self.left + self.width / 2.0, self.top + self.height / 2.0]
    }

    /// Where somebody in it stands: the middle of its lower edge.
    #[must_use]
    pub fn foot(&self) -> [f64; 2] {
        [self.left + self.width / 2.0, self.bottom()]
    }

    /// The area that both cover.
    #[must_use]
    pub fn shared(&self, other: &Self) -> f64 {
        let width = self.right().min(other.right()) - self.left.max(other.left);
        let height = self.bottom().min(other.bottom()) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0 to 1.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f64 {
        let shared = self.shared(other);
        let all = self.area() + other.area() - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }

    /// The share of this box that the other covers, 0 to 1.
    #[must_use]
    pub fn covered_by(&self, other: &Self) -> f64 {
        if self.area() > 0.0 {
            self.shared(other) / self.area()
        } else {
            0.0
        }
    }

    /// Larger by a share of its own sides on each side.
    #[must_use]
    pub fn grown(&self, share: f64) -> Self {
        let (dx, dy) = (self.width * share, self.height * share);
        Self::new(
            self.left - dx,
            self.top - dy,
            self.width + 2.0 * dx,
            self.height + 2.0 * dy,
        )
    }

    /// Moved.
    #[must_use]
    pub fn moved(&self, [dx, dy]: [f64; 2]) -> Self {
        Self::new(self.left + dx, self.top + dy, self.width, self.height)
    }
}

/// What a thing is, as far as anybody here asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    Person,
    /// A car, bus or truck.
    Vehicle,
}

/// A thing found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// What.
    pub kind: Kind,
    /// Where.
    pub place: Box2,
    /// How sure the model is, 0 to 1.
    pub score: f64,
}

/// Leaves of several boxes around one thing the surest: those that overlap a surer one of the same kind by
/// more than `overlap` (IoU) go. Surest first.
#[must_use]
pub fn suppress(mut found: Vec<Found>, overlap: f64) -> Vec<Found> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for thing in found {
        let is_new = kept
            .iter()
            .all(|other| other.kind != thing.kind || other.place.iou(&thing.place) <= overlap);
        if is_new {
            kept.push(thing);
        }
    }
    kept
}

/// Joins what overlapping tiles found: as [`suppress`], and a box that lies almost whole in a surer one goes
/// too, for that is what a tile's edge leaves of a thing.
#[must_use]
pub fn join_tiles(found: Vec<Found>, overlap: f64, inside: f64) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for thing in suppress(found, overlap) {
        let is_part = kept
            .iter()
            .any(|other| other.kind == thing.kind && thing.place.covered_by(&other.place) > inside);
        if !is_part {
            kept.push(thing);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(left: f64, score: f64) -> Found {
        Found {
            kind: Kind::Person,
            place: Box2::new(left, 0.0, 10.0, 30.0),
            score,
        }
    }

    #[test]
    fn overlap_is_a_share_of_what_both_cover() {
        let a = Box2::new(0.0, 0.0, 10.0, 10.0);
        assert!((a.iou(&a) - 1.0).abs() < 1e-12);
        assert!((a.iou(&a.moved([5.0, 0.0])) - 1.0 / 3.0).abs() < 1e-12);
        assert!(a.iou(&a.moved([10.0, 0.0])).abs() < 1e-12);
        assert!(Box2::default().iou(&Box2::default()).abs() < 1e-12, "no NaN");
        assert!((Box2::new(2.0, 2.0, 2.0, 2.0).covered_by(&a) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_surest_box_of_each_thing_stays() {
        let kept = suppress(vec![person(0.0, 0.5), person(1.0, 0.9), person(40.0, 0.3)], 0.5);
        let scores: Vec<f64> = kept.iter().map(|thing| thing.score).collect();
        assert_eq!(scores, [0.9, 0.3]);
        let mut car = person(1.0, 0.4);
        car.kind = Kind::Vehicle;
        assert_eq!(
            suppress(vec![person(1.0, 0.9), car], 0.5).len(),
            2,
            "kinds don't compete"
        );
    }

    #[test]
    fn half_a_person_at_a_tiles_edge_is_no_other_one() {
        let mut half = person(0.0, 0.4);
        half.place.height = 12.0;
        assert_eq!(suppress(vec![person(0.0, 0.9), half], 0.5).len(), 2);
        assert_eq!(join_tiles(vec![person(0.0, 0.9), half], 0.5, 0.85).len(), 1);
    }
}
