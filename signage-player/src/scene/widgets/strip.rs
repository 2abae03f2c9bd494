//! An endless strip that moves past a zone at constant speed, cut into parts that are drawn shortly before they come in
//! and forgotten when they have gone out: a strip of any length costs the same.
//!
//! Invariant: the place of every piece follows from the time alone, rounded to a whole pixel; no error adds up.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;

use crate::scene::layer::Layer;

/// After so long without being drawn the strip starts anew instead of catching up.
const PAUSE: Duration = Duration::from_secs(10);

/// What a part becomes: pieces one behind the other.
pub(super) struct Piece {
    /// `None`: empty space.
    pub(super) layer: Option<Layer>,
    /// Pixels along the way.
    pub(super) length: u32,
}

struct Tile {
    /// Where it begins on the strip, in pixels.
    from: i64,
    length: i64,
    layer: Layer,
}

/// How far a strip has moved after `elapsed` at `speed` pixels a second, in whole pixels.
fn offset(speed: u32, elapsed: Duration) -> i64 {
    // 2^53 pixels at 1000 a second last 285,000 years.
    (f64::from(speed) * elapsed.as_secs_f64()).round() as i64
}

/// The strip.
pub(super) struct Strip {
    /// The zone's length along the way, in pixels.
    room: i64,
    /// Parts are drawn so many pixels before they come in.
    ahead: i64,
    /// Pixels a second.
    speed: u32,
    tiles: VecDeque<Tile>,
    /// The next part to draw.
    next: usize,
    /// Where it begins on the strip.
    end: i64,
    /// Where this round's last part ends on the strip, once that is known.
    round: Option<i64>,
    started: Option<Duration>,
    moved_at: Duration,
    /// The strip's pixel at the zone's edge where things go out.
    offset: i64,
    has_moved: bool,
}

impl Strip {
    pub(super) fn new(room: u32, ahead: i64, speed: u32) -> Self {
        Self {
            room: i64::from(room),
            ahead,
            speed,
            tiles: VecDeque::new(),
            next: 0,
            end: 0,
            round: None,
            started: None,
            moved_at: Duration::ZERO,
            offset: 0,
            has_moved: false,
        }
    }

    /// The next move begins from the start.
    pub(super) fn restart(&mut self) {
        self.started = None;
    }

    /// Begins from the start, as if it had begun at `at`.
    pub(super) fn restart_at(&mut self, at: Duration) {
        self.started = Some(at);
        self.moved_at = at;
        self.begin();
    }

    fn begin(&mut self) {
        self.tiles.clear();
        self.next = 0;
        self.round = None;
        // The first part comes in at the far edge.
        self.end = self.room;
    }

    /// When all of this round will have gone out, and the next one comes in; `None`: not known yet.
    pub(super) fn round_ends(&self) -> Option<Duration> {
        let seconds = self.round? as f64 / f64::from(self.speed.max(1));
        Some(self.started? + Duration::from_secs_f64(seconds.max(0.0)))
    }

    /// Moves to its place at `now` and draws what comes in soon, of `parts` parts that come round and round. Whether
    /// anything changed. A part that can't be drawn is left out.
    pub(super) fn move_to(
        &mut self,
        now: Duration,
        parts: usize,
        mut draw: impl FnMut(usize) -> Result<Vec<Piece>>,
    ) -> bool {
        let started = match self.started {
            Some(started) if now.saturating_sub(self.moved_at) < PAUSE => started,
            _ => {
                self.started = Some(now);
                self.begin();
                now
            }
        };
        self.moved_at = now;
        let offset = offset(self.speed, now.saturating_sub(started));
        if std::mem::replace(&mut self.has_moved, true) && offset == self.offset {
            return false;
        }
        self.offset = offset;
        while self.end < self.offset + self.room + self.ahead && parts > 0 {
            match draw(self.next) {
                Ok(pieces) => self.push(pieces),
                Err(error) => {
                    tracing::warn!("a part of the moving text is left out: {error:#}");
                    self.end += 1;
                }
            }
            self.next += 1;
            if self.next == parts {
                self.next = 0;
                self.round = self.round.filter(|round| self.offset < *round).or(Some(self.end));
                // Between the end and the next beginning the zone is empty once.
                self.end += self.room;
            }
        }
        let offset = self.offset;
        while self.tiles.front().is_some_and(|tile| tile.from + tile.length <= offset) {
            self.tiles.pop_front();
        }
        true
    }

    fn push(&mut self, pieces: Vec<Piece>) {
        for Piece { layer, length } in pieces {
            let length = i64::from(length);
            if let Some(layer) = layer {
                let from = self.end;
                self.tiles.push_back(Tile { from, length, layer });
            }
            self.end += length;
        }
    }

    /// What is drawn, each with its distance from the zone's edge in pixels.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (&Layer, i64)> {
        self.tiles.iter().map(|tile| (&tile.layer, tile.from - self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::output::RATE;

    fn tick(number: u64) -> Duration {
        Duration::from_nanos(number * 1_000_000_000 / u64::from(RATE))
    }

    #[test]
    fn it_is_never_more_than_half_a_pixel_off_its_schedule_even_after_months() {
        for speed in [37_u32, 100, 120, 251] {
            for start in [0_u64, 3_000_000_000] {
                let mut before = offset(speed, tick(start));
                for number in start + 1..start + 10_000 {
                    let ideal = f64::from(speed) * number as f64 / f64::from(RATE);
                    let at = offset(speed, tick(number));
                    assert!((at as f64 - ideal).abs() <= 0.51, "{speed} {number}");
                    let step = (at - before) as f64;
                    assert!(
                        (step - f64::from(speed) / f64::from(RATE)).abs() < 1.0,
                        "{speed} {number}: {step}"
                    );
                    before = at;
                }
            }
        }
    }
}
