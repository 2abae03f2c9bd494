//! The one permanent output pipeline: `appsrc ! videoconvertscale ! sink`. It is started once and never
//! stops; the picture's size may change while it runs.
//!
//! Invariant: a frame's memory is written only while nobody downstream holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::canvas::{Canvas, Region};
use super::capture::{self, Capture};
use super::power::Power;
use super::probe::Seen;
use super::window;
use crate::event::Sender;
use crate::sync::clock::Clock;
use crate::sync::tick;

/// Frames a second.
pub const RATE: u32 = 30;

/// From one frame to the next.
pub const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / RATE as u64);

/// Frames whose memory goes round. More than the queue and the sink can hold together.
const SLOTS: usize = 6;

/// Frames waiting for the sink. When full, the oldest is dropped: the stage never waits for the sink.
const QUEUE: u64 = 2;

/// How long a display that the environment names may take to be there. An X server that was just started,
/// or that starts anew because its last client left, takes no connection for a moment.
const DISPLAY_PATIENCE: Duration = Duration::from_secs(10);

/// From one try at the display to the next.
const DISPLAY_RETRY: Duration = Duration::from_millis(200);

/// The sinks whose display may be switched, in the order in which they are tried.
const X11_SINKS: [&str; 2] = ["xvimagesink", "ximagesink"];

/// Where the picture goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Target {
    /// A window where there is a display, nowhere otherwise.
    #[default]
    Auto,
    /// Nowhere, at the same pace.
    Headless,
}

/// Frames that left, and that didn't.
#[derive(Debug, Default)]
pub struct Counters {
    left: AtomicU64,
    skipped: AtomicU64,
}

