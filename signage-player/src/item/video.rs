//! A video: its frames are shown when their timestamps are due by the stage's clock.

use std::time::Duration;

use super::decoder::{Decoder, Timed};
use super::{Fault, Frame, Item, Turn};
use crate::sound::ducking::Ducking;
use crate::stage::output::PERIOD;

/// A video that gives no frame for so long is taken as broken.
const STALL: Duration = Duration::from_secs(3);

/// A video that ends so much before the end that its file states is taken as broken.
const EARLY: Duration = Duration::from_secs(1);

/// A video.
pub struct Video {
    decoder: Decoder,
    ducking: Ducking,
    first: Option<Timed>,
    /// Decoded, not due yet.
    waiting: Option<Timed>,
    started: Duration,
    /// How far it was when it started.
    skipped: Duration,
    paused: Option<Duration>,
    stated: Option<Duration>,
    /// When the frame on show ends, from the start.
    ends: Duration,
    /// Until when there was a frame to show, or none due, by the stage's clock.
    moved: Duration,
    is_muted: bool,
}

impl Video {
    /// A video from a decoder that was just opened, as loud as `ducking` says.
    #[must_use]
    pub fn new(decoder: Decoder, ducking: Ducking) -> Self {
        Self {
            decoder,
            ducking,
            first: None,
            waiting: None,
            started: Duration::ZERO,
            skipped: Duration::ZERO,
            paused: None,
            stated: None,
            ends: Duration::ZERO,
            moved: Duration::ZERO,
            is_muted: false,
        }
    }

    fn show(&mut self, timed: Timed, now: Duration) -> Frame {
        self.ends = timed.at + timed.duration.unwrap_or(PERIOD);
        self.moved = now;
        timed.frame
    }

    /// The last frame that is due. A frame counts as due half a period early, so that a video at the
    /// stage's own rate neither doubles nor skips frames by rounding.
    fn due(&mut self, now: Duration) -> Option<Timed> {
        let limit = self.shown(now) + PERIOD / 2;
        let mut last = None;
        loop {
            let Some(timed) = self.waiting.take().or_else(|| self.decoder.next_frame()) else {
                return last;
            };
            if timed.at > limit {
                self.waiting = Some(timed);
                return last;
            }
            last = Some(timed);
        }
    }

    /// How far it is at `now`.
    fn shown(&self, now: Duration) -> Duration {
        now.saturating_sub(self.started) + self.skipped
    }

    fn end(&self) -> Result<(), Fault> {
        match self.stated {
            Some(stated) if self.ends + EARLY < stated => Err(format!(
                "it ends after {:.1} s of {:.1} s",
                self.ends.as_secs_f64(),
                stated.as_secs_f64()
            )),
            _ => Ok(()),
        }
    }
}

impl Item for Video {
    fn is_ready(&mut self) -> Result<bool, Fault> {
        if self.first.is_none() {
            self.first = self.decoder.first_frame();
        }
        if self.first.is_some() {
            return Ok(true);
        }
        match self.decoder.fault() {
            Some(fault) => Err(fault),
            None if self.decoder.is_at_end() => Err("there is no picture in it".to_owned()),
            None => Ok(false),
        }
    }

    fn start(&mut self, now: Duration) -> Option<Frame> {
        self.decoder.set_gain(self.ducking.gain(now));
        self.stated = self.decoder.duration();
        self.decoder.play();
        let first = self.first.take()?;
        // The first frame is shown now, whatever time it carries.
        self.started = now.saturating_sub(first.at);
        Some(self.show(first, now))
    }

    fn turn(&mut self, now: Duration) -> Turn {
        let gain = if self.is_muted { 0.0 } else { self.ducking.gain(now) };
        self.decoder.set_gain(gain);
        if let Some(timed) = self.due(now) {
            return Turn::Frame(self.show(timed, now));
        }
        if self.waiting.is_some() {
            self.moved = now;
            return Turn::Same;
        }
        if let Some(fault) = self.decoder.fault() {
            return Turn::Over(Err(fault));
        }
        if self.decoder.is_at_end() {
            let is_over = self.shown(now) + PERIOD / 2 >= self.ends;
            return if is_over { Turn::Over(self.end()) } else { Turn::Same };
        }
        if self.late(now) >= STALL {
            return Turn::Over(Err(format!("no new picture for {} s", STALL.as_secs())));
        }
        Turn::Same
    }

    fn remaining(&self, now: Duration) -> Option<Duration> {
        Some(self.stated?.saturating_sub(self.shown(now)))
    }

    fn late(&self, now: Duration) -> Duration {
        if self.paused.is_some() || self.decoder.is_at_end() {
            return Duration::ZERO;
        }
        // The frame on show is there until it ends.
        let due = self.started + self.ends.saturating_sub(self.skipped);
        now.saturating_sub(self.moved.max(due))
    }

    fn is_film(&self) -> bool {
        true
    }

    fn mute(&mut self) {
        self.is_muted = true;
    }

    fn seat(&mut self, now: Duration, position: Duration) {
        (self.started, self.skipped) = (now, position);
    }

    fn pause(&mut self, now: Duration) {
        self.paused = Some(now);
        self.decoder.pause();
    }

    fn resume(&mut self, now: Duration) {
        if let Some(paused) = self.paused.take() {
            self.started += now.saturating_sub(paused);
            self.moved = now;
            self.decoder.play();
        }
    }
}
