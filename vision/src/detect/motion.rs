//! The detector that needs no model file: what moves against the learned background, explained by people of
//! the size that set-up says for each place. Who stays ([`super::stayers`]) is not learned: every [`ASK_EVERY`] the picture
//! itself is searched for people who stand.
//!
//! It sees people, not faces: a picture is shrunk until the smallest person in the area is about
//! [`SMALLEST_PERSON`] pixels tall, which is also what makes it cheap.

use std::time::Duration;

use opencv::core::{self, Mat, MatTraitConst as _, Rect, Scalar, Size};
use opencv::imgproc;

use crate::camera::Frame;
use crate::geometry::{PersonHeights, Polygon};

use super::background::{Background, Memory, Places};
use super::figures::Figures;
use super::hog::Hog;
use super::stayers::Stayers;
use super::{DetectError, Detection, Detector, Sight};

/// Pixels that the smallest person in the area is shrunk to: fewer, and head and legs are lost.
const SMALLEST_PERSON: f64 = 28.0;

/// Widths between which a picture is looked at, whatever the size of its people.
const WIDTHS: std::ops::RangeInclusive<f64> = 160.0..=640.0;

/// How often the picture itself is searched for people.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// What belongs to a person reaches so far beyond their box, as a share of its width and of its height.
const AROUND: [f64; 2] = [0.3, 0.08];

/// A pixel has changed between two searches when it is so many grey levels further off,
const STIRRED: f64 = 14.0;

/// and a box has, when so much of it did.
const STIRRED_SHARE: f64 = 0.04;

/// What the detector knows of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// How tall people are in its picture.
    pub heights: PersonHeights,
    /// Where they are looked for.
    pub area: Polygon,
    /// How long those are remembered who don't move.
    pub memory: Memory,
}

/// Background subtraction and figures.
#[derive(Debug)]
pub struct Motion {
    scene: Scene,
    /// For the size of the pictures that come; another size begins anew.
    eye: Option<Eye>,
}

struct Eye {
    picture: Size,
    small: Mat,
    smooth: Mat,
    size: Size,
    background: Background,
    figures: Figures,
    stayers: Stayers,
    hog: Hog,
    asked: Option<Duration>,
    /// The picture, small, as it was then.
    then: Mat,
}

impl std::fmt::Debug for Eye {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Eye")
            .field("picture", &self.picture)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Motion {
    /// For one camera.
    #[must_use]
    pub fn new(scene: Scene) -> Self {
        Self { scene, eye: None }
    }
}

impl Detector for Motion {
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        let size = super::sound(frame)?.size()?;
        let eye = match self.eye.take() {
            Some(eye) if eye.picture == size => self.eye.insert(eye),
            _ => self.eye.insert(Eye::new(&self.scene, size)?),
        };
        eye.look(frame)
    }
}

impl Eye {
    fn new(scene: &Scene, picture: Size) -> Result<Self, DetectError> {
        let size = working_size(scene, picture);
        let smallest = smallest_person(scene) * f64::from(size.height);
        // A sixth of the height is half of a person's width; the clamp keeps the cast sound.
        let margin = (smallest / 6.0).round().clamp(1.0, 50.0) as i32;
        let pixels = |side: i32| usize::try_from(side).unwrap_or(0);
        Ok(Self {
            picture,
            small: Mat::default(),
            smooth: Mat::default(),
            size,
            background: Background::new(scene.memory, margin)?,
            figures: Figures::new(pixels(size.width), pixels(size.height), &scene.heights, &scene.area),
            stayers: Stayers::new(f64::from(picture.width) / f64::from(picture.height)),
            hog: Hog::new(scene.heights, &scene.area)?,
            asked: None,
            then: Mat::default(),
        })
    }

    fn look(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        imgproc::resize(
            &frame.picture,
            &mut self.small,
            self.size,
            0.0,
            0.0,
            imgproc::INTER_AREA,
        )?;
        imgproc::gaussian_blur_def(&self.small, &mut self.smooth, Size::new(3, 3), 0.0)?;
        let places = Places {
            kept: self
                .stayers
                .kept(frame.at)
                .map(|person| pixels_of(person, self.size))
                .collect(),
            people: self
                .stayers
                .people()
                .map(|person| pixels_of(person, self.size))
                .collect(),
        };
        let Some(mask) = self.background.look(&self.smooth, &places, frame.at)? else {
            self.stayers.relearn(frame.at);
            self.asked = None;
            return Ok(Sight::Settling);
        };
        let people = self.stayers.see(self.figures.explain(mask), frame.at);
        if (self.asked).is_none_or(|asked| frame.at.saturating_sub(asked) >= ASK_EVERY) {
            self.asked = Some(frame.at);
            self.ask(frame)?;
        }
        Ok(Sight::People(people))
    }

