//! What the office says now: one notice after the other.

use std::time::Duration;

use anyhow::Result;
use cairo::Context;
use protocol::screen::{Language, Rect, Text};

use super::card::Card;
use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{Fit, Style, Words};
use crate::scene::{palette, words};
use crate::stage::canvas::Canvas;

/// How long one notice stands where there are several.
const TURN: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    said: String,
    /// Which of how many; none where there is only one.
    number: Option<(usize, usize)>,
    language: Language,
}

/// The notices in their zone.
pub struct Notices {
    picture: Faced<Face>,
    unit: f64,
    title: Text,
    language: Language,
}

impl Notices {
    /// Notices under a title.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, title: &Text) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            title: title.clone(),
            language: place.language,
        })
    }

    fn face(&self, now: &Moment, data: &Data) -> Face {
        let notices: Vec<&Text> = data.notices(now.wall).map(|notice| &notice.text).collect();
        let turn = usize::try_from(now.at.as_secs() / TURN.as_secs()).unwrap_or(0);
        let index = turn % notices.len().max(1);
        Face {
            said: notices.get(index).map_or_else(
                || words::no_notices(self.language).to_owned(),
                |text| text.in_language(self.language).to_owned(),
            ),
            number: (notices.len() > 1).then_some((index + 1, notices.len())),
            language: self.language,
        }
    }
}

fn draw(cr: &Context, card: &Card, title: &str, face: &Face) -> Result<(), cairo::Error> {
    card.draw_paper(cr)?;
    let top = card.draw_title(cr, title);
    let bottom = match face.number {
        Some((number, count)) => card.draw_foot(cr, &format!("{number} / {count}")),
        None => card.height - card.margin(),
    };
    let room = bottom - top;
    let style = |size: f64| Style::bold(size, palette::INK, card.language);
    let sizes = [1.6, 1.4, 1.2, 1.1, 1.0].map(|share| card.unit * share);
    let fits = |size: &&f64| Words::new(cr, &face.said, style(**size), Fit::Box(card.inner(), 1e5)).height() <= room;
    let size = sizes.iter().find(fits).copied().unwrap_or(card.unit);
    let words = Words::new(cr, &face.said, style(size), Fit::Box(card.inner(), room));
    words.draw_left(cr, card.margin(), top + room / 2.0);
    Ok(())
}

impl View for Notices {
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
