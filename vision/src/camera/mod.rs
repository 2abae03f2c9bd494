//! Reading cameras: a source behind [`FrameSource`], a thread that reads it and heals it (`capture`), and a
//! mailbox in which only the newest picture waits.
//!
//! Invariant: reading a camera never waits for counting, and counting never sees an old picture.

pub mod capture;
pub mod mailbox;
pub mod opencv_source;

use std::time::Duration;

use opencv::core::Mat;

/// One picture of a camera.
pub struct Frame {
    /// Rows of 8-bit blue, green, red.
    pub picture: Mat,
    /// When it was taken, by the source's own clock: from its first picture on, never backwards.
    pub at: Duration,
}

impl std::fmt::Debug for Frame {
    /// Without the picture: it belongs in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Why a camera gives no picture. Never says the address: it may carry a password.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Nothing there, or it refused.
    #[error("it can't be opened: expected a film, a device such as /dev/video0, or rtsp://…")]
    CantOpen,
    /// A film that isn't there.
    #[error("there is no file {0}")]
    NoFile(String),
    /// A film that doesn't say how fast it is.
    #[error("the film doesn't say its speed: set film_frames_per_second")]
    NoSpeed,
    /// It gave pictures and gives none any more.
    #[error("it gives no more pictures")]
    Ended,
    /// OpenCV's own words.
    #[error("OpenCV: {0}")]
    OpenCv(#[from] opencv::Error),
}

/// Something that gives pictures one after the other. Its calls may take long or hang: [`capture`] makes them
/// on a thread of their own and watches them.
pub trait FrameSource {
    /// Goes on to the next picture, gives when it was taken (as [`Frame::at`]).
    ///
    /// # Errors
    /// [`CameraError`] when there is none: the source must be opened again.
    fn advance(&mut self) -> Result<Duration, CameraError>;

    /// The picture that [`FrameSource::advance`] went to.
    ///
    /// # Errors
    /// As [`FrameSource::advance`].
    fn picture(&mut self) -> Result<Mat, CameraError>;

    /// Whether pictures come when they come (a camera), or as fast as they are asked for (a film).
    fn is_live(&self) -> bool;
}
