//! The congestion board in one line, for where there is no room for a card: each area with its level, side by side.

use std::cell::Cell;

use anyhow::Result;
use cairo::Context;
use protocol::screen::{BoardArea, Language, Rect};

use super::board::{self, Board, Row};
use super::card::{Card, Content};
use super::{Faced, Place, View, mark};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{Fit, Words};
use crate::scene::{palette, words};
use crate::stage::canvas::Canvas;

/// So high is the line, in the smallest letters.
pub(super) const HEIGHT: f64 = 2.0;
/// So much room an area takes at least.
pub(super) const AREA: f64 = 13.0;

/// As many areas as there is room for.
pub(super) struct BoardLine {
    picture: Faced<(Language, Vec<Row>)>,
    unit: f64,
    language: Language,
    board: Board,
}

impl BoardLine {
    /// A line.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub(super) fn new(place: Place, mut areas: Vec<BoardArea>) -> Result<Self> {
        areas.truncate(((f64::from(place.width) / (place.unit * AREA)) as usize).max(1));
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            language: place.language,
            board: Board(areas),
        })
    }
}

impl View for BoardLine {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let rows = self.board.face(now, data, self.language).rows;
        let (width, height) = self.picture.size();
        let share = width / rows.len().max(1) as f64;
        let card = Card {
            width: share,
            height,
            unit: self.unit.min(height / HEIGHT * 1.2),
            language: self.language,
            is_cut: Cell::new(false),
            pages: Cell::new(1),
        };
        self.picture.show((self.language, rows), |cr, (_, rows)| {
            for (at, row) in rows.iter().enumerate() {
                draw(cr, row, &card, share * at as f64)?;
            }
            Ok(())
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }
}

/// The area's name and its level, together in the middle of their part.
fn draw(cr: &Context, row: &Row, card: &Card, left: f64) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let gap = unit * 0.5;
    let style = card.bold(palette::INK);
    let level = words::level(row.level, card.language);
    // Its mark, the gap beside it, and both margins.
    let wanted = Words::new(cr, level, style, Fit::Free).width() + mark::width(unit) + unit * 1.95;
    let badge_width = wanted.min(card.width - gap * 2.0);
    let room = (card.width - badge_width - gap * 2.0).max(0.0);
    let sizes = [1.0, 0.85, 0.7, 0.55].map(|share| unit * share);
    let label = Words::fitted(cr, &row.label, style, room, &sizes);
    let x = left + (card.width - label.width() - gap - badge_width) / 2.0;
    label.draw_left(cr, x, card.height / 2.0);
    let place = (x + label.width() + gap, 0.0, badge_width, card.height);
    board::draw_level(cr, row.level, card, place)
}