    /// Searches the picture itself, and says who of those who stay is a person.
    fn ask(&mut self, frame: &Frame) -> Result<(), DetectError> {
        let found = self.hog.search(&frame.picture)?;
        let mut change = Mat::default();
        if self.then.size()? == self.size {
            let (mut difference, mut grey) = (Mat::default(), Mat::default());
            core::absdiff(&self.smooth, &self.then, &mut difference)?;
            imgproc::cvt_color_def(&difference, &mut grey, imgproc::COLOR_BGR2GRAY)?;
            core::compare(&grey, &Scalar::all(STIRRED), &mut change, core::CMP_GT)?;
        }
        self.smooth.copy_to(&mut self.then)?;
        let size = self.size;
        // Before the second search nothing is known to have changed: no such part is in the empty matrix.
        let stirs = |person: &Detection| {
            let part = Mat::roi(&change, pixels_of(person, size));
            let changed = part.and_then(|part| Ok((core::count_non_zero(&part)?, part.total())));
            changed.is_ok_and(|(changed, all)| f64::from(changed) > STIRRED_SHARE * all.max(1) as f64)
        };
        self.stayers.ask(&found, frame.at, stirs);
        Ok(())
    }
}

/// What belongs to a person, in a mask of this size.
fn pixels_of(person: &Detection, size: Size) -> Rect {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let [across, down] = AROUND;
    // Cut to the mask first, so that the casts neither wrap nor lose a sign.
    let cut = |share: f64, side: f64| (share * side).clamp(0.0, side).round() as i32;
    let (left, top) = (
        cut(person.left - across * person.width, width),
        cut(person.top - down * person.height, height),
    );
    let right = cut(person.left + person.width * (1.0 + across), width);
    let bottom = cut(person.top + person.height * (1.0 + down), height);
    Rect::new(left, top, right - left, bottom - top)
}

/// The height of the smallest person in the area, a share of the picture.
fn smallest_person(scene: &Scene) -> f64 {
    scene.heights.at(scene.area.top()).min(scene.heights.at(1.0))
}

fn working_size(scene: &Scene, picture: Size) -> Size {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let wanted = width * SMALLEST_PERSON / (smallest_person(scene) * height);
    let scale = (wanted.clamp(*WIDTHS.start(), *WIDTHS.end()) / width).min(1.0);
    // Within 1 to 8192, as the picture is.
    let side = |pixels: f64| (pixels * scale).round().max(1.0) as i32;
    Size::new(side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn scene(heights: [[f64; 2]; 2]) -> Scene {
        Scene {
            heights: PersonHeights::new(heights).expect("sound"),
            area: Polygon::whole_picture(),
            memory: Memory {
                still_for: Duration::from_secs(30),
            },
        }
    }

    #[test]
    fn pictures_are_shrunk_to_the_size_of_their_people() {
        let far = scene([[0.0, 0.1], [1.0, 0.3]]);
        assert_eq!(working_size(&far, Size::new(768, 576)), Size::new(373, 280));
        assert_eq!(working_size(&far, Size::new(3840, 2160)), Size::new(498, 280));
        let near = scene([[0.0, 0.5], [1.0, 0.9]]);
        assert_eq!(working_size(&near, Size::new(1920, 1080)), Size::new(160, 90));
        let tiny = scene([[0.0, 0.01], [1.0, 0.3]]);
        assert_eq!(working_size(&tiny, Size::new(1920, 1080)), Size::new(640, 360));
        assert_eq!(
            working_size(&tiny, Size::new(320, 240)),
            Size::new(320, 240),
            "never enlarged"
        );
    }

    #[test]
    fn a_picture_nothing_can_be_seen_in_is_an_error() {
        let mut motion = Motion::new(scene([[0.0, 0.1], [1.0, 0.3]]));
        let frame = Frame {
            picture: Mat::default(),
            at: Duration::ZERO,
            taken: protocol::time::UnixMillis(0),
        };
        let error = motion.detect(&frame).expect_err("refused").to_string();
        assert!(error.contains("0x0"), "{error}");
    }
}
