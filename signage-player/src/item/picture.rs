//! A picture: decoded once, stands for its time.

use std::time::Duration;

use super::decoder::Decoder;
use super::{Fault, Frame, Item, Turn};

/// The shortest time that a picture stands: nothing flashes.
pub(super) const SHORTEST: Duration = Duration::from_millis(500);

/// A picture.
pub struct Picture {
    /// Gone once the picture is there.
    decoder: Option<Decoder>,
    first: Option<Frame>,
    duration: Duration,
    started: Duration,
    /// How far it was when it started.
    skipped: Duration,
    paused: Option<Duration>,
}

impl Picture {
    /// A picture from a decoder that was just opened.
    #[must_use]
    pub fn new(decoder: Decoder, duration: Duration) -> Self {
        Self {
            decoder: Some(decoder),
            first: None,
            duration: duration.max(SHORTEST),
            started: Duration::ZERO,
            skipped: Duration::ZERO,
            paused: None,
        }
    }
}

impl Item for Picture {
    fn is_ready(&mut self) -> Result<bool, Fault> {
        let Some(decoder) = &self.decoder else { return Ok(true) };
        if let Some(timed) = decoder.first_frame() {
            self.first = Some(timed.frame);
            self.decoder = None;
            return Ok(true);
        }
        match decoder.fault() {
            Some(fault) => Err(fault),
            None if decoder.is_at_end() => Err("there is no picture in it".to_owned()),
            None => Ok(false),
        }
    }

    fn start(&mut self, now: Duration) -> Option<Frame> {
        self.started = now;
        self.first.take()
    }

    fn turn(&mut self, now: Duration) -> Turn {
        if self.remaining(now) == Some(Duration::ZERO) {
            Turn::Over(Ok(()))
        } else {
            Turn::Same
        }
    }

    fn remaining(&self, now: Duration) -> Option<Duration> {
        let shown = now.saturating_sub(self.started) + self.skipped;
        Some(self.duration.saturating_sub(shown))
    }

    fn seat(&mut self, now: Duration, position: Duration) {
        (self.started, self.skipped) = (now, position);
    }

    fn pause(&mut self, now: Duration) {
        self.paused = Some(now);
    }

    fn resume(&mut self, now: Duration) {
        if let Some(paused) = self.paused.take() {
            self.started += now.saturating_sub(paused);
        }
    }
}
