//! The waiting-number board: of each queue the number called last, its counter and how many wait. A new call
//! is lit up.
//!
//! Invariant: it never flashes faster than once a second (WCAG 2.3.1 allows three).

use std::time::Duration;

use cairo::Context;
use protocol::screen::{BoardQueue, Language};

use super::card::{Card, Content};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{self, Words};
use crate::scene::{palette, words};

/// A call is lit up for so long …
const LIT_FOR: Duration = Duration::from_secs(10);
/// … on and off by turns.
const HALF_PERIOD: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    number: String,
    counter: String,
    waiting: String,
    is_lit: bool,
}

/// What the whole board says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    rows: Vec<Row>,
    age: String,
}

/// The queues, from top to bottom.
pub struct Waiting(pub Vec<BoardQueue>);

impl Content for Waiting {
    type Face = Face;

    fn face(&self, now: &Moment, data: &Data, language: Language) -> Face {
        let mut oldest = None;
        let rows = self.0.iter().map(|queue| {
            let label = queue.label.in_language(language).to_owned();
            let Some((state, age, called_at)) = data.queue(&queue.queue, now) else {
                return Row {
                    label,
                    number: "―".to_owned(),
                    counter: String::new(),
                    waiting: words::unknown(language).to_owned(),
                    is_lit: false,
                };
            };
            oldest = oldest.max(Some(age));
            Row {
                label,
                number: state.called.clone().unwrap_or_else(|| "―".to_owned()),
                counter: state
                    .counter
                    .as_ref()
                    .map_or("", |it| it.in_language(language))
                    .to_owned(),
                waiting: words::waiting(state.waiting, language),
                is_lit: called_at.is_some_and(|called_at| is_lit(now.at.saturating_sub(called_at))),
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
            draw_row(cr, row, card, y, height)?;
        }
        Ok(())
    }
}

/// Whether a number is lit so long after it was called.
fn is_lit(since: Duration) -> bool {
    since < LIT_FOR && (since.as_millis() / HALF_PERIOD.as_millis()).is_multiple_of(2)
}

/// The label and who waits at the left, the number and its counter at the right.
fn draw_row(cr: &Context, row: &Row, card: &Card, y: f64, height: f64) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let (x, width) = (card.margin(), card.inner());
    let field_width = width * 0.56;
    let field = (x + width - field_width, y + height * 0.06, field_width, height * 0.88);
    let (ground, ink) = if row.is_lit {
        (palette::BLUE, palette::WHITE)
    } else {
        (palette::PALE_BLUE, palette::BLUE)
    };
    text::rounded(cr, field.0, field.1, field.2, field.3, unit * 0.5);
    text::set_color(cr, ground);
    cr.fill()?;
    let room = width - field_width - unit * 0.6;
    let middle = y + height / 2.0;
    let quiet = card.bold(palette::SOFT_INK);
    let sizes = [1.25, 1.1, 1.0].map(|share| unit * share);
    let has_two_lines = height >= unit * 3.0;
    let lift = if has_two_lines { unit * 0.8 } else { 0.0 };
    Words::fitted(cr, &row.label, card.bold(palette::INK), room, &sizes).draw_left(cr, x, middle - lift);
    if has_two_lines {
        Words::fitted(cr, &row.waiting, quiet, room, &[unit]).draw_left(cr, x, middle + lift);
    }
    let inset = unit * 0.6;
    let inner = field_width - inset * 2.0;
    let share = if row.counter.is_empty() { 1.0 } else { 0.48 };
    let number_sizes = [2.6, 2.2, 1.8, 1.5, 1.25, 1.0].map(|size| (unit * size).min(height * 0.7).max(unit));
    let number = Words::fitted(cr, &row.number, card.bold(ink), inner * share, &number_sizes);
    if row.counter.is_empty() {
        number.draw_centered(cr, field.0 + field_width / 2.0, middle);
    } else {
        number.draw_left(cr, field.0 + inset, middle);
        let counter = Words::fitted(
            cr,
            &row.counter,
            card.bold(ink),
            inner * 0.5,
            &[unit * 1.3, unit * 1.15, unit],
        );
        counter.draw_right(cr, field.0 + field_width - inset, middle);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_lit_once_a_second_and_then_rests() {
        let lit = |millis| is_lit(Duration::from_millis(millis));
        assert!(lit(0) && lit(499) && !lit(500) && !lit(999) && lit(1000));
        assert!(!lit(10_000) && !lit(11_000));
    }
}
