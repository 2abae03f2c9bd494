//! Long text that runs from right to left at constant speed.
//!
//! The text is cut into pieces that are drawn once each, shortly before they come in, and forgotten when
//! they have gone out: a text of any length costs the same. Invariant: the place of every letter follows
//! from the time alone, rounded to a whole pixel; no error adds up.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use protocol::screen::{Language, Rect, Text};

use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, Words};
use crate::stage::canvas::Canvas;

/// A piece ends at the next natural break after so many characters …
const SOFT_LIMIT: usize = 12;
/// … and at the latest here.
const HARD_LIMIT: usize = 32;
/// The text is drawn so many pixels before it comes in.
const AHEAD: i64 = 256;
/// The fastest that is taken, in pixels a second. Faster can't be read.
const MAX_SPEED: u32 = 2_000;
/// After so long without being drawn the text starts anew instead of catching up.
const PAUSE: Duration = Duration::from_secs(10);

struct Tile {
    /// The piece's left edge on the endless strip.
    left: i64,
    layer: Layer,
}

/// How far the strip has moved after `elapsed`, in whole pixels.
#[must_use]
pub fn offset(speed: u32, elapsed: Duration) -> i64 {
    // 2^53 pixels at 1000 a second last 285,000 years.
    (f64::from(speed) * elapsed.as_secs_f64()).round() as i64
}

/// Cuts a text into pieces of at most [`HARD_LIMIT`] characters (more only within one emoji or accented
/// letter), after punctuation where there is some.
#[must_use]
pub fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut count = 0;
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c }).peekable();
    while let Some(c) = chars.next() {
        piece.push(c);
        count += 1;
        let joins = c == '\u{200d}' || chars.peek().is_some_and(|next| is_joined(*next));
        let is_break = c.is_whitespace() || matches!(c, '。' | '、' | '！' | '？' | '」' | '）' | '　' | '・');
        if !joins && (count >= HARD_LIMIT || (count >= SOFT_LIMIT && is_break)) {
            pieces.push(std::mem::take(&mut piece));
            count = 0;
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Whether a character belongs to the one before it.
fn is_joined(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036f | 0x200d | 0x20d0..=0x20ff | 0x3099..=0x309a | 0xfe00..=0xfe0f
        | 0x1f3fb..=0x1f3ff | 0xe0020..=0xe007f | 0xe0100..=0xe01ef)
}

/// The ticker.
pub struct Ticker {
    width: u32,
    height: u32,
    size: f64,
    speed: u32,
    text: Text,
    language: Language,
    pieces: Vec<String>,
    tiles: VecDeque<Tile>,
    /// The next piece to draw.
    next: usize,
    /// Where it begins on the endless strip.
    end: i64,
    started: Option<Duration>,
    drawn_at: Duration,
    /// The strip's pixel at the zone's left edge.
    offset: i64,
    is_drawn: bool,
}

impl Ticker {
    /// A text at `speed` pixels a second.
    ///
    /// # Errors
    /// None now; as all widgets.
    pub fn new(place: Place, text: &Text, speed: u32) -> Result<Self> {
        Ok(Self {
            width: place.width,
            height: place.height,
            size: (f64::from(place.height) * 0.5)
                .max(place.unit)
                .min(f64::from(place.height) * 0.75),
            speed: speed.min(MAX_SPEED),
            pieces: pieces(text.in_language(place.language)),
            text: text.clone(),
            language: place.language,
            tiles: VecDeque::new(),
            next: 0,
            end: 0,
            started: None,
            drawn_at: Duration::ZERO,
            offset: 0,
            is_drawn: false,
        })
    }

    fn restart(&mut self, now: Duration) {
        self.started = Some(now);
        self.tiles.clear();
        self.next = 0;
        // The first letter comes in at the right edge.
        self.end = i64::from(self.width);
    }

    /// Draws what comes in soon; forgets what has gone out.
    fn prepare(&mut self) {
        let horizon = self.offset + i64::from(self.width) + AHEAD;
        while self.end < horizon && !self.pieces.is_empty() {
            match self.draw_piece(&self.pieces[self.next]) {
                Ok(layer) => {
                    let left = self.end;
                    self.end += i64::from(layer.width());
                    self.tiles.push_back(Tile { left, layer });
                }
                Err(error) => {
                    tracing::warn!("a piece of the running text is left out: {error:#}");
                    self.end += 1;
                }
            }
            self.next += 1;
            if self.next == self.pieces.len() {
                self.next = 0;
                // Between the end and the next beginning the zone is empty once.
                self.end += i64::from(self.width);
            }
        }
        while self
            .tiles
            .front()
            .is_some_and(|tile| tile.left + i64::from(tile.layer.width()) <= self.offset)
        {
            self.tiles.pop_front();
        }
    }

    fn draw_piece(&self, piece: &str) -> Result<Layer> {
        let style = Style::bold(self.size, palette::WHITE, self.language);
        let probe = Layer::new(1, 1)?;
        let mut width = 0.0;
        probe.redraw(|cr| {
            width = Words::new(cr, piece, style, Fit::Free).width();
            Ok(())
        });
        let layer = Layer::opaque((width.round() as u32).max(1), self.height)?;
        layer.redraw(|cr| {
            text::set_color(cr, palette::DEEP_BLUE);
            cr.paint()?;
            Words::new(cr, piece, style, Fit::Free).draw_left(cr, 0.0, f64::from(self.height) / 2.0);
            Ok(())
        });
        Ok(layer)
    }
}

impl View for Ticker {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        let started = match self.started {
            Some(started) if now.at.saturating_sub(self.drawn_at) < PAUSE => started,
            _ => {
                self.restart(now.at);
                now.at
            }
        };
        self.drawn_at = now.at;
        let offset = offset(self.speed, now.at.saturating_sub(started));
        if std::mem::replace(&mut self.is_drawn, true) && offset == self.offset {
            return None;
        }
        self.offset = offset;
        self.prepare();
        Some(Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        canvas.fill(clip, palette::DEEP_BLUE);
        for tile in &self.tiles {
            tile.layer.paint(canvas, clip, (at.0 + tile.left - self.offset, at.1));
        }
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn set_language(&mut self, language: Language) {
        if language != self.language {
            self.language = language;
            self.pieces = pieces(self.text.in_language(language));
            self.started = None;
        }
    }

    fn hidden(&mut self, _now: &Moment) {
        self.started = None;
    }
}

#[cfg(test)]
mod tests;
