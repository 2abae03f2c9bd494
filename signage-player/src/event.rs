//! What others tell the stage.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::screen::{Layout, Report, ToScreen};
use tokio::sync::{mpsc, oneshot};

use crate::touch::Contact;

/// How many events wait for the stage, which empties this at every tick. When full, the network waits;
/// a window's pointer is lost (the visitor presses again), a touch panel waits.
pub const QUEUE: usize = 64;

/// Contents that are whole on the disk, by their names in the manifest.
pub type Library = BTreeMap<String, PathBuf>;

/// A message to the stage.
#[derive(Debug)]
pub enum Event {
    /// Shows this from now on.
    Show {
        /// A checked layout.
        layout: Arc<Layout>,
        /// Its contents as far as they are there.
        library: Library,
    },
    /// The contents of the layout on show that are there now.
    Library(Library),
    /// Whether something has set the machine's clock that knows the time.
    Clock {
        /// So it is.
        is_confirmed: bool,
    },
    /// The office's server said something.
    Said {
        /// What.
        frame: Box<ToScreen>,
        /// How long ago.
        age: Duration,
    },
    /// A finger or a pointer on the screen.
    Contact(Contact),
    /// A whole press at once, in the layout's pixels, from an operator. Answered with the page then on show.
    Touch {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
        /// Who wants to know.
        reply: Option<oneshot::Sender<String>>,
    },
    /// Wants to know what the screen shows now.
    Snapshot(oneshot::Sender<Snapshot>),
}

/// A copy of the picture on show.
#[derive(Debug)]
pub struct Snapshot {
    /// Pixels wide.
    pub width: u32,
    /// Pixels high.
    pub height: u32,
    /// BGRx rows without gaps.
    pub pixels: Vec<u8>,
}

/// To the stage.
pub type Sender = mpsc::Sender<Event>;

/// At the stage.
pub type Receiver = mpsc::Receiver<Event>;

/// The way to the stage.
#[must_use]
pub fn channel() -> (Sender, Receiver) {
    mpsc::channel(QUEUE)
}

/// How the stage is doing, as it tells everybody about once a second.
pub type Status = tokio::sync::watch::Receiver<Report>;
