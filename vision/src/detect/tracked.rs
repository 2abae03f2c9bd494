//! Following whom a detector finds: detector and tracker behind one [`Detector`].
//!
//! Invariant: the detector looks when something moves, and at least every [`LOOK_AGAIN`] when nothing does; between
//! looks people go on as they went.

use std::time::Duration;

use opencv::core::{self, Mat, MatTraitConst as _};
use opencv::imgproc;

use crate::camera::Frame;
use crate::camera::capture::{Beat, Pace};
use crate::geometry::{PersonHeights, Polygon};
use crate::model::net::shrink;
use crate::model::{Box2, Kind, Model};
use crate::track::{Rules, Seen, Track, Tracker};

use super::{DetectError, Detection, Detector, Sight, tiles};

/// Somebody who sits moves nothing: a model looks for them all the same.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Pixels of the small grey picture that a moving person changes at least, as a share of all.
const MOTION_SHARE: f64 = 0.0004;

/// That picture is as wide as this at least,
const SMALL_WIDTH: i32 = 320;

/// A pixel that changes by less is noise.
const MOTION_STEP: f64 = 14.0;

/// A person's box is as high as set-up says for its place, from a crouching child's to twice that.
const SIZES: std::ops::RangeInclusive<f64> = 0.45..=2.0;

/// A car's, from low ones seen from the side to buses, against a person's height.
const VEHICLE_SIZES: std::ops::RangeInclusive<f64> = 0.3..=4.0;

/// Somebody new needs a score so much above what is sure: they are believed for seconds.
const BIRTH_ABOVE_SURE: f64 = 0.1;

/// How much a camera may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Looks a second at most; none: every picture is looked at.
    pub looks: Option<Pace>,
    /// Whether it looks closely, in two tiles, where people are small.
    pub is_close: bool,
}

/// A model, followed.
#[derive(Debug)]
pub struct Tracked {
    model: Model,
    kind: Kind,
    heights: PersonHeights,
    area: Polygon,
    is_close: bool,
    beat: Option<Beat>,
    still: Still,
    looked_at: Option<Duration>,
    tracker: Tracker,
    /// The last picture's sides.
    sides: [f64; 2],
}

impl Tracked {
    /// Follows whom a model finds in the area.
    #[must_use]
    pub fn new(model: Model, heights: PersonHeights, area: Polygon, effort: Effort) -> Self {
        let sure = model.card().sure;
        let rules = Rules {
            sure,
            birth: (sure + BIRTH_ABOVE_SURE).min(0.99),
            ..Rules::default()
        };
        Self {
            model,
            kind: Kind::Person,
            heights,
            area,
            is_close: effort.is_close,
            beat: effort.looks.map(Beat::new),
            still: Still::default(),
            looked_at: None,
            tracker: Tracker::new(rules),
            sides: [1.0; 2],
        }
    }

    /// Follows vehicles instead.
    #[must_use]
    pub fn of_vehicles(mut self) -> Self {
        self.kind = Kind::Vehicle;
        self
    }

    /// With other rules of following than usual.
    #[must_use]
    pub fn with_rules(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = self.tracker.rules();
        change(&mut rules);
        self.tracker = Tracker::new(rules);
        self
    }

    fn find(&mut self, picture: &Mat) -> Result<Vec<Seen>, DetectError> {
        let part = tiles::part_with_people(&self.heights, &self.area, picture.size()?);
        let [_, height] = self.sides;
        let looked_at = if self.is_close {
            let ends = [self.area.top(), 1.0].map(|y| self.heights.at(y) * height);
            let (smallest, tallest) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
            tiles::tiles(part, self.model.card().input, smallest, tallest)
        } else {
            vec![part]
        };
        let mut found = Vec::new();
        for tile in &looked_at {
            let mut more = self.model.find(picture, *tile)?;
            more.retain(|thing| !tiles::is_cut(&thing.place, *tile, part));
            found.append(&mut more);
        }
        found.retain(|thing| {
            let expected = self.heights.at(thing.place.bottom() / height) * height;
            let sizes = match self.kind {
                Kind::Person => SIZES,
                Kind::Vehicle => VEHICLE_SIZES,
            };
            thing.kind == self.kind && sizes.contains(&(thing.place.height / expected))
        });
        if looked_at.len() > 1 {
            found = tiles::join(found);
        }
        let seen = found.into_iter().map(|thing| Seen {
            place: thing.place,
            score: thing.score,
        });
        Ok(seen.collect())
    }

