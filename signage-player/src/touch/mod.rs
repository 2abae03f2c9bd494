//! Touch panels, read from the kernel (evdev), as outputs without a window system tell nobody about touches: `decode` makes
//! contacts of the kernel's events, `mapping` places of the picture of the panel's units, `panel` says which devices are
//! touch panels, `reader` opens them as they come and go; `press` makes presses of contacts, wherever these come from;
//! `tell` shows all that to whoever sets up a screen.
//!
//! Invariant: every contact that came down is told up or cancelled, also when its panel is pulled out.

pub mod decode;
pub mod mapping;
pub mod panel;
pub mod press;
pub mod reader;
pub mod tell;

/// What becomes of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It begins.
    Down,
    /// It is somewhere else.
    Move,
    /// It was lifted.
    Up,
    /// It is no contact any more, and shall do nothing: events were lost, or the device is gone.
    Cancel,
}

/// Where on the screen, from its top left corner, in shares of the picture's width and height, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

impl Spot {
    /// In the pixels of a picture of so many pixels.
    #[must_use]
    pub fn in_pixels(self, width: u32, height: u32) -> (f64, f64) {
        (self.x * f64::from(width), self.y * f64::from(height))
    }
}

/// A finger, a pen, or a pointer with its button held, on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contact {
    /// Which: unique among all that are down.
    pub id: u32,
    /// What it does.
    pub phase: Phase,
    /// Where.
    pub spot: Spot,
}

/// The contact of a window's pointer; panels' contacts have other numbers.
pub const POINTER: u32 = u32::MAX;
