//! What boards look like: a white card with a title above, rows, and how old the news is below.

use std::cell::Cell;

use anyhow::Result;
use cairo::Context;
use protocol::congestion::Level;
use protocol::screen::{Language, Rect, Text};

use super::{Faced, Place, View, mark};
use crate::scene::data::{Data, Moment};
use crate::scene::palette::{self, Color};
use crate::scene::text::{self, Fit, Style, Words};
use crate::stage::canvas::Canvas;

/// What a card says under its title.
pub trait Content {
    /// All that it says; the card is drawn anew when that changes.
    type Face: PartialEq;

    /// What it says now to readers of a language.
    fn face(&self, now: &Moment, data: &Data, language: Language) -> Self::Face;

    /// Where it has several pages: which one has its turn.
    fn turn(_face: &mut Self::Face, _now: &Moment, _pages: usize) {}

    /// So many pixels it needs at least; where they aren't left below the title, there is none.
    fn least(_cr: &Context, _card: &Card, _face: &Self::Face) -> f64 {
        0.0
    }

    /// Draws it on the paper, from `top` pixels down.
    ///
    /// # Errors
    /// What cairo can't do.
    fn draw(cr: &Context, card: &Card, top: f64, face: &Self::Face) -> Result<(), cairo::Error>;
}

/// A card as a widget.
pub struct CardView<C: Content> {
    picture: Faced<(Language, C::Face)>,
    unit: f64,
    title: Text,
    language: Language,
    content: C,
    is_cut: bool,
    pages: usize,
}

impl<C: Content> CardView<C> {
    /// A card with a title.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, title: &Text, content: C) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            title: title.clone(),
            language: place.language,
            content,
            is_cut: false,
            pages: 1,
        })
    }
}

impl<C: Content> View for CardView<C> {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let mut face = self.content.face(now, data, self.language);
        C::turn(&mut face, now, self.pages);
        let (width, height) = self.picture.size();
        let card = Card {
            width,
            height,
            unit: self.unit,
            language: self.language,
            is_cut: Cell::new(self.is_cut),
            pages: Cell::new(self.pages),
        };
        let title = self.title.in_language(self.language);
        let changed = self.picture.show((self.language, face), |cr, (_, face)| {
            card.draw_paper(cr)?;
            let below = card.below_title(cr, title);
            let has_title = below + C::least(cr, &card, face) <= card.bottom();
            if has_title {
                card.draw_title(cr, title);
            }
            C::draw(cr, &card, if has_title { below } else { card.edge() }, face)
        });
        self.is_cut = card.is_cut.get();
        self.pages = card.pages.get();
        changed
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }
}

/// A card's measures.
#[derive(Debug)]
pub struct Card {
    /// Pixels.
    pub(super) width: f64,
    /// Pixels.
    pub(super) height: f64,
    /// The smallest height of letters.
    pub(super) unit: f64,
    /// Whose letters.
    pub(super) language: Language,
    /// What it says doesn't fit.
    pub(super) is_cut: Cell<bool>,
    /// It says it in so many pages, by turns.
    pub(super) pages: Cell<usize>,
}

impl Card {
    /// Free space along the edges.
    pub(super) fn margin(&self) -> f64 {
        self.unit * 0.9
    }

    /// Pixels between the edges.
    pub(super) fn inner(&self) -> f64 {
        self.width - self.margin() * 2.0
    }

    /// Free space above and below where there is little.
    pub(super) fn edge(&self) -> f64 {
        self.unit * 0.3
    }

    /// Down to there a card without a foot may say something.
    pub(super) fn bottom(&self) -> f64 {
        self.height - self.edge()
    }

