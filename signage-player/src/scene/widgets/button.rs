//! Something to press: what happens, in words, and a sign of where it leads.

use anyhow::Result;
use cairo::{Context, LineCap, LineJoin};
use protocol::screen::{Action, Language, Rect, Text};

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, Words};
use crate::stage::canvas::Canvas;

/// A button: filled where it leads on, in outline where it leads back.
pub struct Button {
    picture: Faced<Language>,
    unit: f64,
    text: Text,
    language: Language,
    leads_back: bool,
}

impl Button {
    /// A button.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, text: &Text, action: Option<&Action>) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            text: text.clone(),
            language: place.language,
            leads_back: matches!(action, Some(Action::GoHome)),
        })
    }

    fn redraw(&self, cr: &Context) -> Result<(), cairo::Error> {
        let (width, height) = self.picture.size();
        let line = self.unit / 8.0;
        let inset = line / 2.0;
        text::rounded(cr, inset, inset, width - line, height - line, self.unit * 0.7 - inset);
        let (ground, ink) = if self.leads_back {
            (palette::WHITE, palette::BLUE)
        } else {
            (palette::BLUE, palette::WHITE)
        };
        text::set_color(cr, ground);
        cr.fill_preserve()?;
        text::set_color(cr, palette::BLUE);
        cr.set_line_width(line);
        cr.stroke()?;

        let sign = self.unit * 1.3;
        let margin = self.unit * 0.8;
        let middle = height / 2.0;
        let room = width - sign - margin * 3.0;
        let style = Style::bold(self.unit, ink, self.language);
        let said = self.text.in_language(self.language);
        let in_line = [1.6, 1.45, 1.3, 1.2, 1.1, 1.0]
            .map(|share| Words::new(cr, said, style.sized(self.unit * share), Fit::Free));
        // What is too long for one line has two, where the button is high enough.
        let in_lines = || {
            let sizes = [1.2, 1.1, 1.0].map(|share| self.unit * share);
            Words::boxed(cr, said, style, (room, height - self.unit * 0.5), &sizes).centered()
        };
        let mut in_line = in_line.into_iter();
        let words = in_line.find(|words| words.width() <= room).unwrap_or_else(in_lines);
        text::set_color(cr, ink);
        if self.leads_back {
            arrow(cr, margin + sign / 2.0, middle, -sign)?;
            words.draw_centered(cr, margin * 2.0 + sign + room / 2.0, middle);
        } else {
            words.draw_centered(cr, margin + room / 2.0, middle);
            arrow(cr, width - margin - sign / 2.0, middle, sign)?;
        }
        Ok(())
    }
}

/// An arrow around a middle; to the left where `length` is negative.
fn arrow(cr: &Context, x: f64, y: f64, length: f64) -> Result<(), cairo::Error> {
    let half = length / 2.0;
    cr.set_line_width(length.abs() / 7.0);
    cr.set_line_cap(LineCap::Round);
    cr.set_line_join(LineJoin::Round);
    cr.move_to(x - half * 0.8, y);
    cr.line_to(x + half * 0.8, y);
    cr.move_to(x + half * 0.15, y - half.abs() * 0.65);
    cr.line_to(x + half * 0.8, y);
    cr.line_to(x + half * 0.15, y + half.abs() * 0.65);
    cr.stroke()
}

impl View for Button {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        if self.picture.drawn == Some(self.language) {
            return None;
        }
        self.picture.layer.redraw(|cr| self.redraw(cr));
        self.picture.drawn = Some(self.language);
        Some(self.picture.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }
}
