//! What is said before the screen goes back to its start: that it will, in how many seconds, and what to do against it.

use std::time::Duration;

use cairo::Context;
use protocol::screen::{Language, Layout, Rect};

use super::palette;
use super::sheet::Sheet;
use super::text::{self, Style, Words};
use super::words;
use crate::stage::canvas::Canvas;

/// It is said so long before; a third of the time where that is less.
const AHEAD: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    seconds: u64,
    language: Language,
}

/// The band along the lower edge.
pub struct Hint {
    sheet: Sheet<Face>,
    rect: Rect,
    unit: f64,
}

impl Hint {
    /// A band for a layout; not on show.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let height = layout.height.min(layout.width) / 5;
        Self {
            sheet: Sheet::default(),
            rect: Rect {
                x: 0,
                y: layout.height - height,
                width: layout.width,
                height,
            },
            unit: f64::from(layout.height.min(layout.width)) / 30.0 * f64::from(layout.text_percent) / 100.0,
        }
    }

    /// How long before the end of `limit` it is said.
    #[must_use]
    pub fn ahead(limit: Duration) -> Duration {
        AHEAD.min(limit / 3)
    }

    /// What it covers now.
    #[must_use]
    pub fn rect(&self) -> Option<Rect> {
        self.sheet.rect()
    }

    /// Shows how long there is `left`; `None`: nothing. Gives what changed.
    pub fn show(&mut self, left: Option<Duration>, language: Language) -> Option<Rect> {
        let face = left.map(|left| {
            let seconds = u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            (Face { seconds, language }, self.rect)
        });
        let (width, height) = (f64::from(self.rect.width), f64::from(self.rect.height));
        let unit = self.unit;
        self.sheet
            .show(face, |cr, face| redraw(cr, face, unit, (width, height)))
    }

    /// Lays it on the canvas, inside `clip` only.
    pub fn paint(&self, canvas: &mut Canvas, clip: Rect) {
        self.sheet.paint(canvas, clip);
    }
}

fn redraw(cr: &Context, face: &Face, unit: f64, (width, height): (f64, f64)) -> Result<(), cairo::Error> {
    text::set_color(cr, palette::DEEP_BLUE);
    cr.paint()?;
    text::set_color(cr, palette::AMBER);
    cr.rectangle(0.0, 0.0, width, unit / 4.0);
    cr.fill()?;
    let margin = unit * 1.5;
    let middle = (height + unit / 4.0) / 2.0;
    let radius = height * 0.32;
    let left = margin + radius;
    cr.new_sub_path();
    cr.arc(left, middle, radius, 0.0, std::f64::consts::TAU);
    text::set_color(cr, palette::WHITE);
    cr.fill()?;
    let bold = |size, color| Style::bold(size, color, face.language);
    let number = face.seconds.to_string();
    let sizes = [1.3, 1.0, 0.8].map(|share| radius * share);
    Words::fitted(cr, &number, bold(unit, palette::DEEP_BLUE), radius * 1.7, &sizes).draw_centered(cr, left, middle);

    let begin = left + radius + margin;
    let inner = width - begin - margin;
    let sizes = |largest: f64| [1.0, 0.9, 0.8, 0.7, 0.6, 0.5].map(|share| (unit * largest * share).max(unit));
    let first = words::going_back(face.language);
    let first = Words::fitted(cr, first, bold(unit, palette::WHITE), inner, &sizes(1.7));
    let second = words::touch_to_stay(face.language);
    let second = Words::fitted(cr, second, bold(unit, palette::AMBER), inner, &sizes(1.4));
    let gap = unit * 0.25;
    let top = middle - (first.height() + gap + second.height()) / 2.0;
    first.draw(cr, begin, top);
    second.draw(cr, begin, top + first.height() + gap);
    Ok(())
}
