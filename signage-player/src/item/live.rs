//! A live picture: the newest frame is shown as it comes, for as long as the item says.

use std::time::Duration;

use super::{Fault, Frame, Item, Turn};
use crate::live::crossing::Crossing;

/// A live picture that gives no frame for so long is taken as lost.
const STALL: Duration = Duration::from_secs(3);

/// A live picture.
pub struct Live {
    /// Gone once nobody looks.
    crossing: Option<Crossing>,
    first: Option<Frame>,
    duration: Duration,
    started: Duration,
    /// When the last frame came, by the stage's clock.
    moved: Duration,
}

impl Live {
    /// A live picture whose process was just started, to be shown for so long.
    #[must_use]
    pub fn new(crossing: Crossing, duration: Duration) -> Self {
        Self {
            crossing: Some(crossing),
            first: None,
            duration,
            started: Duration::ZERO,
            moved: Duration::ZERO,
        }
    }

    fn newest(&mut self) -> Option<Frame> {
        self.crossing.as_mut()?.newest()
    }

    fn end(&mut self) -> Option<Result<(), Fault>> {
        self.crossing.as_mut().map_or(Some(Ok(())), Crossing::end)
    }
}

impl Item for Live {
    fn is_ready(&mut self) -> Result<bool, Fault> {
        let newest = self.newest();
        self.first = newest.or_else(|| self.first.take());
        match self.end() {
            Some(Err(fault)) => Err(fault),
            Some(Ok(())) => Err("it has ended".to_owned()),
            None => Ok(self.first.is_some()),
        }
    }

    fn start(&mut self, now: Duration) -> Option<Frame> {
        (self.started, self.moved) = (now, now);
        self.newest().or_else(|| self.first.take())
    }

    fn turn(&mut self, now: Duration) -> Turn {
        if self.crossing.is_none() || now.saturating_sub(self.started) >= self.duration {
            return Turn::Over(Ok(()));
        }
        if let Some(frame) = self.newest() {
            self.moved = now;
            return Turn::Frame(frame);
        }
        if let Some(end) = self.end() {
            return Turn::Over(end);
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
        self.crossing = None;
    }

    fn resume(&mut self, _now: Duration) {}
}
