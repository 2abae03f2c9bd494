//! Who reads the screen's camera.

use std::time::Duration;

use frames::socket::Listener;
use frames::{End, Picture, Writer, writer};
use gstreamer_video::VideoFrameExt as _;
use protocol::time::UnixMillis;

use super::source::{FORMAT, Frame};

/// So many read at most, each with a memory of its own. Who comes then is sent away, and told so.
const MOST: usize = 4;

/// Who reads. None of them can make another one wait.
pub(super) struct Readers {
    all: Vec<Writer>,
    /// Bytes of the largest picture.
    room: usize,
    has_met_a_stranger: bool,
}

impl Readers {
    pub(super) fn new(room: usize) -> Self {
        Self {
            all: Vec::new(),
            room,
            has_met_a_stranger: false,
        }
    }

    /// Whether anybody reads; who is gone is forgotten.
    pub(super) fn are_there(&mut self) -> bool {
        self.all.retain(Writer::is_wanted);
        !self.all.is_empty()
    }

    /// Lets in who comes within that time.
    ///
    /// # Errors
    /// When the system can't wait.
    pub(super) fn let_in(&mut self, listener: &Listener, limit: Duration) -> Result<(), End> {
        let socket = match listener.accept(limit) {
            Ok(Some(socket)) => socket,
            Ok(None) => return Ok(()),
            Err(End::Stranger) => {
                if !std::mem::replace(&mut self.has_met_a_stranger, true) {
                    tracing::warn!(
                        "another user's program wants the camera's pictures: it gets none, here and from now on"
                    );
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.are_there();
        if self.all.len() >= MOST {
            let why = format!("{MOST} programs read this camera already, and more may not");
            // It may be gone already.
            let _ = writer::give_up(&socket, &why);
            return Ok(());
        }
        match Writer::new(socket, self.room) {
            Ok(writer) => self.all.push(writer),
            Err(End::Gone) => {}
            Err(error) => tracing::warn!("who wants the camera's pictures can't have them: {error}"),
        }
        Ok(())
    }

    /// Gives a picture to all. `at`: by this process's clock.
    pub(super) fn put(&mut self, frame: &Frame, at: Duration, taken: UnixMillis) {
        let picture = Picture {
            format: FORMAT,
            width: frame.width(),
            height: frame.height(),
            at,
            taken_ms: taken.0,
        };
        let stride = usize::try_from(frame.plane_stride()[0]).unwrap_or(0);
        let Ok(bytes) = frame.plane_data(0) else { return };
        self.all.retain_mut(|writer| match writer.put(&picture, bytes, stride) {
            Ok(()) => true,
            Err(End::Gone) => false,
            Err(error) => {
                tracing::warn!("a reader of the camera's pictures is let go: {error}");
                false
            }
        });
    }

    /// Tells all why there are no more pictures, and lets them go.
    pub(super) fn give_up(&mut self, why: &str) {
        for writer in self.all.drain(..) {
            // It may be gone already.
            let _ = writer.give_up(why);
        }
    }
}
