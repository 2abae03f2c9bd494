//! What a playlist shows that has nothing to play: the office's name, the time, and how crowded it is, in every zone.
//!
//! Name and time stand in the middle, as large as they fit; below them, or beside them in a low zone, the congestion board; where
//! there is no room for a card, as one line. Where several zones of a page have nothing to play, one says all that, and the others
//! the office's name alone.

mod head;

use anyhow::Result;
use protocol::screen::{BoardArea, Language, Rect, Text};

use self::head::Head;
use super::board_line::{self, BoardLine};
use super::{Place, View, board::Board, card::CardView};
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::stage::canvas::{Canvas, intersect, union};

/// As many areas as can be read on one board.
const MOST_AREAS: usize = 4;

/// A board's card is no wider, in the smallest letters.
const WIDEST: f64 = 26.0;

/// Name and time want so much height, and so much width, in the smallest letters.
const HEAD: (f64, f64) = (5.0, 13.0);

/// They take no more height than this.
const HIGHEST: f64 = 15.0;

type Part = (Rect, Box<dyn View>);

/// The parts, each in its rectangle of the zone.
pub(super) struct Fallback {
    whole: Rect,
    parts: Vec<Part>,
    quiet: Vec<Part>,
    is_quiet: bool,
    /// It must be drawn although nothing else changed.
    is_new: bool,
}

impl Fallback {
    /// For a zone. A part for which there is no memory is left out.
    pub(super) fn new(place: Place, kit: &Kit) -> Self {
        let areas: Vec<BoardArea> = kit.areas.iter().take(MOST_AREAS).cloned().collect();
        let (head, board) = share(place, areas.len());
        let mut parts = vec![made(head, place, |at| Head::new(at, &kit.office, true))];
        match board {
            Some((rect, Form::Card)) => {
                parts.push(made(rect, place, |at| CardView::new(at, &title(), Board(areas))));
            }
            Some((rect, Form::Line)) => parts.push(made(rect, place, |at| BoardLine::new(at, areas))),
            None => {}
        }
        let whole = Rect {
            x: 0,
            y: 0,
            width: place.width,
            height: place.height,
        };
        let quiet = vec![made(inside(place), place, |at| Head::new(at, &kit.office, false))];
        Self {
            whole,
            parts: parts.into_iter().flatten().collect(),
            quiet: quiet.into_iter().flatten().collect(),
            is_quiet: false,
            is_new: false,
        }
    }

    /// Whether another zone of the page says all that.
    pub(super) fn set_quiet(&mut self, is_quiet: bool) {
        self.is_new |= is_quiet != self.is_quiet;
        self.is_quiet = is_quiet;
    }

    fn shown(&mut self) -> &mut Vec<Part> {
        if self.is_quiet {
            &mut self.quiet
        } else {
            &mut self.parts
        }
    }

    /// As a widget does.
    pub(super) fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let parts = self.shown().iter_mut();
        let changed = parts.filter_map(|(rect, view)| view.draw(now, data).map(|_| *rect));
        let changed = changed.reduce(union);
        if std::mem::take(&mut self.is_new) {
            return Some(self.whole);
        }
        changed
    }

    /// As a widget does.
    pub(super) fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        canvas.fill(clip, palette::PALE_BLUE);
        let edge = |corner: i64, offset: u32| u32::try_from(corner + i64::from(offset)).unwrap_or(0);
        let parts = if self.is_quiet { &self.quiet } else { &self.parts };
        for (rect, view) in parts {
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
        let parts = self.parts.iter_mut().chain(&mut self.quiet);
        parts.for_each(|(_, view)| view.set_language(language));
    }
}

fn made<V: View + 'static>(rect: Rect, place: Place, make: impl FnOnce(Place) -> Result<V>) -> Option<Part> {
    let at = Place {
        width: rect.width,
        height: rect.height,
        ..place
    };
    let view: Box<dyn View> = Box::new(make(at).ok()?);
    Some((rect, view))
}

/// How the board is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Card,
    Line,
}

/// A zone without its margin.
fn inside(place: Place) -> Rect {
    let margin = ((place.unit * 1.2) as u32).min(place.width / 16).min(place.height / 12);
    Rect {
        x: margin,
        y: margin,
        width: (place.width - margin * 2).max(1),
        height: (place.height - margin * 2).max(1),
    }
}

