//! Standing text.

use anyhow::Result;
use protocol::screen::{Rect, parse_color};

use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{Fit, Style, Words};
use crate::stage::canvas::Canvas;

/// A text that stands at the left of its zone, in the middle of its height.
pub struct Label {
    layer: Layer,
    is_drawn: bool,
    text: String,
    style: Style,
}

impl Label {
    /// A label. The color has the form `#rrggbb`.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, text: &str, size: u32, color: &str) -> Result<Self> {
        Ok(Self {
            layer: Layer::new(place.width, place.height)?,
            is_drawn: false,
            text: text.to_owned(),
            style: Style {
                size: f64::from(size).max(place.unit),
                is_bold: true,
                color: parse_color(color).unwrap_or(palette::INK),
            },
        })
    }
}

impl View for Label {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        if std::mem::replace(&mut self.is_drawn, true) {
            return None;
        }
        let (width, height) = (f64::from(self.layer.width()), f64::from(self.layer.height()));
        self.layer.redraw(|cr| {
            Words::new(cr, &self.text, self.style, Fit::Box(width, height)).draw_left(cr, 0.0, height / 2.0);
            Ok(())
        });
        Some(self.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.layer.paint(canvas, clip, at);
    }
}
