//! The output: slots of memory that go round, and the line that takes their frames to the display, or nowhere while there is
//! none. It is started once and never stops; the picture's size may change while it runs, and displays may come and go.
//!
//! Invariant: a frame's memory is written only while nobody downstream holds it.

use std::sync::atomic::Ordering;
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use protocol::config::{self, OutputBy};

use super::canvas::{Canvas, Region};
use super::capture::{self, Capture};
use super::display::choice::Kind;
use super::display::seeker::{self, Displays, News, Word};
use super::gl::Gl;
use super::gl::trial::Trials;
pub use super::line::Counters;
use super::line::{Common, Line, nanoseconds};
use super::power::Power;
use super::probe::{Seen, Shown};
use super::turn::Turn;
use crate::event::Sender;
use crate::faults::Faults;
use crate::sync::clock::Clock;
use crate::sync::tick;

/// Frames a second.
pub const RATE: u32 = 30;

/// From one frame to the next.
pub const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / RATE as u64);

/// Frames whose memory goes round. More than the queue and the sink can hold together.
const SLOTS: usize = 6;

/// How long the first frame waits for a display. One that comes later is taken then.
const FIRST: Duration = Duration::from_secs(3);

struct Slot {
    buffer: gst::Buffer,
    /// What changed since this memory was last written.
    missing: Region,
}

/// The running output.
pub struct Output {
    line: Line,
    common: Common,
    frames: gst::Caps,
    /// None: it goes nowhere, for good.
    displays: Option<Displays>,
    slots: Vec<Slot>,
    shown: Option<usize>,
    /// For how many frames it has been the same.
    standing: u32,
    next_tick: u64,
    /// Black is what is meant.
    is_meant_dark: bool,
    /// What displays were told of that last.
    is_dark: bool,
    power: Option<Power>,
    faults: [Faults; 3],
}

impl Output {
    /// Starts it, by `clock`. Touches in a window are sent to `events`. `capture`: only where it goes nowhere; `trials`: what is
    /// known of this screen's GL.
    ///
    /// # Errors
    /// When GStreamer lacks an element. A display that isn't there is no error: it is looked for, and `faults` says so.
    pub fn start(
        wanted: &config::Output,
        canvas: &Canvas,
        events: Sender,
        capture: Option<&Capture>,
        clock: Arc<Clock>,
        trials: Trials,
    ) -> Result<Self> {
        gst::init().context("GStreamer")?;
        let turn = Turn::of_degrees(*wanted.rotate.get_ref());
        let frames = caps(canvas, turn)?;
        let common = Common {
            // A tick of the clock, so that screens whose clocks agree change their frames together.
            base: tick::at(clock.now()),
            clock,
            turn,
            counters: Arc::default(),
            seen: Arc::default(),
            events,
        };
        let faults = [Faults::default(), Faults::default(), Faults::default()];
        let line = Line::nowhere(&common, &frames)?;
        if let Some(capture) = capture {
            // The machine's own clock, which all players on it have in common, and nobody steers.
            capture::start(line.sink(), &gst::SystemClock::obtain(), capture)?;
        }
        let mut output = Self {
            line,
            displays: None,
            slots: slots(canvas),
            shown: None,
            standing: 0,
            next_tick: 0,
            is_meant_dark: false,
            is_dark: false,
            power: Power::of(wanted, seeker::kind(wanted.by), faults[1].clone()),
            common,
            frames,
            faults,
        };
        if wanted.by != OutputBy::None {
            let displays = seeker::start(
                wanted,
                output.common.clone(),
                output.frames.clone(),
                output.faults[0].clone(),
                Gl::new(*wanted.gl.get_ref(), trials, output.faults[2].clone()),
            )?;
            let first = displays.news.recv_timeout(FIRST);
            output.displays = Some(displays);
            if let Ok(news) = first {
                output.take(news, canvas)?;
            }
        }
        Ok(output)
    }

    /// Takes what the seeker has found, or lost.
    ///
    /// # Errors
    /// When not even a line to nowhere can be made.
    pub fn attend(&mut self, canvas: &Canvas) -> Result<()> {
        while let Some(news) = self.displays.as_ref().and_then(|it| it.news.try_recv().ok()) {
            self.take(news, canvas)?;
        }
        if let Some(fault) = self.line.fault() {
            anyhow::ensure!(self.line.kind.is_some(), "the output ended: {fault}");
            let nowhere = Line::nowhere(&self.common, &self.frames)?;
            self.exchange(nowhere, Some(fault), canvas);
        }
        Ok(())
    }

    fn take(&mut self, news: News, canvas: &Canvas) -> Result<()> {
        match news {
            News::Found(line) => {
                // It may have been another size when it was made.
                line.set_frames(&self.frames);
                self.exchange(line, None, canvas);
            }
            News::Leave if self.line.kind.is_some() => {
                let nowhere = Line::nowhere(&self.common, &self.frames)?;
                self.exchange(nowhere, None, canvas);
            }
            News::Leave | News::Nothing => {}
        }
        Ok(())
    }