/// Shares a zone between name and time, and the board of so many areas.
fn share(place: Place, areas: usize) -> (Rect, Option<(Rect, Form)>) {
    let inner = inside(place);
    if areas == 0 {
        return (inner, None);
    }
    let (width, height) = (f64::from(inner.width), f64::from(inner.height));
    let unit = place.unit;
    // Title, rows, and how old the news is: rows of one line, or of two where there is much room.
    let rows = |row: f64| unit * (4.6 + row * areas as f64);
    let card = (rows(2.4), (unit * WIDEST).min(width));
    let line = (unit * board_line::HEIGHT).min(height / 3.0);
    let head = (unit * HEAD.0, unit * HEAD.1);
    if height >= card.0 + head.0 && width >= unit * 12.0 {
        let board = if height >= rows(5.2) + unit * 8.0 {
            rows(5.2)
        } else {
            (card.0 + (height - card.0 - head.0) * 0.4).min(rows(3.3))
        };
        // Both stand together in the middle of a high zone.
        let gap = unit * 0.6;
        let free = ((height - board - gap - unit * HIGHEST) / 2.0).max(0.0);
        let inner = shrunk(inner, free);
        let rect = below(inner, board, card.1);
        return (above(inner, board + gap), Some((rect, Form::Card)));
    }
    if height >= card.0 && width >= head.1 + unit * 15.0 {
        let board = (width * 0.5).min(card.1);
        return (
            left(inner, width - board - unit),
            Some((right(inner, board), Form::Card)),
        );
    }
    if height >= line + unit * 3.0 || width < head.1 + unit * board_line::AREA {
        let rect = below(inner, line, width);
        return (above(inner, line + unit * 0.4), Some((rect, Form::Line)));
    }
    let board = width * 0.45;
    let side = right(inner, board);
    let line = (unit * board_line::HEIGHT).min(height);
    let lower = (height - line) / 2.0;
    let side = Rect {
        y: side.y + lower as u32,
        height: (line as u32).max(1),
        ..side
    };
    (left(inner, width - board - unit), Some((side, Form::Line)))
}

/// A zone with so much left free above and below.
fn shrunk(zone: Rect, free: f64) -> Rect {
    let free = free as u32;
    Rect {
        y: zone.y + free,
        height: zone.height.saturating_sub(free * 2).max(1),
        ..zone
    }
}

/// The lowest part of a zone, in its middle.
fn below(zone: Rect, height: f64, width: f64) -> Rect {
    let (height, width) = ((height as u32).min(zone.height), (width as u32).min(zone.width));
    Rect {
        x: zone.x + (zone.width - width) / 2,
        y: zone.y + zone.height - height,
        width: width.max(1),
        height: height.max(1),
    }
}

/// All but the lowest part.
fn above(zone: Rect, lowest: f64) -> Rect {
    Rect {
        height: zone.height.saturating_sub(lowest as u32).max(1),
        ..zone
    }
}

fn left(zone: Rect, width: f64) -> Rect {
    Rect {
        width: (width.max(1.0) as u32).min(zone.width),
        ..zone
    }
}

fn right(zone: Rect, width: f64) -> Rect {
    let width = (width.max(1.0) as u32).min(zone.width);
    Rect {
        x: zone.x + zone.width - width,
        width,
        ..zone
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::palette::WHITE;

    #[test]
    fn every_zone_has_room_for_name_and_time_and_for_the_board_beside_it() {
        for (width, height) in [
            (832, 468),
            (500, 260),
            (1232, 84),
            (300, 600),
            (64, 64),
            (1920, 1080),
            (376, 112),
        ] {
            for areas in 1..=MOST_AREAS {
                let place = Place {
                    width,
                    height,
                    unit: 24.0,
                    scale: 1.0,
                    ground: WHITE,
                    language: Language::Ja,
                };
                let (head, board) = share(place, areas);
                let (board, _) = board.expect("a board");
                assert_eq!(intersect(head, board), None, "{width}x{height}: {head:?} {board:?}");
                for part in [head, board] {
                    assert!(
                        part.x + part.width <= width && part.y + part.height <= height,
                        "{part:?}"
                    );
                    assert!(part.width > 8 && part.height > 8, "{width}x{height}: {part:?}");
                }
            }
        }
    }
}
