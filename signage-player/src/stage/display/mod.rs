//! Displays: which one the picture goes to, how it is opened, and how it is known that it is gone. `choice` decides,
//! `wayland`, `x11` and `kms` open, `drm` reads what the kernel says of connectors, `seeker` looks for one until there is
//! one, and again when it is lost.
//!
//! Invariant: the stage never waits for a display.

pub mod choice;
pub mod drm;
pub mod kms;
pub mod seeker;
pub mod wayland;
pub mod x11;

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gstreamer as gst;
use gstreamer::prelude::*;
use protocol::config::Output;

use choice::Kind;

/// A display that takes the picture.
pub struct Opened {
    /// What takes it, opened.
    pub sink: gst::Element,
    /// The size that the picture must have there, in pixels; none: any.
    pub size: Option<(u32, u32)>,
    /// By what it is known that the display is still there.
    pub watch: Watch,
}

/// By what it is known that a display is still there.
pub enum Watch {
    /// A connection to its compositor.
    Wayland(wayland::Connection),
    /// Its window. (Xlib ends the whole process with its server; the supervisor starts it anew.)
    X11(Box<x11::Window>),
    /// The kernel's card and connector.
    Kms(kms::Card),
}

impl Watch {
    /// Why the display takes no picture any more, if so; else what is wrong with it though it does.
    ///
    /// # Errors
    /// When it is lost.
    pub fn look(&mut self) -> Result<Option<String>> {
        match self {
            Self::Wayland(connection) => connection.look().map(|()| None),
            Self::X11(window) => Ok(window.look().err().map(|error| format!("{error:#}"))),
            Self::Kms(card) => card.look().map(|()| None),
        }
    }

    /// Whether its window is looked for: soon it is there.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::X11(window) if window.is_waiting())
    }
}

/// Opens the display of a kind that the office wants. `picture`: the size of what it will be given, in pixels.
///
/// # Errors
/// When it isn't there, or can't be had; says what to do.
pub fn open(kind: Kind, wanted: &Output, picture: (u32, u32)) -> Result<Opened> {
    let connector = wanted.connector.as_ref().map(|it| it.get_ref().as_str());
    match kind {
        Kind::Wayland => wayland::open(connector, wanted.full_screen),
        Kind::X11 => x11::open(x11::Window::open(connector, wanted.full_screen)?),
        Kind::Kms => kms::open(Path::new(drm::FOLDER), connector, picture),
    }
}

/// The value of an environment's variable; none where it is empty.
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A sink, opened: its display takes it.
pub(super) fn ready(name: &str, set: impl FnOnce(&gst::Element) -> Result<()>) -> Result<gst::Element> {
    let sink = gst::ElementFactory::make(name)
        .build()
        .with_context(|| format!("GStreamer has no {name}"))?;
    set(&sink)?;
    let bus = gst::Bus::new();
    sink.set_bus(Some(&bus));
    // Ready opens the display.
    let opened = sink.set_state(gst::State::Ready);
    sink.set_bus(None);
    if opened.is_err() {
        let _ = sink.set_state(gst::State::Null);
        let said = bus.pop_filtered(&[gst::MessageType::Error]);
        let why = said.as_ref().and_then(|message| match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        });
        bail!(
            "{name} can't open it: {}",
            why.as_deref().unwrap_or("it doesn't say why")
        );
    }
    Ok(sink)
}