    /// Goes on with another line. What the one before still holds of the slots' memory is left to it.
    fn exchange(&mut self, line: Line, fault: Option<String>, canvas: &Canvas) {
        let before = std::mem::replace(&mut self.line, line);
        self.slots = slots(canvas);
        self.shown = None;
        let Some(displays) = &self.displays else { return };
        // The seeker ends lines, which may take long. It isn't so far behind that its queue is full, unless a display's
        // driver hangs: then so does what it has.
        if let Err(TrySendError::Full(word) | TrySendError::Disconnected(word)) =
            displays.words.try_send(Word::Left(before, fault))
        {
            std::mem::forget(word);
        }
    }

    /// The tick of the clock from which frames' times are counted.
    #[must_use]
    pub fn base(&self) -> i64 {
        self.common.base
    }

    /// From now on black is what is meant, or isn't: a display that can be switched is.
    pub fn set_dark(&mut self, is_dark: bool) {
        self.is_meant_dark = is_dark;
        if let Some(power) = &mut self.power {
            power.set_off(is_dark);
        }
        if let Some(displays) = self.displays.as_ref().filter(|_| self.is_dark != is_dark)
            && displays.words.try_send(Word::Dark(is_dark)).is_ok()
        {
            self.is_dark = is_dark;
        }
    }

    /// What is wrong with the display now.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.faults.iter().flat_map(Faults::all).collect()
    }

    /// The frames' counters.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.common.counters)
    }

    /// What the frames looked like.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.common.seen
    }

    /// Frames that were skipped here or dropped by the sink as too late.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.common.counters.skipped() + self.line.late()
    }

    /// Waits for the next tick by the pipeline's clock. Returns when (since the start) the frame to be
    /// drawn now will be shown: one period ahead. Ticks that passed meanwhile are skipped and counted.
    pub fn wait(&mut self) -> Duration {
        let now = self.running_time();
        let due = now.as_nanos() as u64 / PERIOD.as_nanos() as u64;
        if due > self.next_tick {
            // The first frame is not late, the pipeline was just started.
            if self.next_tick > 0 {
                self.common
                    .counters
                    .skipped
                    .fetch_add(due - self.next_tick, Ordering::Relaxed);
            }
            self.next_tick = due;
        }
        let at = tick_time(self.next_tick);
        let base = nanoseconds(tick::nanos(self.common.base));
        let wake = base + gst::ClockTime::try_from(at).unwrap_or(gst::ClockTime::ZERO);
        // An unscheduled or early wait only means an early frame; its timestamp stays right.
        let _ = self.common.clock.as_gst().new_single_shot_id(wake).wait();
        self.next_tick += 1;
        tick_time(self.next_tick)
    }

    /// Sends the canvas, of which `changed` differs from the last time, to be shown at `at`. `films`: which zones' films are on
    /// it, and how far each is ([`Shown`]).
    pub fn push(&mut self, canvas: &Canvas, changed: &Region, at: Duration, films: Vec<(usize, u64)>) {
        for slot in &mut self.slots {
            slot.missing.add_all(changed);
        }
        let current = self.shown.filter(|index| self.slots[*index].missing.is_empty());
        let Some(index) = current.or_else(|| self.write_free_slot(canvas)) else {
            self.common.counters.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.shown = Some(index);
        self.standing = if current.is_some() {
            self.standing.saturating_add(1)
        } else {
            0
        };
        // The copy shares the slot's memory and has its own timestamp.
        let mut frame = self.slots[index].buffer.copy();
        if let Some(frame) = frame.get_mut() {
            frame.set_pts(gst::ClockTime::try_from(at).ok());
            frame.set_duration(gst::ClockTime::try_from(PERIOD).ok());
        }
        self.common.seen.send(Shown {
            at,
            is_dark: self.is_meant_dark,
            films,
        });
        self.line.push(frame, self.standing);
    }

    /// Goes on with another size.
    ///
    /// # Errors
    /// When the size can't be a video's.
    pub fn resize(&mut self, canvas: &Canvas) -> Result<()> {
        self.frames = caps(canvas, self.common.turn)?;
        self.line.set_frames(&self.frames);
        if let Some(displays) = &self.displays {
            displays
                .frames
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(&self.frames);
        }
        self.slots = slots(canvas);
        self.shown = None;
        Ok(())
    }

    fn running_time(&self) -> Duration {
        let passed = self.common.clock.now().saturating_sub(tick::nanos(self.common.base));
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
                self.common.turn.write(canvas, map.as_mut_slice(), area);
            }
            drop(map);
            slot.missing.clear();
            return Some(index);
        }
        None
    }
}

/// Whether a display of the office's wish tells of touches itself: X11's windows do; Wayland's and bare displays don't.
#[must_use]
pub fn hears_touches(wanted: &config::Output) -> bool {
    seeker::kind(wanted.by) == Some(Kind::X11)
}

fn tick_time(tick: u64) -> Duration {
    Duration::from_nanos(tick.saturating_mul(1_000_000_000) / u64::from(RATE))
}

fn caps(canvas: &Canvas, turn: Turn) -> Result<gst::Caps> {
    let rate = i32::try_from(RATE).unwrap_or(30);
    let (width, height) = turn.frame((canvas.width(), canvas.height()));
    Ok(
        gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgrx, width, height)
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
