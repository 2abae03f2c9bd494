//! The way of frames to an X11 window by GL: uploaded as they are, converted, scaled and shown by the GPU. Used where there
//! is one (`gpu`), and never twice in a process once it has failed; then the processor does it (`line`). `trial` remembers
//! drivers that take the process with them.

pub mod gpu;
pub mod trial;

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gstreamer as gst;
use gstreamer::prelude::*;
use protocol::config::GlBy;

use super::display::choice::Kind;
use super::display::{drm, ready};
use super::line::{Common, Counters, Line, Way, look_at_pixels};
use super::output::RATE;
use super::probe::Seen;
use crate::faults::Faults;
use gpu::{Gpu, NoGpu};
use trial::{Trial, Trials};

/// The sink. (`glimagesink` is this one with what comes before it, which is named here.)
const SINK: &str = "glimagesinkelement";
/// How long a driver may take to begin.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);

/// What there is for GL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Around {
    /// Why it is not to be used any more.
    off: Option<String>,
    gpu: Result<Gpu, NoGpu>,
    /// The X server lets programs draw by its GPU.
    is_direct: bool,
}

/// What GL is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    /// It takes the frames.
    Gl,
    /// The processor does, as it should, or as well as it can.
    Processor(String),
    /// The processor does, and something is wrong with that.
    Fault(String),
}

/// Who takes the frames to a display of a kind: a pure function of what the office wants and what there is.
fn choose(by: GlBy, kind: Kind, around: &Around) -> Choice {
    if by == GlBy::Off {
        return Choice::Processor("gl = \"off\"".to_owned());
    }
    if kind != Kind::X11 {
        let why = format!(
            "only X11's windows are drawn by GL, and this display is {}'s",
            kind.name()
        );
        return match by {
            GlBy::On => Choice::Fault(why),
            _ => Choice::Processor(why),
        };
    }
    if by == GlBy::Auto {
        match &around.gpu {
            Ok(_) if around.is_direct => {}
            Ok(gpu) => {
                let why = "the X server doesn't let programs draw by it (it has no DRI3)";
                return Choice::Processor(format!("{}: {why}", gpu.driver));
            }
            Err(error) => return Choice::Processor(error.to_string()),
        }
    }
    match &around.off {
        Some(off) => Choice::Fault(off.clone()),
        None => Choice::Gl,
    }
}

/// A screen's GL.
pub(super) struct Gl {
    by: GlBy,
    trials: Trials,
    faults: Faults,
    /// Why it is off in this process.
    off: Option<String>,
    has_told: bool,
    /// What was started last.
    trial: Option<Arc<Trial>>,
}

impl Gl {
    /// As the office wants it. What is wrong is in `faults`.
    pub(super) fn new(by: GlBy, trials: Trials, faults: Faults) -> Self {
        let off = trials.off().map(str::to_owned);
        Self {
            by,
            trials,
            faults,
            off,
            has_told: false,
            trial: None,
        }
    }

    /// Whether it takes the frames to a display of this kind. `is_direct`: whether its X server lets programs draw by a GPU.
    pub(super) fn is_wanted(&mut self, kind: Kind, is_direct: bool) -> bool {
        let around = Around {
            off: self.off.clone(),
            gpu: gpu::find(drm::FOLDER.as_ref(), opens),
            is_direct,
        };
        match choose(self.by, kind, &around) {
            Choice::Gl => return true,
            Choice::Fault(why) => self.faults.set(vec![told(&why)]),
            Choice::Processor(why) => {
                self.faults.set(Vec::new());
                if !std::mem::replace(&mut self.has_told, true) {
                    tracing::info!("GL isn't used: {why}");
                }
            }
        }
        false
    }

    /// Starts a line by it, to an X11 window that its sink will make. A driver that takes too long is left to itself.
    ///
    /// # Errors
    /// When it doesn't start.
    pub(super) fn start(&mut self, common: &Common, frames: &gst::Caps) -> Result<Line> {
        gst::ElementFactory::find(SINK).context("GStreamer has none (Debian: gstreamer1.0-gl)")?;
        let trial = Arc::new(self.trials.begin().context("the disk takes no mark")?);
        let (common, frames) = (common.clone(), frames.clone());
        let its = Arc::clone(&trial);
        // Holds the one line; nobody waits any more for one that comes too late, and it ends.
        let (done, started) = sync_channel(1);
        std::thread::Builder::new()
            .name("gl".to_owned())
            .spawn(move || {
                let line = ready(SINK, |_| Ok(())).and_then(|sink| {
                    let way = Way::Gl(its);
                    Line::start(&common, Some(Kind::X11), sink, way, &frames, |_| {})
                });
                let _ = done.send(line);
            })
            .context("a thread for GL")?;
        match started.recv_timeout(BEGIN_LIMIT) {
            Ok(Ok(line)) => {
                self.trial = Some(trial);
                Ok(line)
            }
            Ok(Err(error)) => {
                trial.end();
                Err(error)
            }
            // The mark stays: should it fall yet, it is known who did it.
            Err(RecvTimeoutError::Timeout) => bail!("the driver doesn't answer"),
            Err(RecvTimeoutError::Disconnected) => bail!("its thread has fallen"),
        }
    }

