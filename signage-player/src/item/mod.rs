//! Items: what a playlist plays. Each is a short-lived pipeline of its own, prepared while another one
//! plays, swapped in on a frame boundary, and taken down on another thread.
//!
//! Invariant: nothing here blocks the stage. Opening, decoding and taking down happen elsewhere.

pub mod decoder;
pub mod document;
pub mod live;
pub mod picture;
pub mod probe;
pub mod video;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use protocol::screen::Item as Listed;

use crate::live::Processes;
use crate::live::crossing::Crossing;
use crate::quarantine::Case;
use crate::sound::Sound;
use crate::sound::ducking::Ducking;
use crate::stage::canvas::Pixels;
use decoder::Decoder;

/// Why an item couldn't be played (to its end), in words.
pub type Fault = String;

/// How long an item may take until its first frame is there.
pub const PREPARE_LIMIT: Duration = Duration::from_secs(10);

/// A decoded picture at the size at which it is shown.
pub struct Frame(gst_video::VideoFrame<gst_video::video_frame::Readable>);

impl Frame {
    pub(crate) fn new(frame: gst_video::VideoFrame<gst_video::video_frame::Readable>) -> Self {
        Self(frame)
    }

    /// Its pixels; `None` where the decoder gave something else than BGRx.
    #[must_use]
    pub fn pixels(&self) -> Option<Pixels<'_>> {
        Some(Pixels {
            data: self.0.plane_data(0).ok()?,
            stride: usize::try_from(*self.0.plane_stride().first()?).ok()?,
            width: self.0.width(),
            height: self.0.height(),
        })
    }
}

/// What an item has at a tick.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once a frame; a box would be allocated once a frame"
)]
pub enum Turn {
    /// The same picture as before.
    Same,
    /// A new picture.
    Frame(Frame),
    /// It is over: well, or with a fault.
    Over(Result<(), Fault>),
}

/// Something that plays.
pub trait Item {
    /// Whether its first frame is there.
    ///
    /// # Errors
    /// When it never will be.
    fn is_ready(&mut self) -> Result<bool, Fault>;

    /// Begins at `now`. Gives the first frame.
    fn start(&mut self, now: Duration) -> Option<Frame>;

    /// What there is to show at `now`.
    fn turn(&mut self, now: Duration) -> Turn;

    /// At `now`, which its beginning is `position` ago, it goes on from there: frames are left out, or one stands, until that
    /// is so. After [`Item::start`]; what has no place of its own in time stays as it is.
    fn seat(&mut self, _now: Duration, _position: Duration) {}

    /// How long it still plays, where that is known.
    fn remaining(&self, now: Duration) -> Option<Duration>;

    /// For how long at `now` a new picture has been due and hasn't come; 0 for what doesn't move.
    fn late(&self, _now: Duration) -> Duration {
        Duration::ZERO
    }

    /// Whether it is a film: its picture is to move.
    fn is_film(&self) -> bool {
        false
    }

    /// Makes no sound any more.
    fn mute(&mut self) {}

    /// Stands still.
    fn pause(&mut self, now: Duration);

    /// Goes on after [`Item::pause`].
    fn resume(&mut self, now: Duration);
}

/// What is to be opened.
#[derive(Debug, Clone)]
pub struct Request {
    /// The playlist's entry.
    pub listed: Listed,
    /// The content's file; `None`: it is live.
    pub path: Option<PathBuf>,
    /// From where on it is opened; the beginning: 0.
    pub from: Duration,
    /// The zone's size in pixels.
    pub size: (u32, u32),
    /// Where sound goes.
    pub sound: Sound,
    /// How loud it is.
    pub ducking: Ducking,
    /// What shows live pictures.
    pub live: Processes,
    /// Who is suspected if all falls.
    pub case: Case,
}

/// An item that is being prepared.
pub struct Preparing {
    since: Duration,
    listed: Listed,
    ducking: Ducking,
    opening: mpsc::Receiver<Result<Opened, Fault>>,
    item: Option<Box<dyn Item>>,
    is_there: bool,
}