    /// Those whose feet are in the area.
    fn inside(&self) -> impl Iterator<Item = Track> + '_ {
        let [width, height] = self.sides;
        self.tracker.tracks().filter(move |track| {
            let [x, _] = track.place.middle();
            self.area.contains([x / width, track.place.bottom() / height])
        })
    }
}

impl Detector for Tracked {
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        let picture = super::sound(frame)?;
        self.sides = [picture.cols(), picture.rows()].map(f64::from);
        let is_still = self.still.look(picture)?;
        let is_due = self.beat.as_mut().is_none_or(|beat| beat.is_due(frame.at));
        let is_long_ago = self
            .looked_at
            .is_none_or(|at| frame.at.saturating_sub(at) >= LOOK_AGAIN);
        if is_still && !is_long_ago {
            self.tracker.rest(frame.at);
        } else {
            self.tracker.pass(frame.at);
            if is_due || is_long_ago {
                self.looked_at = Some(frame.at);
                let seen = self.find(picture)?;
                self.tracker.see(&seen);
            }
        }
        let people = self.inside().map(|track| share_of(&track.place, self.sides));
        Ok(Sight::People(people.collect()))
    }

    fn tracks(&self) -> Vec<Track> {
        self.inside().collect()
    }
}

/// A box in pixels as shares of the picture.
fn share_of(place: &Box2, [width, height]: [f64; 2]) -> Detection {
    Detection {
        left: place.left / width,
        top: place.top / height,
        width: place.width / width,
        height: place.height / height,
        score: 1.0,
    }
}

/// Follows whom another detector finds, which goes on saying itself who is there.
#[derive(Debug)]
pub struct Following<D> {
    detector: D,
    tracker: Tracker,
}

impl<D: Detector> Following<D> {
    /// Follows by these rules; all boxes are sure.
    #[must_use]
    pub fn new(detector: D, rules: Rules) -> Self {
        Self {
            detector,
            tracker: Tracker::new(Rules {
                sure: 0.0,
                birth: 0.0,
                ..rules
            }),
        }
    }
}

impl<D: Detector> Detector for Following<D> {
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        let sight = self.detector.detect(frame)?;
        self.tracker.pass(frame.at);
        if let Sight::People(people) = &sight {
            let (width, height) = (f64::from(frame.picture.cols()), f64::from(frame.picture.rows()));
            let seen: Vec<Seen> = (people.iter())
                .map(|person| Seen {
                    place: Box2::new(
                        person.left * width,
                        person.top * height,
                        person.width * width,
                        person.height * height,
                    ),
                    score: person.score,
                })
                .collect();
            self.tracker.see(&seen);
        }
        Ok(sight)
    }

    fn tracks(&self) -> Vec<Track> {
        self.tracker.tracks().collect()
    }
}

/// Whether nothing moves, by the difference to the last picture, small and grey.
#[derive(Default)]
struct Still {
    last: Mat,
}

impl std::fmt::Debug for Still {
    /// Without the picture: it belongs in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Still").finish_non_exhaustive()
    }
}

impl Still {
    fn look(&mut self, picture: &Mat) -> Result<bool, DetectError> {
        let (mut small, mut grey, mut change) = (Mat::default(), Mat::default(), Mat::default());
        shrink(picture, &mut small, [picture.cols() / SMALL_WIDTH; 2])?;
        imgproc::cvt_color_def(&small, &mut grey, imgproc::COLOR_BGR2GRAY)?;
        let last = std::mem::replace(&mut self.last, grey);
        if last.size()? != self.last.size()? {
            return Ok(false);
        }
        core::absdiff(&last, &self.last, &mut change)?;
        let mut moved = Mat::default();
        core::compare(&change, &core::Scalar::all(MOTION_STEP), &mut moved, core::CMP_GT)?;
        let share = f64::from(core::count_non_zero(&moved)?) / moved.total().max(1) as f64;
        Ok(share < MOTION_SHARE)
    }
}