    /// Remembers how far it has come. Called now and then while it is in use; may wait for the disk.
    pub(super) fn attend(&self) {
        if let Some(trial) = &self.trial {
            trial.attend();
        }
    }

    /// It has failed: from now on, in this process, the processor does it.
    pub(super) fn give_up(&mut self, why: &str) {
        self.off = Some(format!("{why}: not tried again before the player is started again"));
        self.faults.set(self.off.iter().map(|why| told(why)).collect());
    }
}

fn told(why: &str) -> String {
    format!("the processor draws, without GL: {why}")
}

fn opens(node: &str) -> std::io::Result<()> {
    let path = Path::new("/dev/dri").join(node);
    File::options().read(true).write(true).open(path).map(drop)
}

/// The elements before the sink.
///
/// # Errors
/// When GStreamer lacks one.
pub(super) fn elements() -> Result<Vec<gst::Element>> {
    let make = |name: &str| gst::ElementFactory::make(name).build();
    Ok(vec![make("glupload")?, make("glcolorconvert")?])
}

/// Whether a frame that is the same as the one before, for the `standing`th time, needs no upload: GL keeps the picture. The
/// first ones are sent all the same, as a sink may drop one that is late, and then two a second, for whatever the window has been through.
pub(super) fn is_needless(standing: u32) -> bool {
    standing > 2 && !standing.is_multiple_of(RATE / 2)
}