impl Counters {
    /// Frames that reached the sink.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Ticks that passed without a frame.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

struct Slot {
    buffer: gst::Buffer,
    /// What changed since this memory was last written.
    missing: Region,
}

/// The running output.
pub struct Output {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    sink: gst::Element,
    clock: Arc<Clock>,
    base: i64,
    bus: gst::Bus,
    slots: Vec<Slot>,
    shown: Option<usize>,
    next_tick: u64,
    counters: Arc<Counters>,
    seen: Arc<Seen>,
    /// Where there is a display of which something is known.
    power: Option<Power>,
}

impl Output {
    /// Starts the pipeline, which runs by `clock`. Touches in a window are sent to `events`.
    ///
    /// # Errors
    /// When GStreamer lacks an element or the sink can't be opened.
    pub fn start(
        target: Target,
        canvas: &Canvas,
        events: Sender,
        capture: Option<&Capture>,
        clock: Arc<Clock>,
    ) -> Result<Self> {
        gst::init().context("GStreamer")?;
        let sink = open_sink(target)?;
        let is_x11 = sink
            .factory()
            .is_some_and(|made| X11_SINKS.contains(&made.name().as_str()));
        let power = is_x11.then(Power::of_display).flatten();
        let source = gst_app::AppSrc::builder()
            .caps(&caps(canvas)?)
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(QUEUE)
            .max_bytes(0)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        let convert = gst::ElementFactory::make("videoconvertscale").build()?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), &convert, &sink])?;
        gst::Element::link_many([source.upcast_ref(), &convert, &sink])?;

        let counters = Arc::new(Counters::default());
        count_frames(&sink, &counters)?;
        let seen = Arc::new(Seen::default());
        look_at_frames(&source, &seen)?;
        window::forward(&source, events)?;
        if let Some(capture) = capture {
            // The machine's own clock, which all players on it have in common, and nobody steers.
            capture::start(&sink, &gst::SystemClock::obtain(), capture)?;
        }
        pipeline.use_clock(Some(clock.as_gst()));
        let bus = pipeline.bus().context("the pipeline has no bus")?;
        // Our own base time: frames' times are then counted from here, whatever the sink takes to open. A tick of the clock,
        // so that screens whose clocks agree change their frames together.
        let base = tick::at(clock.now());
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(nanoseconds(tick::nanos(base)));
        pipeline
            .set_state(gst::State::Playing)
            .context("the output doesn't start")?;
        Ok(Self {
            slots: slots(canvas),
            shown: None,
            next_tick: 0,
            pipeline,
            source,
            sink,
            clock,
            base,
            bus,
            counters,
            seen,
            power,
        })
    }

    /// The tick of the clock from which frames' times are counted.
    #[must_use]
    pub fn base(&self) -> i64 {
        self.base
    }

    /// From now on black is what is meant, or isn't: a display that can be switched is.
    pub fn set_dark(&mut self, is_dark: bool) {
        self.seen.expect_dark(is_dark);
        if let Some(power) = &mut self.power {
            power.set_off(is_dark);
        }
    }

    /// The frames' counters.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Whether the output itself tells of touches: X11's windows do; Wayland's, and no window, don't.
    #[must_use]
    pub fn hears_touches(&self) -> bool {
        let name = self.sink.factory().map(|factory| factory.name().to_string());
        name.is_some_and(|name| matches!(name.as_str(), "xvimagesink" | "ximagesink"))
    }

    /// What the frames looked like.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Frames that were skipped here or dropped by the sink as too late.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let late = if self.sink.has_property("stats") {
            let stats: gst::Structure = self.sink.property("stats");
            stats.get::<u64>("dropped").unwrap_or(0)
        } else {
            0
        };
        self.counters.skipped() + late
    }

    /// Waits for the next tick by the pipeline's clock. Returns when (since the start) the frame to be
    /// drawn now will be shown: one period ahead. Ticks that passed meanwhile are skipped and counted.
    pub fn wait(&mut self) -> Duration {
        let now = self.running_time();
        let due = now.as_nanos() as u64 / PERIOD.as_nanos() as u64;
        if due > self.next_tick {
            // The first frame is not late, the pipeline was just started.
            if self.next_tick > 0 {
                self.counters.skipped.fetch_add(due - self.next_tick, Ordering::Relaxed);
            }
            self.next_tick = due;
        }
        let at = tick_time(self.next_tick);
        let base = nanoseconds(tick::nanos(self.base));
        let wake = base + gst::ClockTime::try_from(at).unwrap_or(gst::ClockTime::ZERO);
        // An unscheduled or early wait only means an early frame; its timestamp stays right.
        let _ = self.clock.as_gst().new_single_shot_id(wake).wait();
        self.next_tick += 1;
        tick_time(self.next_tick)
    }

    /// Sends the canvas, of which `changed` differs from the last time, to be shown at `at`.
    pub fn push(&mut self, canvas: &Canvas, changed: &Region, at: Duration) {
        for slot in &mut self.slots {
            slot.missing.add_all(changed);
        }
        let current = self.shown.filter(|index| self.slots[*index].missing.is_empty());
        let Some(index) = current.or_else(|| self.write_free_slot(canvas)) else {
            self.counters.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.shown = Some(index);
        // The copy shares the slot's memory and has its own timestamp.
        let mut frame = self.slots[index].buffer.copy();
        if let Some(frame) = frame.get_mut() {
            frame.set_pts(gst::ClockTime::try_from(at).ok());
            frame.set_duration(gst::ClockTime::try_from(PERIOD).ok());
        }
        // Fails only while the pipeline is being stopped or is in error, which `fault` tells.
        let _ = self.source.push_buffer(frame);
    }

    /// Goes on with another size.
    ///
    /// # Errors
    /// When the size can't be a video's.
    pub fn resize(&mut self, canvas: &Canvas) -> Result<()> {
        self.source.set_caps(Some(&caps(canvas)?));
        self.slots = slots(canvas);
        self.shown = None;
        Ok(())
    }

    /// Why the pipeline can't go on, if so.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        while let Some(message) = self.bus.pop_filtered(&[gst::MessageType::Error]) {
            if let gst::MessageView::Error(error) = message.view() {
                return Some(error.error().to_string());
            }
        }
        None
    }

    fn running_time(&self) -> Duration {
        let passed = self.clock.now().saturating_sub(tick::nanos(self.base));
        Duration::from_nanos(u64::try_from(passed).unwrap_or(0))
    }

    /// Brings a slot up to date that nobody downstream holds.
    fn write_free_slot(&mut self, canvas: &Canvas) -> Option<usize> {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !slot.buffer.is_all_memory_writable() {
                continue;
            }
            let Some(buffer) = slot.buffer.get_mut() else { continue };
            let Ok(mut map) = buffer.map_writable() else { continue };
            for area in slot.missing.iter() {
                canvas.write_to(map.as_mut_slice(), area);
            }
            drop(map);
            slot.missing.clear();
            return Some(index);
        }
        None
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn nanoseconds(nanos: i64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(u64::try_from(nanos).unwrap_or(0))
}

