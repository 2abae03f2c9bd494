//! What can't wait: an urgent notice as a band at the top, an emergency over the whole screen, whatever the
//! layout. It goes when the office takes it back, or when its time is over.

use anyhow::Result;
use cairo::Context;
use protocol::screen::{Language, Layout, Rect, Urgency};

use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette::{self, Color};
use crate::scene::text::{self, Style, Words};
use crate::scene::words;
use crate::stage::canvas::Canvas;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    said: String,
    is_emergency: bool,
    language: Language,
}

/// The band, where there is one.
pub struct Banner {
    size: (u32, u32),
    unit: f64,
    shown: Option<(Face, Layer)>,
}

impl Banner {
    /// A band for a layout; not on show.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self {
            size: (layout.width, layout.height),
            unit: f64::from(layout.height.min(layout.width)) / 30.0 * f64::from(layout.text_percent) / 100.0,
            shown: None,
        }
    }

    /// What it covers now, in the layout's pixels.
    #[must_use]
    pub fn rect(&self) -> Option<Rect> {
        self.shown.as_ref().map(|(_, layer)| layer.bounds())
    }

    /// Brings it up to `now`. Gives what changed.
    pub fn draw(&mut self, now: &Moment, data: &Data, language: Language) -> Option<Rect> {
        let found = data.alarm(now.wall).map(|notice| Face {
            said: notice.text.in_language(language).to_owned(),
            is_emergency: notice.urgency == Urgency::Emergency,
            language,
        });
        if found.as_ref() == self.shown.as_ref().map(|(face, _)| face) {
            return None;
        }
        let before = self.rect();
        self.shown = found.and_then(|face| match self.picture(&face) {
            Ok(layer) => Some((face, layer)),
            Err(error) => {
                tracing::error!("a notice can't be drawn: {error:#}");
                None
            }
        });
        match (before, self.rect()) {
            (Some(a), Some(b)) => Some(crate::stage::canvas::union(a, b)),
            (a, b) => a.or(b),
        }
    }

    /// Lays it on the canvas, inside `clip` only.
    pub fn paint(&self, canvas: &mut Canvas, clip: Rect) {
        if let Some((_, layer)) = &self.shown {
            layer.paint(canvas, clip, (0, 0));
        }
    }

    fn picture(&self, face: &Face) -> Result<Layer> {
        let height = if face.is_emergency {
            self.size.1
        } else {
            self.size.1 * 3 / 10
        };
        let layer = Layer::opaque(self.size.0, height.max(1))?;
        layer.redraw(|cr| self.redraw(cr, face, (f64::from(self.size.0), f64::from(height))));
        Ok(layer)
    }

    fn redraw(&self, cr: &Context, face: &Face, (width, height): (f64, f64)) -> Result<(), cairo::Error> {
        let (ground, ink): (Color, Color) = if face.is_emergency {
            (palette::RED, palette::WHITE)
        } else {
            (palette::AMBER, palette::INK)
        };
        text::set_color(cr, ground);
        cr.paint()?;
        let margin = self.unit * 1.5;
        let inner = width - margin * 2.0;
        let style = |size: f64| Style::bold(size, ink, face.language);
        let mut top = margin;
        if face.is_emergency {
            let heading = Words::fitted(
                cr,
                words::emergency(face.language),
                style(self.unit * 2.0),
                inner,
                &[self.unit * 2.4, self.unit * 1.6],
            );
            heading.draw(cr, margin, top);
            top += heading.height() + self.unit;
            text::set_color(cr, ink);
            cr.rectangle(margin, top - self.unit * 0.5, inner, self.unit / 6.0);
            cr.fill()?;
        }
        let room = height - top - margin;
        let sizes = [3.2, 2.8, 2.4, 2.0, 1.7, 1.4, 1.2, 1.0].map(|share| self.unit * share);
        Words::boxed(cr, &face.said, style(self.unit), (inner, room), &sizes).draw_left(cr, margin, top + room / 2.0);
        Ok(())
    }
}
