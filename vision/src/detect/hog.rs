//! OpenCV's own people detector (histograms of oriented gradients, Dalal and Triggs 2005): needs no model file and
//! sees people who stand still, but only whole, upright ones.
//!
//! As a camera's only detector ([`Hog`] as [`Detector`]) it searches every picture at all sizes and costs more than a small
//! network. [`Hog::search`] is for a look now and then: it searches each strip of the picture only for people of
//! the size that they have there, at a tenth of the cost.

use opencv::core::{Mat, MatTraitConst as _, Point, Rect, Size, Vector};
use opencv::imgproc;
use opencv::objdetect::HOGDescriptor;
use opencv::prelude::{HOGDescriptorTrait as _, HOGDescriptorTraitConst as _};

use crate::camera::Frame;
use crate::geometry::{PersonHeights, Polygon};
use crate::model::{Box2, Found, Kind, boxes};

use super::{DetectError, Detection, Detector, Sight};

/// Its window: a person of 96 pixels with 16 above and below.
const WINDOW: Size = Size { width: 64, height: 128 };
const PERSON_IN_WINDOW: f64 = 96.0;

/// The smallest person in the area is brought to this size; a little over the window's, so that none is missed.
const SMALLEST_PERSON: f64 = 100.0;

/// A picture is never made wider than this: cost grows with its area.
const WIDEST: f64 = 1600.0;

/// From this distance to the border between people and all else on, it is a person.
const LEAST_WEIGHT: f64 = 0.25;

/// Boxes that overlap more are around one person.
const OVERLAP: f64 = 0.4;

/// How far a box's height may be from what set-up says for its place, as a factor.
const SIZE_FACTOR: f64 = 1.6;

/// A search looks for people of sizes so far apart, as a factor,
const LEVEL: f64 = 1.15;

/// where set-up expects people of about that size, as a factor.
const LEVEL_REACH: f64 = 1.2;

/// Places of feet at which a search compares sizes.
const ROWS: u32 = 64;

/// People with fewer pixels than this aren't searched for: enlarged, they have no gradients.
const LEAST_PIXELS: f64 = 40.0;

/// People by HOG.
pub struct Hog {
    descriptor: HOGDescriptor,
    heights: PersonHeights,
    area: Polygon,
    smallest: f64,
}

impl std::fmt::Debug for Hog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hog")
            .field("smallest", &self.smallest)
            .finish_non_exhaustive()
    }
}

impl Hog {
    /// For people as tall as set-up says.
    ///
    /// # Errors
    /// What OpenCV says.
    pub fn new(heights: PersonHeights, area: &Polygon) -> Result<Self, DetectError> {
        let mut descriptor = HOGDescriptor::default()?;
        descriptor.set_svm_detector(HOGDescriptor::get_default_people_detector()?);
        Ok(Self {
            descriptor,
            heights,
            area: area.clone(),
            smallest: heights.at(area.top()).min(heights.at(1.0)),
        })
    }
}

impl Hog {
    /// The people whose feet are in the area or near it, searched for at about the size that set-up says for each
    /// place; none where they have fewer than 40 pixels.
    ///
    /// # Errors
    /// What OpenCV says.
    pub fn search(&self, picture: &Mat) -> Result<Vec<Detection>, DetectError> {
        let (width, height) = (f64::from(picture.cols()), f64::from(picture.rows()));
        let top = self.area.top();
        let rows = (0..=ROWS).map(|row| top + (1.0 - top) * f64::from(row) / f64::from(ROWS));
        let expected: Vec<(f64, f64)> = rows.map(|y| (y, self.heights.at(y))).collect();
        let of = |pick: fn(f64, f64) -> f64| expected.iter().map(|(_, person)| *person).reduce(pick);
        let (Some(smallest), Some(tallest)) = (of(f64::min), of(f64::max)) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut level = (smallest / LEVEL).max(LEAST_PIXELS / height);
        while level <= tallest * LEVEL {
            let feet = (expected.iter())
                .filter(|(_, person)| (1.0 / LEVEL_REACH..=LEVEL_REACH).contains(&(person / level)))
                .map(|(y, _)| *y);
            let ends = feet.fold(None, |ends: Option<[f64; 2]>, y| {
                Some(ends.map_or([y, y], |[from, _]| [from, y]))
            });
            if let Some([from, to]) = ends {
                let margin = level * height / 3.0;
                let [[left, _], [right, _]] = self.area.bounds();
                let strip = Box2::new(
                    left * width - margin,
                    from * height - level * height - margin,
                    (right - left) * width + 2.0 * margin,
                    (to - from + level) * height + 2.0 * margin,
                );
                self.search_strip(picture, strip, level * height, &mut found)?;
            }
            level *= LEVEL;
        }
        let people = boxes::suppress(found, OVERLAP).into_iter();
        Ok(people.map(|person| share_of(&person, width, height)).collect())
    }