fn tick_time(tick: u64) -> Duration {
    Duration::from_nanos(tick.saturating_mul(1_000_000_000) / u64::from(RATE))
}

fn caps(canvas: &Canvas) -> Result<gst::Caps> {
    let rate = i32::try_from(RATE).unwrap_or(30);
    Ok(
        gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgrx, canvas.width(), canvas.height())
            .fps(gst::Fraction::new(rate, 1))
            .build()?
            .to_caps()?,
    )
}

fn slots(canvas: &Canvas) -> Vec<Slot> {
    let whole = |_| {
        let mut missing = Region::default();
        missing.add(canvas.bounds());
        let buffer = gst::Buffer::from_mut_slice(vec![255_u8; canvas.bytes().len()]);
        Slot { buffer, missing }
    };
    (0..SLOTS).map(whole).collect()
}

fn open_sink(target: Target) -> Result<gst::Element> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let candidates: &[&str] = match target {
        Target::Headless => &[],
        Target::Auto if is_set("WAYLAND_DISPLAY") => &["waylandsink"],
        Target::Auto if is_set("DISPLAY") => &X11_SINKS,
        Target::Auto => &[],
    };
    let begun = Instant::now();
    while !candidates.is_empty() {
        if let Some(sink) = candidates.iter().find_map(|name| open_display(name)) {
            return Ok(sink);
        }
        if begun.elapsed() > DISPLAY_PATIENCE {
            tracing::warn!("the display can't be opened; playing without a window");
            break;
        }
        std::thread::sleep(DISPLAY_RETRY);
    }
    Ok(gst::ElementFactory::make("fakesink")
        .property("sync", true)
        .property("enable-last-sample", false)
        .build()?)
}

/// A window's sink, if its display takes it.
fn open_display(name: &str) -> Option<gst::Element> {
    let sink = gst::ElementFactory::make(name).build().ok()?;
    // Ready opens the display: a server without the extension is told apart here.
    if sink.set_state(gst::State::Ready).is_err() {
        let _ = sink.set_state(gst::State::Null);
        return None;
    }
    tracing::info!(sink = name, "the picture goes to a window");
    Some(sink)
}

fn count_frames(sink: &gst::Element, counters: &Arc<Counters>) -> Result<()> {
    if sink.has_property("enable-last-sample") {
        sink.set_property("enable-last-sample", false);
    }
    let counters = Arc::clone(counters);
    let pad = sink.static_pad("sink").context("the sink has no pad")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counters.left.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Looks at each frame that the stage gives away.
fn look_at_frames(source: &gst_app::AppSrc, seen: &Arc<Seen>) -> Result<()> {
    let pad = source.static_pad("src").context("the source has no pad")?;
    let seen = Arc::clone(seen);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let size = pad.current_caps().and_then(|caps| {
            let structure = caps.structure(0)?;
            let side = |name: &str| u32::try_from(structure.get::<i32>(name).ok()?).ok();
            Some((side("width")?, side("height")?))
        });
        if let (Some(size), Some(buffer)) = (size, info.buffer())
            && let Ok(map) = buffer.map_readable()
        {
            let at = buffer.pts().unwrap_or_default().into();
            seen.look(map.as_slice(), size, at);
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}