/// Counts what comes to the first element, and spares it what is marked as needless ([`gst::BufferFlags::GAP`]). It has left
/// as others do.
///
/// # Errors
/// When the element has no pad.
pub(super) fn spare(
    first: &gst::Element,
    trial: &Arc<Trial>,
    counters: &Arc<Counters>,
    seen: &Arc<Seen>,
) -> Result<()> {
    let (trial, counters, seen) = (Arc::clone(trial), Arc::clone(counters), Arc::clone(seen));
    let pad = first.static_pad("sink").context("GL's elements have no pads")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        trial.count();
        let Some(buffer) = info.buffer() else {
            return gst::PadProbeReturn::Ok;
        };
        let at = buffer.pts().unwrap_or_default().into();
        // Behind this one they are in the GPU's memory.
        look_at_pixels(pad, buffer, &seen, at);
        if buffer.flags().contains(gst::BufferFlags::GAP) {
            counters.leave();
            seen.arrive(at);
            // Not `Drop`: the buffer is let go of here, and GStreamer 1.22 would complain that it has none to let go of.
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// How large the window of a sink of GL's is, in pixels; `None` until it is there.
pub(super) type WindowSize = Arc<Mutex<Option<(u32, u32)>>>;

/// Follows a sink's window.
pub(super) fn window_size(sink: &gst::Element) -> WindowSize {
    let size = WindowSize::default();
    let held = Arc::clone(&size);
    // Its answer says whether somebody else has done the resizing.
    sink.connect("client-reshape", false, move |values| {
        let side = |index: usize| values.get(index)?.get::<u32>().ok();
        *held.lock().unwrap_or_else(PoisonError::into_inner) = side(2).zip(side(3));
        Some(false.to_value())
    });
    size
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use gst::glib;

    use super::*;

    fn around(has_gpu: bool, is_direct: bool) -> Around {
        let gpu = Gpu {
            node: "renderD128".into(),
            driver: "i915".into(),
        };
        Around {
            off: None,
            gpu: has_gpu.then_some(gpu).ok_or_else(|| NoGpu::NoNodes("x".into())),
            is_direct,
        }
    }

    #[test]
    fn auto_takes_gl_only_for_an_x_servers_gpu_and_who_wants_it_has_it_without() {
        let of = |by, kind, around: &Around| match choose(by, kind, around) {
            Choice::Gl => "gl",
            Choice::Processor(_) => "processor",
            Choice::Fault(_) => "fault",
        };
        let here = around(true, true);
        assert_eq!(of(GlBy::Auto, Kind::X11, &here), "gl");
        assert_eq!(of(GlBy::Auto, Kind::X11, &around(true, false)), "processor");
        assert_eq!(of(GlBy::Auto, Kind::X11, &around(false, true)), "processor");
        assert_eq!(of(GlBy::On, Kind::X11, &around(false, false)), "gl");
        for kind in [Kind::Wayland, Kind::Kms] {
            assert_eq!(of(GlBy::Auto, kind, &here), "processor");
            assert_eq!(of(GlBy::On, kind, &here), "fault");
        }
        for kind in [Kind::Wayland, Kind::X11, Kind::Kms] {
            assert_eq!(of(GlBy::Off, kind, &here), "processor");
        }
        let off = Around {
            off: Some("it fell".into()),
            ..here
        };
        for (by, choice) in [(GlBy::Auto, "fault"), (GlBy::On, "fault"), (GlBy::Off, "processor")] {
            assert_eq!(of(by, Kind::X11, &off), choice);
        }
        let gone = Around {
            off: off.off,
            ..around(false, true)
        };
        assert_eq!(of(GlBy::Auto, Kind::X11, &gone), "processor", "nobody wants it there");
    }

    #[test]
    fn what_has_failed_is_not_tried_again_and_said_for_as_long_as_it_is_wanted() {
        let faults = Faults::default();
        let mut gl = Gl::new(GlBy::On, Trials::default(), faults.clone());
        assert!(gl.is_wanted(Kind::X11, false));
        assert_eq!(faults.all(), Vec::<String>::new());
        gl.give_up("no EGL");
        for _ in 0..2 {
            let said = faults.all().concat();
            assert!(
                said.contains("no EGL") && said.contains("the processor draws"),
                "{said}"
            );
            assert!(!gl.is_wanted(Kind::X11, true));
        }
    }

    #[test]
    fn a_picture_that_stands_is_sent_three_times_and_then_twice_a_second_and_each_new_one_at_once() {
        let sent: Vec<u32> = (0..=60).filter(|standing| !is_needless(*standing)).collect();
        assert_eq!(sent, [0, 1, 2, 15, 30, 45, 60]);
    }

    #[test]
    fn what_is_needless_is_not_uploaded_and_counts_as_shown() {
        gst::init().expect("GStreamer");
        let complaints = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&complaints);
        let handler = glib::log_set_handler(
            Some("GStreamer"),
            glib::LogLevels::LEVEL_CRITICAL,
            false,
            false,
            move |_, _, _| {
                counted.fetch_add(1, Ordering::Relaxed);
            },
        );
        let pipeline = gst::Pipeline::new();
        let source = gstreamer_app::AppSrc::builder().format(gst::Format::Time).build();
        // In the upload's place: what comes there is counted without GL.
        let upload = gst::ElementFactory::make("identity").build().expect("identity");
        let sink = gstreamer_app::AppSink::builder().sync(false).build();
        let all = [source.upcast_ref(), &upload, sink.upcast_ref::<gst::Element>()];
        pipeline.add_many(all).expect("added");
        gst::Element::link_many(all).expect("linked");
        let trial = Arc::new(Trials::default().begin().expect("begun"));
        let counters = Arc::<Counters>::default();
        spare(&upload, &trial, &counters, &Arc::default()).expect("a pad");
        pipeline.set_state(gst::State::Playing).expect("plays");
        for (at, flags) in [
            (0, gst::BufferFlags::empty()),
            (1, gst::BufferFlags::GAP),
            (2, gst::BufferFlags::empty()),
        ] {
            let mut frame = gst::Buffer::with_size(4).expect("memory");
            let ours = frame.get_mut().expect("ours");
            ours.set_flags(flags);
            ours.set_pts(gst::ClockTime::from_seconds(at));
            source.push_buffer(frame).expect("taken");
        }
        source.end_of_stream().expect("ended");
        let came = std::iter::from_fn(|| sink.pull_sample().ok());
        let at: Vec<u64> = came
            .filter_map(|it| it.buffer()?.pts().map(gst::ClockTime::seconds))
            .collect();
        pipeline.set_state(gst::State::Null).expect("stopped");
        glib::log_remove_handler(Some("GStreamer"), handler);
        assert_eq!((at, counters.left()), (vec![0, 2], 1));
        assert_eq!(
            complaints.load(Ordering::Relaxed),
            0,
            "thirty a second would fill a disk"
        );
    }
}
