//! Paints a pose: premultiplied BGRA, the memory order of cairo's `ARGB32` on little-endian machines.

use protocol::pose::Pose;

use crate::rig::Rig;

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge, in pixels.
    pub x: u32,
    /// Top edge, in pixels.
    pub y: u32,
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
}

/// Why a pose can't be painted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaintError {
    /// The size is zero or above [`Painter::MAX_SIDE`].
    #[error("an avatar of {width}x{height} pixels can't be painted: each side must be 1 to {max}", max = Painter::MAX_SIDE)]
    Size {
        /// Asked width in pixels.
        width: u32,
        /// Asked height in pixels.
        height: u32,
    },
    /// The buffer is too small for the picture.
    #[error("the buffer holds {given} bytes; the picture needs {needed}")]
    Buffer {
        /// Bytes given.
        given: usize,
        /// Bytes needed.
        needed: usize,
    },
}

/// Paints one rig at one size. The rig may be dropped afterwards.
#[derive(Debug)]
pub struct Painter {}

impl Painter {
    /// The longest side that is painted, in pixels.
    pub const MAX_SIDE: u32 = 4096;

    /// Draws every layer once at this size (takes some 100 ms). The drawing is fitted whole into `width` x
    /// `height`, keeping its shape, standing on the bottom edge, centred.
    pub fn new(rig: &Rig, width: u32, height: u32) -> Result<Self, PaintError> {
        todo!("{rig:?} {width} {height}")
    }

    /// Paints the pose into the painter's own picture, only where it differs from the pose before.
    /// Returns the rectangle that changed, `None` if nothing did. Values out of range are clamped.
    pub fn paint(&mut self, pose: &Pose) -> Option<Area> {
        todo!("{pose:?}")
    }

    /// Copies the whole picture into a buffer with `stride` bytes a row (cairo: `surface.stride()`).
    /// Pixels are premultiplied BGRA, transparent outside the figure.
    pub fn copy_to(&self, buffer: &mut [u8], stride: usize) -> Result<(), PaintError> {
        todo!("{buffer:?} {stride}")
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        todo!()
    }
}
