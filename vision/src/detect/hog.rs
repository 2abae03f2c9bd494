//! OpenCV's own people detector (histograms of oriented gradients, Dalal and Triggs 2005): needs no model file and
//! sees people who stand still, but only whole, upright ones, and it costs more than a small network.

use opencv::core::{Mat, MatTraitConst as _, Rect, Size, Vector};
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

/// People by HOG.
pub struct Hog {
    descriptor: HOGDescriptor,
    heights: PersonHeights,
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
            smallest: heights.at(area.top()).min(heights.at(1.0)),
        })
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
        let people = boxes::suppress(found.collect(), OVERLAP)
            .into_iter()
            .map(|person| Detection {
                left: person.place.left / across,
                top: person.place.top / down,
                width: person.place.width / across,
                height: person.place.height / down,
                score: person.score.clamp(0.0, 1.0),
            });
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