    /// Searches a part of the picture for people of one height, in pixels.
    fn search_strip(&self, picture: &Mat, strip: Box2, person: f64, found: &mut Vec<Found>) -> Result<(), DetectError> {
        let (width, height) = (f64::from(picture.cols()), f64::from(picture.rows()));
        // Cut to the picture, so that the casts neither wrap nor lose a sign.
        let cut = |value: f64, end: f64| value.clamp(0.0, end).round() as i32;
        let (left, top) = (cut(strip.left, width), cut(strip.top, height));
        let part = Rect::new(
            left,
            top,
            cut(strip.right(), width) - left,
            cut(strip.bottom(), height) - top,
        );
        if part.width < 8 || part.height < 8 {
            return Ok(());
        }
        let scale = PERSON_IN_WINDOW / person;
        let side = |pixels: i32, least: i32| ((f64::from(pixels) * scale).round() as i32).max(least);
        let size = Size::new(side(part.width, WINDOW.width), side(part.height, WINDOW.height));
        let mut sized = Mat::default();
        let whole = Mat::roi(picture, part)?;
        imgproc::resize(&whole, &mut sized, size, 0.0, 0.0, imgproc::INTER_LINEAR)?;
        let (mut corners, mut weights): (Vector<Point>, Vector<f64>) = (Vector::new(), Vector::new());
        let (stride, padding) = (Size::new(8, 8), Size::new(16, 16));
        let everywhere = Vector::new();
        self.descriptor.detect_weights(
            &sized,
            &mut corners,
            &mut weights,
            LEAST_WEIGHT,
            stride,
            padding,
            &everywhere,
        )?;
        for (corner, weight) in corners.iter().zip(&weights) {
            let place = person_in(Rect::new(corner.x, corner.y, WINDOW.width, WINDOW.height));
            let place = Box2::new(
                f64::from(part.x) + place.left / scale,
                f64::from(part.y) + place.top / scale,
                place.width / scale,
                place.height / scale,
            );
            let expected = self.heights.at(place.bottom() / height) * height;
            if (1.0 / SIZE_FACTOR..=SIZE_FACTOR).contains(&(place.height / expected)) {
                found.push(Found {
                    kind: Kind::Person,
                    place,
                    score: weight,
                });
            }
        }
        Ok(())
    }
}

/// A person found, in shares of the picture.
fn share_of(person: &Found, width: f64, height: f64) -> Detection {
    Detection {
        left: person.place.left / width,
        top: person.place.top / height,
        width: person.place.width / width,
        height: person.place.height / height,
        score: person.score.clamp(0.0, 1.0),
    }
}

impl Detector for Hog {
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        let picture = super::sound(frame)?;
        let (width, height) = (f64::from(picture.cols()), f64::from(picture.rows()));
        let wanted = SMALLEST_PERSON / (self.smallest * height);
        let scale = wanted.min(WIDEST / width);
        // At least one window; sides stay far below i32's limit.
        let side = |pixels: f64, least: i32| ((pixels * scale).round() as i32).max(least);
        let size = Size::new(side(width, WINDOW.width), side(height, WINDOW.height));
        let mut sized = Mat::default();
        imgproc::resize(picture, &mut sized, size, 0.0, 0.0, imgproc::INTER_LINEAR)?;
        let (mut places, mut weights): (Vector<Rect>, Vector<f64>) = (Vector::new(), Vector::new());
        let (stride, padding) = (Size::new(8, 8), Size::new(16, 16));
        self.descriptor.detect_multi_scale_weights(
            &sized,
            &mut places,
            &mut weights,
            0.0,
            stride,
            padding,
            1.05,
            0.0,
            false,
        )?;
        let (across, down) = (f64::from(size.width), f64::from(size.height));
        let found = places.iter().zip(&weights).filter_map(|(window, weight)| {
            let place = person_in(window);
            let expected = self.heights.at(place.bottom() / down) * down;
            let is_sized = (1.0 / SIZE_FACTOR..=SIZE_FACTOR).contains(&(place.height / expected));
            (weight >= LEAST_WEIGHT && is_sized).then_some(Found {
                kind: Kind::Person,
                place,
                score: weight,
            })
        });
        let people = boxes::suppress(found.collect(), OVERLAP).into_iter();
        let people = people.map(|person| share_of(&person, across, down));
        Ok(Sight::People(people.collect()))
    }
}

/// The person inside the window with its margins.
fn person_in(window: Rect) -> Box2 {
    let scale = f64::from(window.height) / f64::from(WINDOW.height);
    let margin = (f64::from(WINDOW.height) - PERSON_IN_WINDOW) / 2.0 * scale;
    Box2::new(
        f64::from(window.x) + margin * 0.75,
        f64::from(window.y) + margin,
        f64::from(window.width) - margin * 1.5,
        f64::from(window.height) - 2.0 * margin,
    )
}
