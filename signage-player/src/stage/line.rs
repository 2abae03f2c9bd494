//! One pipeline to one sink: `appsrc ! videoconvertscale ! [size] ! sink`, or by GL `appsrc ! glupload ! glcolorconvert ! sink`.
//! The stage has one at any time; when a display comes or goes, another one takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::display::choice::Kind;
use super::gl;
use super::gl::trial::Trial;
use super::probe::Seen;
use super::turn::Turn;
use super::window;
use crate::event::Sender;
use crate::sync::clock::Clock;
use crate::sync::tick;

/// Frames waiting for the sink. When full, the oldest is dropped: the stage never waits for the sink.
const QUEUE: u64 = 2;

/// Frames that left, and that didn't.
#[derive(Debug, Default)]
pub struct Counters {
    left: AtomicU64,
    pub(super) skipped: AtomicU64,
}

impl Counters {
    /// Frames that reached a sink.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// A frame has.
    pub(super) fn leave(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Ticks that passed without a frame.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

/// What all lines of a stage have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) clock: Arc<Clock>,
    /// The tick from which frames' times are counted.
    pub(super) base: i64,
    pub(super) turn: Turn,
    pub(super) counters: Arc<Counters>,
    pub(super) seen: Arc<Seen>,
    pub(super) events: Sender,
}

/// What makes frames fit for a sink.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// The processor. With a size, in pixels: the one that the sink must be given, with the picture in its middle.
    Processor(Option<(u32, u32)>),
    /// GL.
    Gl(Arc<Trial>),
}

/// A running pipeline. Dropped, it ends; that may take as long as its sink likes.
pub(super) struct Line {
    /// Of the display that it goes to; `None`: nowhere.
    pub(super) kind: Option<Kind>,
    way: Way,
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    sink: gst::Element,
    bus: gst::Bus,
}

impl Line {
    /// Starts one. `frames`: what it will be sent; `made`: hears the X11 window that the sink makes, where it says so.
    ///
    /// # Errors
    /// When GStreamer lacks an element, or the sink doesn't start.
    pub(super) fn start(
        common: &Common,
        kind: Option<Kind>,
        sink: gst::Element,
        way: Way,
        frames: &gst::Caps,
        made: impl Fn(u32) + Send + Sync + 'static,
    ) -> Result<Self> {
        let source = gst_app::AppSrc::builder()
            .caps(frames)
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(QUEUE)
            .max_bytes(0)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        let between = match &way {
            Way::Processor(size) => by_processor(*size)?,
            Way::Gl(_) => gl::elements()?,
        };
        let mut elements = vec![source.clone().upcast()];
        elements.extend(between.iter().cloned());
        elements.push(sink.clone());
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(&elements)?;
        gst::Element::link_many(&elements)?;

        // A bare display's memory is slow to read: frames are looked at before they are written there.
        let is_read_there = kind != Some(Kind::Kms);
        look_at_sink(&sink, &common.counters, &common.seen, is_read_there)?;
        if !is_read_there {
            look_at_source(&source, &common.seen)?;
        }
        let window = match &way {
            Way::Processor(_) => None,
            Way::Gl(trial) => {
                gl::spare(
                    between.first().context("no elements")?,
                    trial,
                    &common.counters,
                    &common.seen,
                )?;
                Some(gl::window_size(&sink))
            }
        };
        window::forward(&between, window, common.events.clone(), common.turn)?;
        let bus = pipeline.bus().context("the pipeline has no bus")?;
        bus.set_sync_handler(move |_, message| {
            if let Some(window) = window_of(message) {
                made(window);
                return gst::BusSyncReply::Drop;
            }
            gst::BusSyncReply::Pass
        });
        pipeline.use_clock(Some(common.clock.as_gst()));
        // Our own base time: frames' times are then counted from there, whatever the sink takes to open.
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(nanoseconds(tick::nanos(common.base)));
        let line = Self {
            kind,
            way,
            pipeline,
            source,
            sink,
            bus,
        };
        line.pipeline
            .set_state(gst::State::Playing)
            .context("the output doesn't start")?;
        Ok(line)
    }

    /// Starts one that goes nowhere, at the same pace.
    ///
    /// # Errors
    /// As [`Line::start`].
    pub(super) fn nowhere(common: &Common, frames: &gst::Caps) -> Result<Self> {
        let sink = gst::ElementFactory::make("fakesink")
            .property("sync", true)
            .property("enable-last-sample", false)
            .build()?;
        Self::start(common, None, sink, Way::Processor(None), frames, |_| {})
    }

    /// Whether GL is in it.
    pub(super) fn is_by_gl(&self) -> bool {
        matches!(self.way, Way::Gl(_))
    }

    /// Where the frames end.
    pub(super) fn sink(&self) -> &gst::Element {
        &self.sink
    }

    /// Sends a frame. `standing`: for how many frames the picture has been the same.
    pub(super) fn push(&self, mut frame: gst::Buffer, standing: u32) {
        if self.is_by_gl() && gl::is_needless(standing) {
            frame.make_mut().set_flags(gst::BufferFlags::GAP);
        }
        // Fails only while the pipeline is being stopped or is in error, which `fault` tells.
        let _ = self.source.push_buffer(frame);
    }

    /// What frames are from now on.
    pub(super) fn set_frames(&self, caps: &gst::Caps) {
        self.source.set_caps(Some(caps));
    }

    /// Why it can't go on, if so.
    pub(super) fn fault(&self) -> Option<String> {
        while let Some(message) = self.bus.pop_filtered(&[gst::MessageType::Error]) {
            if let gst::MessageView::Error(error) = message.view() {
                return Some(error.error().to_string());
            }
        }
        None
    }

