//! A small picture that lies over the pages for a while.

use cairo::Context;
use protocol::screen::Rect;

use super::layer::Layer;
use crate::stage::canvas::{Canvas, union};

/// The picture, while there is one: `F` is all that it says.
pub struct Sheet<F>(Option<(F, Rect, Layer)>);

impl<F> Default for Sheet<F> {
    fn default() -> Self {
        Self(None)
    }
}

impl<F: PartialEq> Sheet<F> {
    /// Shows `face` in a rectangle of the layout, or nothing. It is drawn anew where it says something else. Gives what
    /// changed.
    pub fn show(
        &mut self,
        face: Option<(F, Rect)>,
        draw: impl FnOnce(&Context, &F) -> Result<(), cairo::Error>,
    ) -> Option<Rect> {
        let is_same = match (&self.0, &face) {
            (Some((shown, at, _)), Some((face, rect))) => shown == face && at == rect,
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return None;
        }
        let before = self.rect();
        self.0 = face.and_then(|(face, rect)| match Layer::new(rect.width.max(1), rect.height.max(1)) {
            Ok(layer) => {
                layer.redraw(|cr| draw(cr, &face));
                Some((face, rect, layer))
            }
            Err(error) => {
                tracing::error!("a sheet can't be drawn: {error:#}");
                None
            }
        });
        match (before, self.rect()) {
            (Some(a), Some(b)) => Some(union(a, b)),
            (a, b) => a.or(b),
        }
    }

    /// What it covers now, in the layout's pixels.
    #[must_use]
    pub fn rect(&self) -> Option<Rect> {
        self.0.as_ref().map(|(_, rect, _)| *rect)
    }

    /// Lays it on the canvas, inside `clip` only.
    pub fn paint(&self, canvas: &mut Canvas, clip: Rect) {
        if let Some((_, rect, layer)) = &self.0 {
            layer.paint(canvas, clip, (i64::from(rect.x), i64::from(rect.y)));
        }
    }
}
