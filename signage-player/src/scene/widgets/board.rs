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
        for (row, y, height) in card.rows(top, foot, &face.rows) {
            let place = (card.margin(), y, card.inner(), height);
            if height >= card.unit * 3.6 {
                draw_tall_row(cr, row, card, place)?;
            } else {
                draw_flat_row(cr, row, card, place)?;
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
    let ink = card.bold(palette::INK).sized(unit * 1.25);
    let people = Words::fitted(cr, &row.people, ink, width * 0.5, &[unit * 1.25, unit * 1.1, unit]);
    let line = unit * 0.95;
    people.draw_right(cr, x + width, y + line);
    let room = width - people.width() - unit * 0.4;
    Words::fitted(cr, &row.label, ink, room, &[unit * 1.25, unit * 1.1, unit]).draw_left(cr, x, y + line);
    draw_level(cr, row.level, card, (x, y + unit * 2.1, width, badge_height))
}

/// All in one line: the place's name, then the level.
fn draw_flat_row(cr: &Context, row: &Row, card: &Card, place: (f64, f64, f64, f64)) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let (x, y, width, height) = place;
    let middle = y + height / 2.0;
    let badge_width = width * 0.62;
    let room = width - badge_width - unit * 0.4;
    Words::new(cr, &row.label, card.bold(palette::INK), Fit::Line(room)).draw_left(cr, x, middle);
    let badge_height = (height * 0.84).min(unit * 2.0);
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
    draw_badge(cr, &said(level, card.language), palette::level(level), card, place)
}

/// A level's mark and words.
pub(super) fn said(level: Level, language: Language) -> String {
    format!("{} {}", level.mark(), words::level(level, language))
}
