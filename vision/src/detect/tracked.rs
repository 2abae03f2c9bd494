//! Following whom a detector finds: detector, optical flow and tracker behind one [`Detector`].
//!
//! Invariant: the detector looks when something moves, and at least every [`LOOK_AGAIN`] when nothing does; between
//! looks people are carried on by what their points do.

use std::time::Duration;

use opencv::core::{self, Mat, MatTraitConst as _, Rect, Size};
use opencv::imgproc;

use crate::camera::Frame;
use crate::camera::capture::{Beat, Pace};
use crate::geometry::{PersonHeights, Polygon};
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

/// A person's box is as high as set-up says for its place, from a crouching child's to twice that.
const SIZES: std::ops::RangeInclusive<f64> = 0.45..=2.0;

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
    heights: PersonHeights,
    area: Polygon,
    effort: Effort,
    beat: Beat,
    still: Still,
    looked_at: Option<Duration>,
    flow: Flow,
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
            birth: sure,
            ..Rules::default()
        };
        Self {
            model,
            heights,
            area,
            effort,
            beat: Beat::new(effort.looks),
            still: Still::default(),
            looked_at: None,
            flow: Flow::default(),
            tracker: Tracker::new(rules),
            sides: [1.0; 2],
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
        let part = part_with_people(&self.heights, &self.area, picture.size()?);
        let mut found = self.model.find(picture, part)?;
        for tile in tiles(part, self.effort.tiles) {
            let mut more = self.model.find(picture, tile)?;
            more.retain(|thing| !is_cut(&thing.place, tile, part));
            found.append(&mut more);
        }
        let [_, height] = self.sides;
        found.retain(|thing| {
            let expected = self.heights.at(thing.place.bottom() / height) * height;
            thing.kind == Kind::Person && SIZES.contains(&(thing.place.height / expected))
        });
        Ok(people(found, self.effort.tiles))
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

/// The part of a picture in which people of the area can be: their heads may be above it, and who is about to come in
/// is followed from half a person outside.
fn part_with_people(heights: &PersonHeights, area: &Polygon, picture: Size) -> Rect {
    let [[left, top], [right, bottom]] = area.bounds();
    let (above, around) = (heights.at(top) * 1.2, heights.at(bottom) * 0.5);
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let pixels = |share: f64, side: f64| (share.clamp(0.0, 1.0) * side).round() as i32;
    let (x0, x1) = (pixels(left - around, width), pixels(right + around, width));
    let (y0, y1) = (pixels(top - above, height), pixels(bottom + around, height));
    Rect::new(x0, y0, (x1 - x0).max(1), (y1 - y0).max(1))
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

/// Parts of it side by side, of its whole height, that overlap by a sixth of their width.
fn tiles(part: Rect, across: u32) -> Vec<Rect> {
    if across < 2 {
        return Vec::new();
    }
    let (whole, parts) = (f64::from(part.width), f64::from(across));
    let width = whole / (parts - (parts - 1.0) / 6.0);
    let step = (whole - width) / (parts - 1.0);
    let tile = |index: u32| {
        // Within the picture, whose sides are at most 8192.
        let left = (f64::from(index) * step).floor() as i32;
        let width = (width.ceil() as i32).min(part.width - left);
        Rect::new(part.x + left, part.y, width, part.height)
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
        self.sides = [picture.cols(), picture.rows()].map(f64::from);
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
        assert!(tiles(Rect::new(0, 0, 768, 576), 1).is_empty());
        for (width, across) in [(768, 2), (1920, 3), (641, 4)] {
            let tiles = tiles(Rect::new(10, 20, width, 480), across);
            assert_eq!(tiles.len(), across as usize);
            assert_eq!((tiles[0].x, tiles[0].y, tiles[0].height), (10, 20, 480));
            let last = tiles[tiles.len() - 1];
            assert!((width + 9..=width + 10).contains(&(last.x + last.width)), "{last:?}");
            assert!(tiles.windows(2).all(|pair| pair[1].x < pair[0].x + pair[0].width - 25));
        }
    }

    #[test]
    fn the_part_looked_at_has_room_for_heads() {
        let heights = PersonHeights::new([[0.3, 0.1], [0.7, 0.2]]).expect("sound");
        let lower = Polygon::new(vec![[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]).expect("sound");
        let part = part_with_people(&heights, &lower, Size::new(1000, 1000));
        assert_eq!(part, Rect::new(363, 320, 637, 680));
        let whole = part_with_people(&heights, &Polygon::whole_picture(), Size::new(1000, 800));
        assert_eq!(whole, Rect::new(0, 0, 1000, 800));
    }

    #[test]
    fn only_edges_inside_the_picture_cut() {
        let (tile, whole) = (Rect::new(0, 0, 400, 500), Rect::new(0, 0, 700, 500));
        assert!(!is_cut(&Box2::new(-3.0, 0.0, 40.0, 90.0), tile, whole));
        assert!(is_cut(&Box2::new(370.0, 0.0, 40.0, 90.0), tile, whole));
        assert!(!is_cut(&Box2::new(300.0, 0.0, 40.0, 90.0), tile, whole));
    }
}