    /// Shares the height from `top` to a foot among rows: each one's upper edge and height, in pixels.
    pub(super) fn rows<'a, R>(&self, top: f64, foot: f64, rows: &'a [R]) -> impl Iterator<Item = (&'a R, f64, f64)> {
        let height = (foot - top - self.unit * 0.2) / rows.len().max(1) as f64;
        rows.iter()
            .enumerate()
            .map(move |(index, row)| (row, top + height * index as f64, height))
    }

    /// Bold letters of the smallest size.
    pub(super) fn bold(&self, color: Color) -> Style {
        Style::bold(self.unit, color, self.language)
    }

    /// The paper, with a line around.
    fn draw_paper(&self, cr: &Context) -> Result<(), cairo::Error> {
        text::rounded(cr, 1.0, 1.0, self.width - 2.0, self.height - 2.0, self.unit * 0.7);
        text::set_color(cr, palette::WHITE);
        cr.fill_preserve()?;
        text::set_color(cr, palette::LINE);
        cr.set_line_width(2.0);
        cr.stroke()
    }

    fn title(&self, cr: &Context, title: &str) -> Words {
        let sizes = [1.3, 1.15, 1.0].map(|share| self.unit * share);
        Words::fitted(cr, title, self.bold(palette::INK), self.inner(), &sizes)
    }

    fn draw_title(&self, cr: &Context, title: &str) {
        self.title(cr, title).draw(cr, self.margin(), self.margin() * 0.85);
    }

    /// Where the rest begins below a title.
    fn below_title(&self, cr: &Context, title: &str) -> f64 {
        self.margin() * 0.85 + self.title(cr, title).height() + self.unit * 0.35
    }

    fn foot(&self, cr: &Context, said: &str) -> Words {
        let style = Style::plain(self.unit, palette::SOFT_INK, self.language);
        Words::new(cr, said, style, Fit::Line(self.inner()))
    }

    /// Where a quiet line at the bottom begins.
    pub(super) fn above_foot(&self, cr: &Context, said: &str) -> f64 {
        self.height - self.margin() * 0.75 - self.foot(cr, said).height()
    }

    /// A quiet line at the bottom right. Gives where it begins.
    pub(super) fn draw_foot(&self, cr: &Context, said: &str) -> f64 {
        let top = self.above_foot(cr, said);
        let style = Style::plain(self.unit, palette::SOFT_INK, self.language);
        let words = Words::fitted(cr, said, style, self.inner(), &[self.unit]);
        let middle = top + self.foot(cr, said).height() / 2.0;
        words.draw_right(cr, self.width - self.margin(), middle);
        top
    }
}

/// A coloured field with a level's mark and words in its middle, as large as they fit.
pub(super) fn draw_badge(
    cr: &Context,
    level: Level,
    said: &str,
    card: &Card,
    (x, y, width, height): (f64, f64, f64, f64),
) -> Result<(), cairo::Error> {
    let (ground, ink) = palette::level(level);
    let unit = card.unit;
    text::rounded(cr, x, y, width, height, unit * 0.5);
    text::set_color(cr, ground);
    cr.fill()?;
    let largest = (height * 0.5).clamp(unit, unit * 1.9);
    let sizes = [1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52].map(|share| (largest * share).max(unit));
    let set = |size: f64, fit: Fit| Words::new(cr, said, card.bold(ink).sized(size), fit);
    // Words don't touch the field's edges, but before they are cut they come near them.
    let room = |size: f64, margin: f64| width - margin * 2.0 - mark::width(size) - size * 0.35;
    let margins = [0.8, 0.3].map(|share| unit * share);
    let choices = margins.iter().flat_map(|margin| sizes.map(|size| (size, *margin)));
    let fitting = choices
        .map(|(size, margin)| (size, set(size, Fit::Free), room(size, margin)))
        .find(|(_, words, room)| words.width() <= *room);
    let (size, words) = match fitting {
        Some((size, words, _)) => (size, words),
        None => (unit, set(unit, Fit::Line(room(unit, margins[1])))),
    };
    let (sign, gap) = (mark::width(size), size * 0.35);
    let left = x + (width - sign - gap - words.width()) / 2.0;
    let middle = y + height / 2.0;
    mark::draw(cr, level, ink, size, (left + sign / 2.0, middle))?;
    words.draw_left(cr, left + sign + gap, middle);
    Ok(())
}