    /// Frames that the sink dropped as too late.
    pub(super) fn late(&self) -> u64 {
        if !self.sink.has_property("stats") {
            return 0;
        }
        let stats: gst::Structure = self.sink.property("stats");
        stats.get::<u64>("dropped").unwrap_or(0)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        self.bus.unset_sync_handler();
        if let Way::Gl(trial) = &self.way {
            trial.end();
        }
    }
}

/// The elements by which the processor makes frames fit.
fn by_processor(size: Option<(u32, u32)>) -> Result<Vec<gst::Element>> {
    let mut elements = vec![gst::ElementFactory::make("videoconvertscale").build()?];
    if let Some((width, height)) = size {
        let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
        let caps = gst::Caps::builder("video/x-raw")
            .field("width", side(width))
            .field("height", side(height))
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1));
        let filter = gst::ElementFactory::make("capsfilter").property("caps", caps.build());
        elements.push(filter.build()?);
    }
    Ok(elements)
}

pub(super) fn nanoseconds(nanos: i64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(u64::try_from(nanos).unwrap_or(0))
}

/// The X11 window that a sink says it has made (`gst_video_overlay_got_window_handle`).
fn window_of(message: &gst::MessageRef) -> Option<u32> {
    let structure = message.structure().filter(|it| it.name() == "have-window-handle")?;
    u32::try_from(structure.get::<u64>("window-handle").ok()?).ok()
}

/// Looks at each frame that goes into the sink. Of one that doesn't return from a frame, the next is none.
fn look_at_sink(sink: &gst::Element, counters: &Arc<Counters>, seen: &Arc<Seen>, has_pixels: bool) -> Result<()> {
    if sink.has_property("enable-last-sample") {
        sink.set_property("enable-last-sample", false);
    }
    let (counters, seen) = (Arc::clone(counters), Arc::clone(seen));
    let pad = sink.static_pad("sink").context("the sink has no pad")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        counters.leave();
        if let Some(buffer) = info.buffer() {
            let at = buffer.pts().unwrap_or_default().into();
            seen.arrive(at);
            if has_pixels {
                look_at_pixels(pad, buffer, &seen, at);
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Looks at the pixels of each frame that the stage gives away.
fn look_at_source(source: &gst_app::AppSrc, seen: &Arc<Seen>) -> Result<()> {
    let pad = source.static_pad("src").context("the source has no pad")?;
    let seen = Arc::clone(seen);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(buffer) = info.buffer() {
            look_at_pixels(pad, buffer, &seen, buffer.pts().unwrap_or_default().into());
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Looks at a frame's pixels, where they are in the system's memory.
pub(super) fn look_at_pixels(pad: &gst::Pad, buffer: &gst::BufferRef, seen: &Seen, at: Duration) {
    let Some(caps) = pad.current_caps() else { return };
    let is_ours = caps
        .features(0)
        .is_some_and(|it| it.contains(gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY));
    if is_ours
        && let Ok(info) = gst_video::VideoInfo::from_caps(&caps)
        && let Ok(frame) = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)
    {
        seen.look(&frame, at);
    }
}

/// How large the frames are that pass a pad, in pixels.
pub(super) fn size_at(pad: &gst::Pad) -> Option<(u32, u32)> {
    size_of(pad.current_caps()?.as_ref())
}

/// How large frames with these caps are, in pixels.
pub(super) fn size_of(caps: &gst::CapsRef) -> Option<(u32, u32)> {
    let structure = caps.structure(0)?;
    let side = |name: &str| u32::try_from(structure.get::<i32>(name).ok()?).ok();
    Some((side("width")?, side("height")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::clock::Skew;

    #[test]
    fn a_display_that_takes_one_size_is_given_that_with_the_picture_in_its_middle() {
        gst::init().expect("GStreamer");
        let (events, _heard) = crate::event::channel();
        let clock = Arc::new(Clock::new(Skew::default()));
        let common = Common {
            base: tick::at(clock.now()),
            clock,
            turn: Turn::Straight,
            counters: Arc::default(),
            seen: Arc::default(),
            events,
        };
        let frames = gst::Caps::builder("video/x-raw")
            .field("format", "BGRx")
            .field("width", 64)
            .field("height", 32)
            .field("framerate", gst::Fraction::new(30, 1))
            .build();
        // A display of the pixels that a bare one takes.
        let display = gst_app::AppSink::builder()
            .sync(false)
            .caps(&gst::Caps::builder("video/x-raw").field("format", "BGRx").build())
            .build();
        let sink: gst::Element = display.clone().upcast();
        let line = Line::start(
            &common,
            Some(Kind::Kms),
            sink,
            Way::Processor(Some((128, 128))),
            &frames,
            |_| {},
        )
        .expect("started");
        let mut frame = gst::Buffer::from_mut_slice(vec![255_u8; 64 * 32 * 4]);
        frame.get_mut().expect("ours").set_pts(gst::ClockTime::ZERO);
        line.push(frame, 0);
        let sample = display.pull_sample().expect("a frame");
        assert_eq!(sample.caps().and_then(size_of), Some((128, 128)));
        let map = sample.buffer().expect("pixels").map_readable().expect("read");
        let green = |x: usize, y: usize| map.as_slice()[(y * 128 + x) * 4 + 1];
        assert_eq!((green(64, 64), green(2, 64), green(125, 64)), (255, 255, 255));
        assert_eq!((green(64, 5), green(64, 122)), (0, 0), "bars above and below");
        assert_eq!((line.fault(), common.counters.left()), (None, 1));
    }
}
