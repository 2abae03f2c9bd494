//! Standing text.

use anyhow::Result;
use protocol::screen::{Language, Rect, Text, parse_color};

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{Style, Words};
use crate::stage::canvas::Canvas;

/// A text that stands at the left of its zone, in the middle of its height.
pub struct Label {
    picture: Faced<Language>,
    text: Text,
    style: Style,
}

impl Label {
    /// A label. The color has the form `#rrggbb`.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, text: &Text, size: u32, color: &str) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            text: text.clone(),
            style: Style::bold(
                (f64::from(size) * place.scale).max(place.unit),
                parse_color(color).unwrap_or(palette::INK),
                place.language,
            ),
        })
    }
}

impl View for Label {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        let (width, height) = self.picture.size();
        let style = self.style;
        let said = self.text.in_language(style.language);
        self.picture.show(style.language, |cr, _| {
            let sizes = [1.0, 0.9, 0.8, 0.7].map(|share| style.size * share);
            Words::boxed(cr, said, style, (width, height), &sizes).draw_left(cr, 0.0, height / 2.0);
            Ok(())
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.style.language = language;
    }
}
