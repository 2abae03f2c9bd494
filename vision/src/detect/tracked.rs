//! Following whom a detector finds: detector, optical flow and tracker behind one [`Detector`].
//!
//! Invariant: the detector looks when something moves, and at least every [`LOOK_AGAIN`] when nothing does; between
//! looks people are carried on by what their points do.

use std::time::Duration;

use opencv::core::{self, Mat, MatTraitConst as _, Rect, Size};
use opencv::imgproc;

use crate::camera::Frame;
use crate::camera::capture::{Beat, Pace};
use crate::model::boxes::join_tiles;
use crate::model::{Box2, Found, Kind, Model};
use crate::track::flow::Flow;
use crate::track::{Rules, Seen, Track, Tracker};

use super::{DetectError, Detection, Detector, Sight};

/// Somebody who sits moves nothing: a model looks for them all the same.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Pixels of the small grey picture that a moving person changes at least, as a share of all.
const MOTION_SHARE: f64 = 0.0004;

/// A pixel that changes by less is noise.
const MOTION_STEP: f64 = 14.0;

/// Boxes of neighbouring tiles that overlap by more are one person's.
const TILE_OVERLAP: f64 = 0.5;

/// A box of which more lies in another one is what a tile's edge left of a person.
const TILE_INSIDE: f64 = 0.8;

/// How much a camera may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Looks a second, at most.
    pub looks: Pace,
    /// Parts across that each look takes one by one, beside the whole picture; below 2: only the whole.
    pub tiles: u32,
}

/// A model, followed.
#[derive(Debug)]
pub struct Tracked {
    model: Model,
    effort: Effort,
    beat: Beat,
    still: Still,
    looked_at: Option<Duration>,
    flow: Flow,
    tracker: Tracker,
}

impl Tracked {
    /// Follows whom a model finds.
    #[must_use]
    pub fn new(model: Model, effort: Effort) -> Self {
        let sure = model.card().sure;
        let rules = Rules {
            sure,
            birth: sure,
            ..Rules::default()
        };
        Self {
            model,
            effort,
            beat: Beat::new(effort.looks),
            still: Still::default(),
            looked_at: None,
            flow: Flow::default(),
            tracker: Tracker::new(rules),
        }
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
        let whole = Rect::new(0, 0, picture.cols(), picture.rows());
        let mut found = self.model.find(picture, whole)?;
        for tile in tiles(picture.size()?, self.effort.tiles) {
            let mut part = self.model.find(picture, tile)?;
            part.retain(|thing| !is_cut(&thing.place, tile, whole));
            found.append(&mut part);
        }
        found.retain(|thing| thing.kind == Kind::Person);
        Ok(people(found, self.effort.tiles))
    }
}

fn people(found: Vec<Found>, tiles: u32) -> Vec<Seen> {
    let joined = if tiles < 2 {
        found
    } else {
        join_tiles(found, TILE_OVERLAP, TILE_INSIDE)
    };
    let seen = |thing: Found| Seen {
        place: thing.place,
        score: thing.score,
    };
    joined.into_iter().map(seen).collect()
}

/// Parts of a picture side by side, of its whole height, that overlap by a sixth of their width.
fn tiles(picture: Size, across: u32) -> Vec<Rect> {
    if across < 2 {
        return Vec::new();
    }
    let (whole, parts) = (f64::from(picture.width), f64::from(across));
    let width = whole / (parts - (parts - 1.0) / 6.0);
    let step = (whole - width) / (parts - 1.0);
    let tile = |index: u32| {
        // Within the picture, whose sides are at most 8192.
        let left = (f64::from(index) * step).floor() as i32;
        Rect::new(left, 0, (width.ceil() as i32).min(picture.width - left), picture.height)
    };
    (0..across).map(tile).collect()
}

/// Whether a tile's edge inside the picture cuts a box.
fn is_cut(place: &Box2, tile: Rect, whole: Rect) -> bool {
    let edge = 4.0;
    let (left, right) = (f64::from(tile.x), f64::from(tile.x + tile.width));
    (tile.x > whole.x && place.left < left + edge)
        || (tile.x + tile.width < whole.width && place.right() > right - edge)
}

impl Detector for Tracked {
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        let picture = super::sound(frame)?;
        let is_still = self.still.look(picture)?;
        let is_due = self.beat.is_due(frame.at);
        let is_long_ago = self
            .looked_at
            .is_none_or(|at| frame.at.saturating_sub(at) >= LOOK_AGAIN);
        if is_still && !is_long_ago {
            self.tracker.rest(frame.at);
        } else {
            let places: Vec<Box2> = self.tracker.places().collect();
            let shifts = self.flow.shifts(picture, &places)?;
            self.tracker.pass(frame.at, &shifts);
            if is_due || is_long_ago {
                self.looked_at = Some(frame.at);
                let seen = self.find(picture)?;
                self.tracker.see(&seen);
            }
        }
        let size = [picture.cols(), picture.rows()].map(f64::from);
        let people = self.tracker.tracks().map(|track| share_of(&track.place, size));
        Ok(Sight::People(people.collect()))
    }

    fn tracks(&self) -> Vec<Track> {
        self.tracker.tracks().collect()
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
        self.tracker.pass(frame.at, &[]);
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
        let height = (320 * picture.rows() / picture.cols().max(1)).max(1);
        imgproc::resize(
            picture,
            &mut small,
            Size::new(320, height),
            0.0,
            0.0,
            imgproc::INTER_AREA,
        )?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_picture_and_overlap() {
        assert!(tiles(Size::new(768, 576), 1).is_empty());
        for (width, across) in [(768, 2), (1920, 3), (641, 4)] {
            let tiles = tiles(Size::new(width, 480), across);
            assert_eq!(tiles.len(), across as usize);
            assert_eq!(tiles[0].x, 0);
            let last = tiles[tiles.len() - 1];
            assert!((width - 1..=width).contains(&(last.x + last.width)), "{last:?}");
            assert!(tiles.windows(2).all(|pair| pair[1].x < pair[0].x + pair[0].width - 40));
        }
    }

    #[test]
    fn only_edges_inside_the_picture_cut() {
        let (tile, whole) = (Rect::new(0, 0, 400, 500), Rect::new(0, 0, 700, 500));
        assert!(!is_cut(&Box2::new(-3.0, 0.0, 40.0, 90.0), tile, whole));
        assert!(is_cut(&Box2::new(370.0, 0.0, 40.0, 90.0), tile, whole));
        assert!(!is_cut(&Box2::new(300.0, 0.0, 40.0, 90.0), tile, whole));
    }
}
