//! Standing text.

use anyhow::Result;
use cairo::Context;
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
    is_cut: bool,
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
            is_cut: false,
        })
    }
}

/// Draws a label into `size` from the origin on. Gives whether it had to be cut.
pub(super) fn draw(cr: &Context, said: &str, style: Style, size: (f64, f64)) -> bool {
    let sizes = [1.0, 0.9, 0.8, 0.7].map(|share| style.size * share);
    let words = Words::boxed(cr, said, style, size, &sizes);
    words.draw_in(cr, (0.0, 0.0), size.1);
    words.is_cut()
}

impl View for Label {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        let size = self.picture.size();
        let style = self.style;
        let said = self.text.in_language(style.language);
        let is_cut = &mut self.is_cut;
        self.picture.show(style.language, |cr, _| {
            *is_cut = draw(cr, said, style, size);
            Ok(())
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn set_language(&mut self, language: Language) {
        self.style.language = language;
    }
}
