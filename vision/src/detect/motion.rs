//! The detector that needs no model file: what moves against the learned background, explained by people of
//! the size that set-up says for each place.
//!
//! It sees people, not faces: a picture is shrunk until the smallest person in the area is about
//! [`SMALLEST_PERSON`] pixels tall, which is also what makes it cheap.

use opencv::core::{Mat, MatTraitConst as _, Size};
use opencv::imgproc;

use crate::camera::Frame;
use crate::geometry::{PersonHeights, Polygon};

use super::background::{Background, Memory};
use super::figures::Figures;
use super::{DetectError, Detector, Sight};

/// Pixels that the smallest person in the area is shrunk to: fewer, and head and legs are lost.
const SMALLEST_PERSON: f64 = 28.0;

/// Widths between which a picture is looked at, whatever the size of its people.
const WIDTHS: std::ops::RangeInclusive<f64> = 160.0..=640.0;

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
        let mask = self.background.look(&self.smooth, frame.at)?;
        Ok(mask.map_or(Sight::Settling, |mask| Sight::People(self.figures.explain(mask))))
    }
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
