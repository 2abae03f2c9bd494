//! The layout's languages to choose from: each by its own name, in its own letters; the one that is spoken
//! is filled.

use anyhow::Result;
use cairo::Context;
use protocol::screen::{Action, Language, Rect};

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{self, Style, Words};
use crate::stage::canvas::Canvas;

/// The chooser in its zone.
pub struct Chooser {
    picture: Faced<Language>,
    unit: f64,
    languages: Vec<Language>,
    language: Language,
}

impl Chooser {
    /// A chooser of these languages.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, languages: &[Language]) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            languages: languages.to_vec(),
            language: place.language,
        })
    }

    /// Columns and rows that make the keys least narrow.
    fn grid(&self) -> (usize, usize) {
        let count = self.languages.len().max(1);
        let (width, height) = self.picture.size();
        let shape = |columns: usize| {
            let rows = count.div_ceil(columns);
            let (w, h) = (width / columns as f64, height / rows as f64);
            // A key is best three times as wide as high.
            (w / h / 3.0).ln().abs()
        };
        let columns = (1..=count).min_by(|a, b| shape(*a).total_cmp(&shape(*b))).unwrap_or(1);
        (columns, count.div_ceil(columns))
    }

    fn keys(&self) -> Vec<(Language, (f64, f64, f64, f64))> {
        let (columns, rows) = self.grid();
        let (width, height) = self.picture.size();
        let gap = self.unit * 0.5;
        let key_width = (width - gap * (columns - 1) as f64) / columns as f64;
        let key_height = (height - gap * (rows - 1) as f64) / rows as f64;
        let place = |(index, language): (usize, &Language)| {
            let (column, row) = ((index % columns) as f64, (index / columns) as f64);
            (
                *language,
                (
                    (key_width + gap) * column,
                    (key_height + gap) * row,
                    key_width,
                    key_height,
                ),
            )
        };
        self.languages.iter().enumerate().map(place).collect()
    }
}

fn draw_key(
    cr: &Context,
    language: Language,
    is_spoken: bool,
    unit: f64,
    (x, y, width, height): (f64, f64, f64, f64),
) -> Result<(), cairo::Error> {
    let line = unit / 8.0;
    let (ground, ink) = if is_spoken {
        (palette::BLUE, palette::WHITE)
    } else {
        (palette::WHITE, palette::BLUE)
    };
    text::rounded(
        cr,
        x + line / 2.0,
        y + line / 2.0,
        width - line,
        height - line,
        unit * 0.5,
    );
    text::set_color(cr, ground);
    cr.fill_preserve()?;
    text::set_color(cr, palette::BLUE);
    cr.set_line_width(line);
    cr.stroke()?;
    let sizes = [1.5, 1.3, 1.15, 1.0].map(|share| unit * share);
    let style = Style::bold(unit, ink, language);
    Words::fitted(cr, language.own_name(), style, width - unit, &sizes).draw_centered(
        cr,
        x + width / 2.0,
        y + height / 2.0,
    );
    Ok(())
}

impl View for Chooser {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        let (keys, unit) = (self.keys(), self.unit);
        self.picture.show(self.language, |cr, spoken| {
            keys.iter()
                .try_for_each(|(language, place)| draw_key(cr, *language, language == spoken, unit, *place))
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }

    fn answer_at(&self, x: f64, y: f64) -> Option<(Action, Rect)> {
        let hit = |(left, top, width, height): (f64, f64, f64, f64)| {
            x >= left && y >= top && x < left + width && y < top + height
        };
        let keys = self.keys();
        let (language, (left, top, width, height)) = keys.iter().find(|(_, place)| hit(*place))?;
        // Never below zero, and inside the zone.
        let pixels = |length: f64| length.round() as u32;
        let rect = Rect {
            x: pixels(*left),
            y: pixels(*top),
            width: pixels(*width),
            height: pixels(*height),
        };
        Some((Action::Speak { language: *language }, rect))
    }
}
