//! Free places of car parks: a word and a colour for each, never colour alone.

use cairo::Context;
use protocol::congestion::Level;
use protocol::screen::{BoardLot, Language};

use super::card::{Card, Content, draw_badge};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{Fit, Words};
use crate::scene::{palette, words};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    said: String,
    level: Level,
}

/// What the whole board says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    rows: Vec<Row>,
    age: String,
}

/// The car parks, from top to bottom.
pub struct Parking(pub Vec<BoardLot>);

impl Content for Parking {
    type Face = Face;

    fn face(&self, now: &Moment, data: &Data, language: Language) -> Face {
        let mut oldest = None;
        let rows = self.0.iter().map(|lot| {
            let found = data.lot(&lot.lot, now.wall);
            oldest = oldest.max(found.map(|(_, age)| age));
            let (free, places) = found.map_or((None, 0), |(state, _)| (state.free, state.places));
            let level = level(free, places);
            Row {
                label: lot.label.in_language(language).to_owned(),
                said: words::free_places(free, language),
                level,
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
        // What is free has what the car parks' names leave, in all rows alike.
        let name = |row: &Row| Words::new(cr, &row.label, card.bold(palette::INK), Fit::Free).width();
        let widest = face.rows.iter().map(name).fold(0.0, f64::max);
        let inner = card.inner();
        let badge_width = (inner - widest - card.unit * 0.5).clamp(inner * 0.58, inner * 0.72);
        for (row, y, height) in card.rows(top, foot, &face.rows) {
            draw_row(cr, row, card, (y, height), badge_width)?;
        }
        Ok(())
    }
}

/// The car park's name, then what is free.
fn draw_row(
    cr: &Context,
    row: &Row,
    card: &Card,
    (y, height): (f64, f64),
    badge_width: f64,
) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let middle = y + height / 2.0;
    let room = card.inner() - badge_width - unit * 0.5;
    let sizes = [1.25, 1.1, 1.0].map(|share| unit * share);
    Words::fitted(cr, &row.label, card.bold(palette::INK), room, &sizes).draw_left(cr, card.margin(), middle);
    let badge_height = (height * 0.84).min(unit * 3.0);
    let x = card.width - card.margin() - badge_width;
    let badge = (x, middle - badge_height / 2.0, badge_width, badge_height);
    draw_badge(cr, row.level, &row.said, card, badge)
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
