//! What is believed of boxes and people.

use std::time::Duration;

/// What is believed of boxes and people. Lengths are shares of a person's height, so they hold near and far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// A box of this score is sure.
    pub sure: f64,
    /// Somebody new needs a box of this score.
    pub birth: f64,
    /// Seen so often, somebody is confirmed; where looks are sparse, seen once.
    pub confirm_after: u32,
    /// Somebody in plain view who isn't seen is told of for so long,
    pub show: Duration,
    /// and somebody behind others for so long.
    pub coast: Duration,
    /// Somebody not yet confirmed who isn't seen for so long was none.
    pub doubt: Duration,
    /// Least overlap of a sure box with where somebody is expected.
    pub overlap: f64,
    /// Whom no overlapping box was found for may have taken a sure one at this distance from where they are expected (who isn't
    /// confirmed yet: as far as two boxes jitter),
    pub reach: f64,
    /// and so much further for each second in which they weren't seen: nobody's way changes more.
    pub reach_per_second: f64,
    /// Of whom was seen once only: as far as anybody walks in a second, 2 m, by a height of 1.7 m.
    pub walk: f64,
    /// Looks so far apart are sparse: at a usual 1.4 m a second somebody has left their own box in half a second, which is
    /// 0.4 of their height wide. A little less, so that two looks a second are sparse also when some come early.
    pub sparse: Duration,
    /// Least overlap of a weak box.
    pub weak_overlap: f64,
    /// Weak boxes alone carry somebody on for so long: what a pole or a sign looks like never gets better.
    pub weak_for: Duration,
    /// What feet apart by a person's height cost a pair, against no overlap at all: feet tell who is in front.
    pub feet: f64,
    /// Whose box is so much shorter than they are, with somebody before their legs, is as tall as before.
    pub legless: f64,
    /// How much boxes jitter.
    pub jitter: f64,
    /// How much somebody's speed changes in a second.
    pub jerkiness: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            sure: 0.4,
            birth: 0.5,
            confirm_after: 2,
            show: Duration::from_millis(600),
            coast: Duration::from_millis(2000),
            doubt: Duration::from_millis(500),
            overlap: 0.2,
            reach: 0.25,
            reach_per_second: 0.9,
            walk: 1.2,
            sparse: Duration::from_millis(450),
            weak_overlap: 0.35,
            weak_for: Duration::from_millis(2000),
            feet: 2.0,
            legless: 0.85,
            jitter: 0.08,
            jerkiness: 0.4,
        }
    }
}

impl Rules {
    /// For detectors whose boxes are of the size that people have on average, and jump.
    #[must_use]
    pub fn coarse() -> Self {
        Self {
            overlap: 0.15,
            jitter: 0.1,
            show: Duration::from_millis(500),
            ..Self::default()
        }
    }
}
