//! Finding people in a picture. Every way of doing it stands behind [`Detector`]; nothing after it knows
//! which one it was.

pub mod background;
pub mod choose;
mod exposure;
pub mod figures;
mod ghosts;
pub mod hog;
pub mod motion;
mod near;
mod restless;
mod stayers;
mod tiles;
pub mod tracked;

use opencv::core::{Mat, MatTraitConst as _};

use crate::camera::Frame;
use crate::model::ModelError;
use crate::track::Track;

/// A person found. All lengths are shares of the picture; a box may reach beyond it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// How sure the detector is, 0 to 1; not comparable between detectors.
    pub score: f64,
}

impl Detection {
    /// Where the person stands: the middle of the lower edge.
    #[must_use]
    pub fn foot(&self) -> [f64; 2] {
        [self.left + self.width / 2.0, self.top + self.height]
    }
}

/// What a detector makes of one picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// These people, possibly none.
    People(Vec<Detection>),
    /// It can't tell yet: it is still learning the scene, or the light has just changed.
    Settling,
}

/// Why a picture couldn't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// A picture that nothing can be seen in.
    #[error("a picture of {width}x{height}: expected at least 64x48 and at most 8192x8192, in 3 colours of 8 bits")]
    Picture {
        /// Pixels wide.
        width: i32,
        /// Pixels high.
        height: i32,
    },
    /// The model doesn't answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// OpenCV's own words.
    #[error("OpenCV: {0}")]
    OpenCv(#[from] opencv::Error),
}

/// Finds people in a camera's pictures, given one after the other in the order of time.
pub trait Detector: Send {
    /// Looks at the next picture.
    ///
    /// # Errors
    /// [`DetectError`]; the detector stays usable for the next picture.
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError>;

    /// Who is followed after that picture, in its pixels; nobody, where nobody is followed.
    fn tracks(&self) -> Vec<Track> {
        Vec::new()
    }
}

impl Detector for Box<dyn Detector> {
    fn detect(&mut self, frame: &Frame) -> Result<Sight, DetectError> {
        self.as_mut().detect(frame)
    }

    fn tracks(&self) -> Vec<Track> {
        self.as_ref().tracks()
    }
}

/// A frame's picture, if something can be seen in it.
pub(crate) fn sound(frame: &Frame) -> Result<&Mat, DetectError> {
    let size = frame.picture.size()?;
    let is_sound = (64..=8192).contains(&size.width) && (48..=8192).contains(&size.height);
    if is_sound && frame.picture.typ() == opencv::core::CV_8UC3 {
        return Ok(&frame.picture);
    }
    Err(DetectError::Picture {
        width: size.width,
        height: size.height,
    })
}