impl Preparing {
    /// Begins to open an item, on a thread of its own.
    #[must_use]
    pub fn begin(request: Request, now: Duration) -> Self {
        // Holds the one thing that the thread opens; where nobody waits for it any more, it is dropped.
        let (sender, opening) = mpsc::sync_channel(1);
        let (listed, ducking) = (request.listed.clone(), request.ducking.clone());
        let spawned = std::thread::Builder::new().name("open-item".to_owned()).spawn(move || {
            let _ = sender.send(open(&request));
        });
        if let Err(error) = spawned {
            // The sender is gone with the thread; `poll` tells.
            tracing::warn!("no thread for an item: {error}");
        }
        Self {
            since: now,
            listed,
            ducking,
            opening,
            item: None,
            is_there: false,
        }
    }

    /// Whether its first frame was there when [`Preparing::poll`] was called last.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// How long ago it was begun.
    #[must_use]
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    /// Whether its first frame is there.
    ///
    /// # Errors
    /// When it can't be played.
    pub fn poll(&mut self, now: Duration) -> Result<bool, Fault> {
        if self.item.is_none() {
            match self.opening.try_recv() {
                Ok(opened) => self.item = Some(make(&self.listed, opened?, self.ducking.clone())),
                Err(mpsc::TryRecvError::Empty) => {}
                Err(mpsc::TryRecvError::Disconnected) => return Err("it can't be opened now".to_owned()),
            }
        }
        if let Some(item) = &mut self.item
            && item.is_ready()?
        {
            self.is_there = true;
            return Ok(true);
        }
        if now.saturating_sub(self.since) > PREPARE_LIMIT {
            return Err(format!("no picture after {} s", PREPARE_LIMIT.as_secs()));
        }
        Ok(false)
    }

    /// The item, where it was opened.
    #[must_use]
    pub fn into_item(self) -> Option<Box<dyn Item>> {
        self.item
    }
}

/// What the opening thread gives.
enum Opened {
    File(Decoder),
    Live(Crossing),
    /// With its first page to be shown, from 1.
    Document(document::Pages, Decoder, u32),
}

/// Takes its time: on a thread of its own.
fn open(request: &Request) -> Result<Opened, Fault> {
    if let Listed::Live { url, .. } = &request.listed {
        // Nobody is suspected: whatever it does, it does it to its own process.
        return Crossing::open(url, request.size, &request.live).map(Opened::Live);
    }
    let path = request.path.as_deref().ok_or("it has no file")?;
    let kind = probe::look(path, matches!(request.listed, Listed::Picture { .. }))?;
    if let Listed::Document { page_ms, .. } = request.listed {
        let pages = document::Pages::open(path, request.size, request.case.clone())?;
        let page = pages.at(request.from, Duration::from_millis(page_ms));
        let first = pages.render(page)?;
        return Ok(Opened::Document(pages, first, page));
    }
    let is_video = matches!(request.listed, Listed::Video { .. });
    let sound = if is_video { request.sound } else { Sound::None };
    let mut decoder = Decoder::open(path, kind, request.size, sound, request.case.begin())?;
    if is_video && !request.from.is_zero() {
        decoder.seek(request.from)?;
    }
    Ok(Opened::File(decoder))
}

fn make(listed: &Listed, opened: Opened, ducking: Ducking) -> Box<dyn Item> {
    let stands = Duration::from_millis(match listed {
        Listed::Video { .. } => 0,
        Listed::Picture { duration_ms, .. } | Listed::Live { duration_ms, .. } => *duration_ms,
        Listed::Document { page_ms, .. } => *page_ms,
    });
    match opened {
        Opened::Document(pages, first, page) => Box::new(document::Document::new(pages, first, page, stands)),
        Opened::Live(crossing) => Box::new(live::Live::new(crossing, stands)),
        Opened::File(decoder) if matches!(listed, Listed::Video { .. }) => {
            Box::new(video::Video::new(decoder, ducking))
        }
        Opened::File(decoder) => Box::new(picture::Picture::new(decoder, stands)),
    }
}
