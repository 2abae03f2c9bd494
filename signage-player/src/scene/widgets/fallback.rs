//! What a playlist shows that has nothing to play: the office's name, the time, and how crowded it is.

use protocol::screen::{BoardArea, Language, Rect, Text};

use super::{Place, View, board::Board, card::CardView, clock::Clock, label::Label};
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::stage::canvas::{Canvas, intersect, union};

/// The office's blue as a layout says it.
const INK: &str = "#0017c1";

/// The parts, each in its rectangle of the zone.
pub(super) struct Fallback {
    parts: Vec<(Rect, Box<dyn View>)>,
}

impl Fallback {
    /// For a zone. A part for which there is no memory is left out.
    pub(super) fn new(place: Place, kit: &Kit) -> Self {
        let (width, height) = (place.width, place.height);
        let margin = ((place.unit * 1.2) as u32).min(width / 8).min(height / 8);
        let (inner_width, inner_height) = (width - margin * 2, height - margin * 2);
        // Name and clock above, the board below; without an area, or in a low zone, those two alone.
        let has_board = !kit.areas.is_empty() && f64::from(height) > place.unit * 12.0;
        let line = if has_board { inner_height / 4 } else { inner_height / 2 };
        let rect = |y: u32, height: u32| Rect {
            x: margin,
            y: margin + y,
            width: inner_width.max(1),
            height: height.max(1),
        };
        let at = |rect: Rect| Place {
            width: rect.width,
            height: rect.height,
            ..place
        };
        let mut parts: Vec<(Rect, anyhow::Result<Box<dyn View>>)> = Vec::new();
        let name = rect(0, line);
        let size = (line / 2).max(1);
        parts.push((name, Label::new(at(name), &kit.office, size, INK).map(boxed)));
        let clock = rect(line, line);
        parts.push((clock, Clock::new(at(clock)).map(boxed)));
        if has_board {
            let board = rect(line * 2, inner_height - line * 2);
            parts.push((board, CardView::new(at(board), &title(), Board(areas(kit))).map(boxed)));
        }
        let made = parts.into_iter().filter_map(|(rect, view)| Some((rect, view.ok()?)));
        Self { parts: made.collect() }
    }

    /// As a widget does.
    pub(super) fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let changed = self
            .parts
            .iter_mut()
            .filter_map(|(rect, view)| view.draw(now, data).map(|_| *rect));
        changed.reduce(union)
    }

    /// As a widget does.
    pub(super) fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        canvas.fill(clip, palette::PALE_BLUE);
        let edge = |corner: i64, offset: u32| u32::try_from(corner + i64::from(offset)).unwrap_or(0);
        for (rect, view) in &self.parts {
            let placed = Rect {
                x: edge(at.0, rect.x),
                y: edge(at.1, rect.y),
                ..*rect
            };
            if let Some(clip) = intersect(placed, clip) {
                view.paint(canvas, clip, (i64::from(placed.x), i64::from(placed.y)));
            }
        }
    }

    pub(super) fn set_language(&mut self, language: Language) {
        self.parts.iter_mut().for_each(|(_, view)| view.set_language(language));
    }
}

fn boxed<V: View + 'static>(view: V) -> Box<dyn View> {
    Box::new(view)
}

fn title() -> Text {
    Text {
        easy: Some("いまの こみぐあい".to_owned()),
        en: Some("How busy we are".to_owned()),
        zh: Some("目前拥挤程度".to_owned()),
        ko: Some("현재 혼잡도".to_owned()),
        vi: Some("Mức độ đông".to_owned()),
        ..Text::japanese("いまの混みぐあい")
    }
}

/// As many areas as can be read on one board.
fn areas(kit: &Kit) -> Vec<BoardArea> {
    kit.areas.iter().take(4).cloned().collect()
}
