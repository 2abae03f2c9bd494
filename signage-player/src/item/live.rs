//! A live picture: the newest frame is shown as it comes, for as long as the item says.

use std::time::Duration;

use super::decoder::Decoder;
use super::{Fault, Frame, Item, Turn};

/// A live picture that gives no frame for so long is taken as lost.
const STALL: Duration = Duration::from_secs(3);

/// A live picture.
pub struct Live {
    /// Gone once nobody looks.
    decoder: Option<Decoder>,
    first: Option<Frame>,
    duration: Duration,
    started: Duration,
    /// When the last frame came, by the stage's clock.
    moved: Duration,
}

impl Live {
    /// A live picture from a decoder that was just connected, to be shown for so long.
    #[must_use]
    pub fn new(decoder: Decoder, duration: Duration) -> Self {
        Self {
            decoder: Some(decoder),
            first: None,
            duration,
            started: Duration::ZERO,
            moved: Duration::ZERO,
        }
    }

    fn newest(&self) -> Option<Frame> {
        self.decoder.as_ref()?.next_frame().map(|timed| timed.frame)
    }
}

impl Item for Live {
    fn is_ready(&mut self) -> Result<bool, Fault> {
        let newest = self.newest();
        self.first = newest.or_else(|| self.first.take());
        let fault = self.decoder.as_ref().and_then(Decoder::fault);
        match fault {
            Some(fault) => Err(fault),
            None if self.decoder.as_ref().is_none_or(Decoder::is_at_end) => Err("it has ended".to_owned()),
            None => Ok(self.first.is_some()),
        }
    }

    fn start(&mut self, now: Duration) -> Option<Frame> {
        (self.started, self.moved) = (now, now);
        if let Some(decoder) = &self.decoder {
            decoder.play();
        }
        self.newest().or_else(|| self.first.take())
    }

    fn turn(&mut self, now: Duration) -> Turn {
        let Some(decoder) = &self.decoder else {
            return Turn::Over(Ok(()));
        };
        if now.saturating_sub(self.started) >= self.duration {
            return Turn::Over(Ok(()));
        }
        if let Some(frame) = self.newest() {
            self.moved = now;
            return Turn::Frame(frame);
        }
        if let Some(fault) = decoder.fault() {
            return Turn::Over(Err(fault));
        }
        if decoder.is_at_end() {
            return Turn::Over(Ok(()));
        }
        if now.saturating_sub(self.moved) >= STALL {
            return Turn::Over(Err(format!("no new picture for {} s", STALL.as_secs())));
        }
        Turn::Same
    }

    fn remaining(&self, now: Duration) -> Option<Duration> {
        Some(self.duration.saturating_sub(now.saturating_sub(self.started)))
    }

    fn seat(&mut self, now: Duration, position: Duration) {
        self.started = now.saturating_sub(position);
    }

    /// What is live can't stand still: it is left, and its turn is over when somebody looks again.
    fn pause(&mut self, _now: Duration) {
        self.decoder = None;
    }

    fn resume(&mut self, _now: Duration) {}
}
