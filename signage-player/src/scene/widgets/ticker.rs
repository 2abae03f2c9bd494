//! Long text that runs through its zone at constant speed: from right to left, and a text that is read from right to left
//! the other way.
//!
//! The text is a [`Line`], whose pieces lie on a [`Strip`].

use anyhow::Result;
use protocol::screen::{Language, Rect, Text};

use self::line::Line;
use super::rounds::Rounds;
use super::strip::{Piece, Strip};
use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Style, Words};
use crate::stage::canvas::Canvas;
use crate::sync::Zone;

mod line;

/// The text is drawn so many pixels before it comes in.
const AHEAD: i64 = 256;
/// The fastest that is taken, in pixels a second. Faster can't be read.
const MAX_SPEED: u32 = 2_000;

/// The ticker.
pub struct Ticker {
    width: u32,
    height: u32,
    size: f64,
    text: Text,
    language: Language,
    first_language: Language,
    line: Line,
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
            line: Line::new(text.in_language(place.language)),
            text: text.clone(),
            language: place.language,
            first_language: place.language,
            strip: Strip::new(place.width, AHEAD, speed.min(MAX_SPEED)),
            rounds: Rounds::new(zone),
        })
    }

    /// What is drawn, each with its left edge's distance from the zone's, in pixels.
    fn tiles(&self) -> impl Iterator<Item = (&Layer, i64)> {
        let width = i64::from(self.width);
        self.strip.tiles().map(move |(layer, along)| {
            let right = width - along - i64::from(layer.width());
            (layer, if self.line.is_rtl { right } else { along })
        })
    }
}

/// A piece of the text, as high as the zone.
fn drawn(letters: &str, is_rtl: bool, style: Style, height: u32) -> Result<Layer> {
    let set = |cr: &cairo::Context| Words::running(cr, letters, style, is_rtl);
    let probe = Layer::new(1, 1)?;
    let mut width = 0.0;
    probe.redraw(|cr| {
        width = set(cr).width();
        Ok(())
    });
    let layer = Layer::opaque((width.round() as u32).max(1), height)?;
    layer.redraw(|cr| {
        text::set_color(cr, palette::DEEP_BLUE);
        cr.paint()?;
        set(cr).draw_left(cr, 0.0, f64::from(height) / 2.0);
        Ok(())
    });
    Ok(layer)
}

impl View for Ticker {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        let style = Style::bold(self.size, palette::WHITE, self.language);
        let (line, height) = (&self.line, self.height);
        // In another language it is as long as it is.
        let is_own = self.language == self.first_language;
        let since = is_own
            .then(|| self.rounds.turn(now.at, self.strip.round_ends()))
            .flatten();
        if let Some(since) = since {
            self.strip.restart_at(since);
        }
        let has_moved = self.strip.move_to(now.at, line.pieces.len(), |index| {
            let piece = &line.pieces[index];
            let layer = drawn(line.letters(piece), piece.is_rtl, style, height)?;
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
        for (layer, x) in self.tiles() {
            layer.paint(canvas, clip, (at.0 + x, at.1));
        }
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn set_language(&mut self, language: Language) {
        if language != self.language {
            self.language = language;
            self.line = Line::new(self.text.in_language(language));
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
