//! Free places of car parks: a word and a colour for each, never colour alone.

use anyhow::Result;
use cairo::Context;
use protocol::congestion::Level;
use protocol::screen::{BoardLot, Language, Rect, Text};

use super::card::{Card, draw_badge};
use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::text::Words;
use crate::scene::{palette, words};
use crate::stage::canvas::Canvas;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    said: String,
    level: Level,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    rows: Vec<Row>,
    age: String,
    language: Language,
}

/// The board.
pub struct Parking {
    picture: Faced<Face>,
    unit: f64,
    title: Text,
    lots: Vec<BoardLot>,
    language: Language,
}

impl Parking {
    /// A board of car parks, from top to bottom.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, title: &Text, lots: &[BoardLot]) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            title: title.clone(),
            lots: lots.to_vec(),
            language: place.language,
        })
    }

    fn face(&self, now: &Moment, data: &Data) -> Face {
        let mut oldest = None;
        let rows = self.lots.iter().map(|lot| {
            let found = data.lot(&lot.lot, now.wall);
            oldest = oldest.max(found.map(|(_, age)| age));
            let (free, places) = found.map_or((None, 0), |(state, _)| (state.free, state.places));
            let level = level(free, places);
            Row {
                label: lot.label.in_language(self.language).to_owned(),
                said: format!("{} {}", level.mark(), words::free_places(free, self.language)),
                level,
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

/// How full a car park is: from a fifth of its places on there is room, below it is nearly full.
fn level(free: Option<u32>, places: u32) -> Level {
    match free {
        None => Level::Unknown,
        Some(0) => Level::Full,
        Some(free) if u64::from(free) * 5 >= u64::from(places) => Level::Free,
        Some(_) => Level::Moderate,
    }
}

fn draw(cr: &Context, card: &Card, title: &str, face: &Face) -> Result<(), cairo::Error> {
    card.draw_paper(cr)?;
    let top = card.draw_title(cr, title);
    let foot = card.draw_foot(cr, &face.age);
    let unit = card.unit;
    let height = (foot - top - unit * 0.2) / face.rows.len().max(1) as f64;
    for (index, row) in face.rows.iter().enumerate() {
        let middle = top + height * (index as f64 + 0.5);
        let badge_width = card.inner() * 0.58;
        let room = card.inner() - badge_width - unit * 0.5;
        let sizes = [1.25, 1.1, 1.0].map(|share| unit * share);
        Words::fitted(cr, &row.label, card.bold(palette::INK), room, &sizes).draw_left(cr, card.margin(), middle);
        let badge_height = (height * 0.84).min(unit * 3.0);
        let x = card.width - card.margin() - badge_width;
        let badge = (x, middle - badge_height / 2.0, badge_width, badge_height);
        draw_badge(cr, &row.said, palette::level(row.level), card, badge)?;
    }
    Ok(())
}

impl View for Parking {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_car_park_is_full_only_without_a_place() {
        assert_eq!(level(Some(0), 40), Level::Full);
        assert_eq!(level(Some(7), 40), Level::Moderate);
        assert_eq!(level(Some(8), 40), Level::Free);
        assert_eq!(level(None, 40), Level::Unknown);
        assert_eq!(level(Some(u32::MAX), 0), Level::Free);
    }
}
