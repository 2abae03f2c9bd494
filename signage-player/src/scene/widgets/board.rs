//! The congestion board: each area with its level (mark, words and colour, never colour alone), people,
//! and how old the news is.

use anyhow::Result;
use cairo::Context;
use protocol::congestion::Level;
use protocol::screen::{BoardArea, Language, Rect, Text};

use super::card::{Card, draw_badge};
use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{Fit, Words};
use crate::scene::{palette, words};
use crate::stage::canvas::Canvas;

/// What one row says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    level: Level,
    people: String,
}

/// What the whole board says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    rows: Vec<Row>,
    age: String,
    language: Language,
}

/// The board.
pub struct Board {
    picture: Faced<Face>,
    unit: f64,
    title: Text,
    areas: Vec<BoardArea>,
    language: Language,
}

impl Board {
    /// A board of areas, from top to bottom.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, title: &Text, areas: &[BoardArea]) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            title: title.clone(),
            areas: areas.to_vec(),
            language: place.language,
        })
    }

    fn face(&self, now: &Moment, data: &Data) -> Face {
        let mut oldest = None;
        let rows = self.areas.iter().map(|area| {
            let shown = data.area(&area.area, now.wall);
            oldest = oldest.max(shown.age);
            Row {
                label: area.label.in_language(self.language).to_owned(),
                level: shown.level,
                people: words::people(shown.count, self.language),
            }
        });
        let rows = rows.collect();
        Face {
            rows,
            age: words::age(oldest, self.language),
            language: self.language,
        }
    }
}

fn draw(cr: &Context, card: &Card, title: &str, face: &Face) -> Result<(), cairo::Error> {
    card.draw_paper(cr)?;
    let top = card.draw_title(cr, title);
    let foot = card.draw_foot(cr, &face.age);
    let unit = card.unit;
    let row_height = (foot - top - unit * 0.2) / face.rows.len().max(1) as f64;
    for (index, row) in face.rows.iter().enumerate() {
        let y = top + row_height * index as f64;
        let place = (card.margin(), y, card.inner(), row_height);
        if row_height >= unit * 3.6 {
            draw_tall_row(cr, row, card, place)?;
        } else {
            draw_flat_row(cr, row, card, place)?;
        }
    }
    Ok(())
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

fn draw_level(cr: &Context, level: Level, card: &Card, place: (f64, f64, f64, f64)) -> Result<(), cairo::Error> {
    let said = format!("{} {}", level.mark(), words::level(level, card.language));
    draw_badge(cr, &said, palette::level(level), card, place)
}

impl View for Board {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let face = self.face(now, data);
        let (width, height) = self.picture.size();
        let card = Card {
            width,
            height,
            unit: self.unit,
            language: self.language,
        };
        let title = self.title.in_language(self.language);
        self.picture.show(face, |cr, face| draw(cr, &card, title, face))
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }
}
