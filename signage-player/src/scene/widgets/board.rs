//! The congestion board: each area with its level (mark, words and colour, never colour alone), people,
//! and how old the news is.

use cairo::Context;
use protocol::congestion::Level;
use protocol::screen::{BoardArea, Language};

use super::card::{Card, Content, draw_badge};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{Fit, Words};
use crate::scene::{palette, words};

/// What one row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) level: Level,
    people: String,
}

/// What the whole board says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    pub(super) rows: Vec<Row>,
    age: String,
}

/// The areas, from top to bottom.
pub struct Board(pub Vec<BoardArea>);

impl Content for Board {
    type Face = Face;

    fn face(&self, now: &Moment, data: &Data, language: Language) -> Face {
        let mut oldest = None;
        let rows = self.0.iter().map(|area| {
            let shown = data.area(&area.area, now.wall);
            oldest = oldest.max(shown.age);
            Row {
                label: area.label.in_language(language).to_owned(),
                level: shown.level,
                people: words::people(shown.count, language),
            }
        });
        let rows = rows.collect();
        Face {
            rows,
            age: words::age(oldest, language),
        }
    }

    fn draw(cr: &Context, card: &Card, top: f64, face: &Face) -> Result<(), cairo::Error> {
        let foot = card.draw_foot(cr, &face.age);
        // Words have what the places' names leave of a flat row, in all rows alike.
        let name = |row: &Row| Words::new(cr, &row.label, card.bold(palette::INK), Fit::Free).width();
        let widest = face.rows.iter().map(name).fold(0.0, f64::max);
        let share = ((card.inner() - widest) / card.inner() - 0.03).clamp(0.5, 0.62);
        for (row, y, height) in card.rows(top, foot, &face.rows) {
            let place = (card.margin(), y, card.inner(), height);
            if height >= card.unit * 3.6 {
                draw_tall_row(cr, row, card, place)?;
            } else {
                draw_flat_row(cr, row, card, place, share)?;
            }
        }
        Ok(())
    }
}

/// The place's name and people above, the level below over the whole width.
fn draw_tall_row(cr: &Context, row: &Row, card: &Card, place: (f64, f64, f64, f64)) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let (x, y, width, height) = place;
    let badge_height = (height - unit * 2.5).min(unit * 5.0);
    // What is left over stands above and below the row.
    let y = y + (height - unit * 2.2 - badge_height) / 2.0;
    let line = y + unit * 0.95;
    // Both of one size, at which they fit.
    let set = |said: &str, size: f64| Words::new(cr, said, card.bold(palette::INK).sized(size), Fit::Free);
    let gap = unit * 0.4;
    let sizes = [1.25, 1.15, 1.05, 1.0].map(|share| unit * share);
    let fits = |size: &f64| set(&row.label, *size).width() + gap + set(&row.people, *size).width() <= width;
    let size = sizes.into_iter().find(fits).unwrap_or(unit);
    let people = Words::fitted(cr, &row.people, card.bold(palette::INK), width * 0.5, &[size]);
    people.draw_right(cr, x + width, line);
    let room = width - people.width() - gap;
    Words::fitted(cr, &row.label, card.bold(palette::INK), room, &[size]).draw_left(cr, x, line);
    draw_level(cr, row.level, card, (x, y + unit * 2.1, width, badge_height))
}

/// All in one line: the place's name, then the level with so much of the width.
fn draw_flat_row(
    cr: &Context,
    row: &Row,
    card: &Card,
    place: (f64, f64, f64, f64),
    share: f64,
) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let (x, y, width, height) = place;
    let middle = y + height / 2.0;
    let badge_width = width * share;
    let room = width - badge_width - unit * 0.4;
    Words::new(cr, &row.label, card.bold(palette::INK), Fit::Line(room)).draw_left(cr, x, middle);
    // In a row that is too low it is still as high as its letters.
    let badge_height = (height * 0.84).min(unit * 2.0).max(unit * 1.25);
    let badge = (
        x + width - badge_width,
        middle - badge_height / 2.0,
        badge_width,
        badge_height,
    );
    draw_level(cr, row.level, card, badge)
}

pub(super) fn draw_level(
    cr: &Context,
    level: Level,
    card: &Card,
    place: (f64, f64, f64, f64),
) -> Result<(), cairo::Error> {
    draw_badge(cr, level, words::level(level, card.language), card, place)
}
