//! Reading cameras. Each has a process of its own (`capture`), because a call into a camera may hang for ever or
//! bring its process down; it speaks by a pipe (`wire`). In the worker, `supervise` starts it, watches it, ends it and
//! starts it again; in a mailbox only the newest picture waits.
//!
//! Invariant: reading a camera never waits for counting, and counting never sees an old picture. (A film at full speed
//! is the exception: it waits, and is counted whole.)

pub mod address;
pub mod capture;
pub mod freeze;
pub mod mailbox;
pub mod opencv_source;
mod process;
pub mod screen_source;
pub mod supervise;
pub mod wire;

use std::time::Duration;

use opencv::core::Mat;
use protocol::time::UnixMillis;

/// One picture of a camera.
pub struct Frame {
    /// Rows of 8-bit blue, green, red.
    pub picture: Mat,
    /// When it was taken, by the source's own clock: from its first picture on, never backwards.
    pub at: Duration,
    /// When its reader had it, by the machine's clock. It goes with the picture, so that what is told of it says how old
    /// it is.
    pub taken: UnixMillis,
}

impl std::fmt::Debug for Frame {
    /// Without the picture: it belongs in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Pictures are at least so wide and high, in pixels,
const LEAST_SIDES: [i32; 2] = [64, 48];

/// and at most so many: 192 MiB a picture, of which a few are held at once.
pub(crate) const MOST_SIDE: i32 = 8192;

/// A picture that is too small to see anybody in, or larger than memory is set aside for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a picture of {width}x{height}: expected at least 64x48 and at most 8192x8192, in 3 colours of 8 bits: set the camera so"
)]
pub struct PictureSize {
    /// Pixels wide.
    pub width: i32,
    /// Pixels high.
    pub height: i32,
}

impl PictureSize {
    /// # Errors
    /// The size, when it is out of the limits.
    pub fn check(width: i32, height: i32) -> Result<(), Self> {
        let is_sound = (LEAST_SIDES[0]..=MOST_SIDE).contains(&width) && (LEAST_SIDES[1]..=MOST_SIDE).contains(&height);
        is_sound.then_some(()).ok_or(Self { width, height })
    }
}

/// Why a camera gives no picture. Never says the address: it may carry a password.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Nothing there, or it refused.
    #[error(
        "it can't be opened: expected a film, a device such as /dev/video0, rtsp://…, http://… or screen:ID, that answers and \
         takes the user and the password in paths.secrets"
    )]
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
    /// It doesn't give what everything else reads.
    #[error("its pictures aren't in 3 colours of 8 bits")]
    Colours,
    /// A picture of a size in which nothing is counted.
    #[error(transparent)]
    Size(#[from] PictureSize),
    /// An address that can't be used.
    #[error(transparent)]
    Address(#[from] address::AddressError),
    /// What a screen's player shares can't be had.
    #[error(transparent)]
    Screen(#[from] screen_source::ScreenError),
    /// What its capture process said.
    #[error("{0}")]
    Said(String),
    /// Its capture process can't be started, or can't be spoken with.
    #[error("its capture process: {0}")]
    Process(#[from] std::io::Error),
    /// Its capture process says things that make no sense.
    #[error("its capture process: {0}")]
    Nonsense(#[from] wire::Nonsense),
    /// Its capture process ended without a word.
    #[error("its capture process ended without a word")]
    Died,
    /// It gave no new picture for too long.
    #[error("it gave no picture for {0:?}: its capture process is ended")]
    Hung(Duration),
    /// It gave the same picture for too long.
    #[error("it has given the same picture for {0:?}: it is frozen")]
    Frozen(Duration),
}

/// Something that gives pictures one after the other. Its calls may take long or hang: [`capture`] makes them in a
/// process of their own, which can be ended.
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

    /// When its reader had that picture (as [`Frame::taken`]), where that was somebody else; `None`: now.
    fn taken(&self) -> Option<UnixMillis> {
        None
    }

    /// Whether pictures come when they come (a camera), or as fast as they are asked for (a film).
    fn is_live(&self) -> bool;
}
