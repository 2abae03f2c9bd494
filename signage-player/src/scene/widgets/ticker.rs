//! Long text that runs from right to left at constant speed.
//!
//! The text is cut into pieces that lie on a [`Strip`].

use anyhow::Result;
use protocol::screen::{Language, Rect, Text};

use super::rounds::Rounds;
use super::strip::{Piece, Strip};
use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, Words};
use crate::stage::canvas::Canvas;
use crate::sync::Zone;

/// A piece ends at the next natural break after so many characters …
const SOFT_LIMIT: usize = 12;
/// … and at the latest here.
const HARD_LIMIT: usize = 32;
/// The text is drawn so many pixels before it comes in.
const AHEAD: i64 = 256;
/// The fastest that is taken, in pixels a second. Faster can't be read.
const MAX_SPEED: u32 = 2_000;
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
    text: Text,
    language: Language,
    first_language: Language,
    pieces: Vec<String>,
    strip: Strip,
    rounds: Rounds,
}

impl Ticker {
    /// A text at `speed` pixels a second, in step with that zone of other screens.
    ///
    /// # Errors
    /// None now; as all widgets.
    pub fn new(place: Place, text: &Text, speed: u32, zone: Zone) -> Result<Self> {
        Ok(Self {
            width: place.width,
            height: place.height,
            size: (f64::from(place.height) * 0.5)
                .max(place.unit)
                .min(f64::from(place.height) * 0.75),
            pieces: pieces(text.in_language(place.language)),
            text: text.clone(),
            language: place.language,
            first_language: place.language,
            strip: Strip::new(place.width, AHEAD, speed.min(MAX_SPEED)),
            rounds: Rounds::new(zone),
        })
    }
}

/// A piece of the text, as high as the zone.
fn drawn(piece: &str, style: Style, height: u32) -> Result<Layer> {
    let probe = Layer::new(1, 1)?;
    let mut width = 0.0;
    probe.redraw(|cr| {
        width = Words::new(cr, piece, style, Fit::Free).width();
        Ok(())
    });
    let layer = Layer::opaque((width.round() as u32).max(1), height)?;
    layer.redraw(|cr| {
        text::set_color(cr, palette::DEEP_BLUE);
        cr.paint()?;
        Words::new(cr, piece, style, Fit::Free).draw_left(cr, 0.0, f64::from(height) / 2.0);
        Ok(())
    });
    Ok(layer)
}

impl View for Ticker {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        let style = Style::bold(self.size, palette::WHITE, self.language);
        let (pieces, height) = (&self.pieces, self.height);
        // In another language it is as long as it is.
        let is_own = self.language == self.first_language;
        let since = is_own
            .then(|| self.rounds.turn(now.at, self.strip.round_ends()))
            .flatten();
        if let Some(since) = since {
            self.strip.restart_at(since);
        }
        let has_moved = self.strip.move_to(now.at, pieces.len(), |index| {
            let layer = drawn(&pieces[index], style, height)?;
            let length = layer.width();
            Ok(vec![Piece {
                layer: Some(layer),
                length,
            }])
        });
        has_moved.then_some(Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        canvas.fill(clip, palette::DEEP_BLUE);
        for (layer, x) in self.strip.tiles() {
            layer.paint(canvas, clip, (at.0 + x, at.1));
        }
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn set_language(&mut self, language: Language) {
        if language != self.language {
            self.language = language;
            self.pieces = pieces(self.text.in_language(language));
            self.strip.restart();
            self.rounds.leave();
        }
    }

    fn hidden(&mut self, _now: &Moment) {
        self.rounds.leave();
        self.strip.restart();
    }
}

#[cfg(test)]
mod tests;
