//! The office's name and the time, in the middle of a zone, as large as they fit.

use anyhow::Result;
use cairo::Context;
use protocol::screen::{Language, Rect, Text};

use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{Fit, Style, TINY, Words};
use crate::scene::widgets::{Faced, Place, View, clock};
use crate::stage::canvas::Canvas;

/// The name is no larger, in the smallest letters; alone it is quieter.
const LARGEST: f64 = 3.2;
const QUIET: f64 = 1.6;

/// Letters in shares of the name's.
const TIME: f64 = 1.35;
const DATE: f64 = 0.8;
/// From line to line, and between words in one.
const LEADING: f64 = 1.25;
const GAP: f64 = 1.0;

/// What it says now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    language: Language,
    date: String,
    time: String,
}

pub(super) struct Head {
    picture: Faced<Face>,
    unit: f64,
    office: Text,
    language: Language,
    has_time: bool,
}

impl Head {
    /// The name, with the time or alone.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub(super) fn new(place: Place, office: &Text, has_time: bool) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            office: office.clone(),
            language: place.language,
            has_time,
        })
    }
}

impl View for Head {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let said = self.has_time.then(|| clock::said(now, data, self.language)).flatten();
        let (date, time) = said.unwrap_or_default();
        let face = Face {
            language: self.language,
            date,
            time,
        };
        let size = self.picture.size();
        let largest = self.unit * if self.has_time { LARGEST } else { QUIET };
        let ink = if self.has_time {
            palette::BLUE
        } else {
            palette::SOFT_INK
        };
        let style = Style::bold(largest, ink, self.language);
        let office = self.office.in_language(self.language);
        self.picture.show(face, |cr, face| {
            draw(cr, office, face, style, size);
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

/// Words with their letters' size in shares of the name's.
type Piece<'a> = (&'a str, Style, f64);

/// Draws the pieces in one, two or three lines, whichever makes them largest.
fn draw(cr: &Context, office: &str, face: &Face, style: Style, (width, height): (f64, f64)) {
    let of = |color| Style { color, ..style };
    let name = (office, style, 1.0);
    let time = (face.time.as_str(), of(palette::INK), TIME);
    let date = (face.date.as_str(), of(palette::SOFT_INK), DATE);
    let arrangements = [
        vec![vec![name], vec![time], vec![date]],
        vec![vec![name], vec![date, time]],
        vec![vec![name, date, time]],
    ];
    let arrangements = arrangements.map(without_empty);
    let sizes = std::iter::successors(Some(style.size), |size| Some(size * 0.94)).take_while(|size| *size > TINY);
    let found = sizes
        .flat_map(|size| arrangements.iter().map(move |lines| (size, lines)))
        .find(|(size, lines)| fits(cr, lines, *size, (width, height)));
    let Some((size, lines)) = found else { return };
    let mut top = (height - size * tall(lines)) / 2.0;
    for line in lines {
        let high = size * high(line);
        let set: Vec<Words> = set(cr, line, size);
        let mut x = (width - wide(&set, size)) / 2.0;
        let baseline = set
            .iter()
            .map(|words| (high - words.height()) / 2.0 + words.baseline())
            .fold(0.0, f64::max);
        for words in &set {
            x += words.width();
            words.draw_right_on(cr, x, top + baseline);
            x += size * GAP;
        }
        top += high;
    }
}

/// The time isn't always said.
fn without_empty(mut lines: Vec<Vec<Piece<'_>>>) -> Vec<Vec<Piece<'_>>> {
    lines
        .iter_mut()
        .for_each(|line| line.retain(|(said, ..)| !said.is_empty()));
    lines.retain(|line| !line.is_empty());
    lines
}

fn set(cr: &Context, line: &[Piece<'_>], size: f64) -> Vec<Words> {
    let words = |(said, style, share): &Piece<'_>| Words::new(cr, said, style.sized(size * share), Fit::Free);
    line.iter().map(words).collect()
}

fn wide(set: &[Words], size: f64) -> f64 {
    set.iter().map(Words::width).sum::<f64>() + size * GAP * set.len().saturating_sub(1) as f64
}

/// In shares of the name's letters.
fn high(line: &[Piece<'_>]) -> f64 {
    line.iter().map(|(.., share)| share * LEADING).fold(0.0, f64::max)
}

fn tall(lines: &[Vec<Piece<'_>>]) -> f64 {
    lines.iter().map(|line| high(line)).sum()
}

fn fits(cr: &Context, lines: &[Vec<Piece<'_>>], size: f64, (width, height): (f64, f64)) -> bool {
    size * tall(lines) <= height && lines.iter().all(|line| wide(&set(cr, line, size), size) <= width)
}
