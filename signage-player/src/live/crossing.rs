//! The screen's end: starts a live picture's process, takes its newest frame, and sees to its end.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use frames::socket::pair;
use frames::{End, Format, Reader, Ready};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use super::process::{ARGUMENT, END_LIMIT};
use super::{Order, Processes};
use crate::item::{Fault, Frame};

/// A process that lets go of its end is gone so soon, or else it is ended.
const GONE_LIMIT: Duration = Duration::from_secs(1);
/// So often it is looked whether a process is gone.
const LOOK: Duration = Duration::from_millis(20);

/// A live picture's process. Dropped, it is told to end, and seen off on another thread.
pub struct Crossing {
    /// Gone only while being dropped.
    child: Option<Child>,
    /// Dropped, the process hears it.
    reader: Option<Reader>,
    frames: Option<Frames>,
    over: Option<Over>,
}

/// How it ended.
enum Over {
    /// It let go. What became of it will be known soon.
    Gone(Instant),
    Known(Result<(), Fault>),
}

/// Room for frames of one size, used again and again.
struct Frames {
    info: gst_video::VideoInfo,
    pool: gst::BufferPool,
}

impl Crossing {
    /// Starts a process for the picture at `url`, to be shown in a zone of that size. Takes some milliseconds.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn open(url: &str, zone: (u32, u32), processes: &Processes) -> Result<Self, Fault> {
        let program = processes.program.as_ref().ok_or("this player has no program for it")?;
        let order = Order {
            url: url.to_owned(),
            zone,
            office: processes.office.clone(),
        };
        let order = serde_json::to_string(&order).map_err(|error| error.to_string())?;
        let (ours, theirs) = pair().map_err(|error| format!("no socket for its process: {error}"))?;
        let reader = Reader::new(ours);
        reader.order(&order).map_err(|end| end.to_string())?;
        let child = Command::new(program)
            .arg(ARGUMENT)
            .stdin(theirs.into_fd())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("its process can't be started: {error}"))?;
        Ok(Self {
            child: Some(child),
            reader: Some(reader),
            frames: None,
            over: None,
        })
    }

    /// The newest frame that came since the last time. Waits for nothing.
    pub fn newest(&mut self) -> Option<Frame> {
        if self.over.is_some() {
            return None;
        }
        let taken = self.take();
        taken.unwrap_or_else(|end| {
            self.over = Some(match end {
                End::Gone => Over::Gone(Instant::now()),
                end => Over::Known(Err(end.to_string())),
            });
            None
        })
    }

    fn take(&mut self) -> Result<Option<Frame>, End> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        match reader.next(Duration::ZERO)? {
            Some(ready) if ready.picture.format == Format::Bgrx => self.copy(&ready),
            Some(_) => Err(End::Nonsense("pixels of another kind")),
            None => Ok(None),
        }
    }

    fn copy(&mut self, ready: &Ready) -> Result<Option<Frame>, End> {
        let told = |error: gst::glib::BoolError| End::System(std::io::Error::other(error));
        let Some(reader) = &self.reader else { return Ok(None) };
        let frames = match &self.frames {
            Some(frames) if frames.is_for(ready) => frames,
            _ => self.frames.insert(Frames::new(ready).map_err(told)?),
        };
        let flow = |_| End::System(std::io::Error::other("no room for a frame"));
        let mut buffer = frames.pool.acquire_buffer(None).map_err(flow)?;
        let is_whole = {
            let buffer = buffer.get_mut().ok_or(End::Nonsense("a frame in use"))?;
            let mut map = buffer.map_writable().map_err(told)?;
            reader.copy(ready, &mut map)?
        };
        if !is_whole {
            // A newer one is there, or comes.
            return Ok(None);
        }
        let frame = gst_video::VideoFrame::from_buffer_readable(buffer, &frames.info);
        Ok(frame.ok().map(Frame::new))
    }

    /// How it ended: well, or with a fault. `None`: it hasn't, as far as is known.
    pub fn end(&mut self) -> Option<Result<(), Fault>> {
        if let Some(Over::Gone(since)) = self.over
            && let Some(child) = &mut self.child
        {
            let known = match child.try_wait() {
                Ok(Some(status)) if status.success() => Ok(()),
                Ok(Some(status)) => Err(format!("its process fell ({status})")),
                Ok(None) if since.elapsed() < GONE_LIMIT => return None,
                Ok(None) => Err("its process gives nothing more".to_owned()),
                Err(error) => Err(format!("its process is lost: {error}")),
            };
            self.over = Some(Over::Known(known));
        }
        match &self.over {
            Some(Over::Known(known)) => Some(known.clone()),
            _ => None,
        }
    }
}

impl Frames {
    fn new(ready: &Ready) -> Result<Self, gst::glib::BoolError> {
        let (width, height) = (ready.picture.width, ready.picture.height);
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgrx, width, height).build()?;
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        let size = u32::try_from(info.size()).unwrap_or(u32::MAX);
        config.set_params(Some(&info.to_caps()?), size, 0, 0);
        pool.set_config(config)?;
        pool.set_active(true)?;
        Ok(Self { info, pool })
    }

    fn is_for(&self, ready: &Ready) -> bool {
        (self.info.width(), self.info.height()) == (ready.picture.width, ready.picture.height)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        // Frames on show keep theirs.
        let _ = self.pool.set_active(false);
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        self.reader = None;
        let Some(mut child) = self.child.take() else { return };
        let pid = child.id();
        let spawned = thread::Builder::new()
            .name("end-live".to_owned())
            .spawn(move || see_off(&mut child));
        if let Err(error) = spawned {
            // It ends by itself; nobody asks what became of it.
            tracing::warn!(pid, "no thread to see a live picture's process off: {error}");
        }
    }
}

/// Waits until a process is gone; one that isn't after a while is ended.
fn see_off(child: &mut Child) {
    let limit = Instant::now() + END_LIMIT + GONE_LIMIT;
    while Instant::now() < limit {
        match child.try_wait() {
            Ok(None) => thread::sleep(LOOK),
            Ok(Some(_)) | Err(_) => return,
        }
    }
    tracing::warn!(pid = child.id(), "a live picture's process doesn't end: it is killed");
    let _ = child.kill();
    let _ = child.wait();
}
