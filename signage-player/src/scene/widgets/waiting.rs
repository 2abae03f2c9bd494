//! The waiting-number board: of each queue the number called last, its counter and how many wait. A new call
//! is lit up.
//!
//! A number and a counter are never cut ([`plan`]). Where there is no room for all queues with letters that can be read, they take turns,
//! page by page; a page with a new call comes at once.
//!
//! Invariant: it never flashes faster than once a second (WCAG 2.3.1 allows three).

use std::time::Duration;

use cairo::Context;
use protocol::screen::{BoardQueue, Language};

use self::plan::{Measures, Plan, Side};
use super::card::{Card, Content};
use crate::scene::data::{Data, Moment};
use crate::scene::text::{self, Fit, Words};
use crate::scene::{palette, words};

mod plan;

/// A call is lit up for so long …
const LIT_FOR: Duration = Duration::from_secs(10);
/// … on and off by turns.
const HALF_PERIOD: Duration = Duration::from_millis(500);
/// How long a page stands where there are several.
const TURN: Duration = Duration::from_secs(8);

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
    /// The row that was called last, while that is new.
    called: Option<usize>,
    /// Which page has its turn.
    turn: usize,
}

impl Face {
    /// Which page is seen: the one with a new call, else the one whose turn it is.
    fn page(&self, on_a_page: usize, pages: usize) -> usize {
        let page = self.called.map_or(self.turn, |row| row / on_a_page.max(1));
        page.min(pages.max(1) - 1)
    }
}

/// The queues, from top to bottom.
pub struct Waiting(pub Vec<BoardQueue>);

impl Content for Waiting {
    type Face = Face;

    fn face(&self, now: &Moment, data: &Data, language: Language) -> Face {
        let (mut oldest, mut newest) = (None, None);
        let rows = self.0.iter().enumerate().map(|(index, queue)| {
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
            newest = newest.max(called_at.map(|called_at| (called_at, index)));
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
            called: newest
                .filter(|(called_at, _)| now.at.saturating_sub(*called_at) < LIT_FOR)
                .map(|(_, index)| index),
            turn: 0,
        }
    }

    fn turn(face: &mut Face, now: &Moment, pages: usize) {
        face.turn = usize::try_from(now.at.as_secs() / TURN.as_secs()).unwrap_or(0) % pages.max(1);
    }

    fn least(cr: &Context, card: &Card, face: &Face) -> f64 {
        plan::least(&measured(cr, card, &face.rows), card.unit, card.inner())
    }

    fn draw(cr: &Context, card: &Card, top: f64, face: &Face) -> Result<(), cairo::Error> {
        let measures = measured(cr, card, &face.rows);
        let least = plan::least(&measures, card.unit, card.inner());
        let foot = card.above_foot(cr, &face.age);
        let above_foot = foot - top - card.unit * 0.2;
        let has_foot = above_foot >= least;
        let height = if has_foot { above_foot } else { card.bottom() - top };
        let all = face.rows.len();
        let on_a_page = plan::on_a_page(&measures, card.unit, (card.inner(), height), all);
        let pages = all.div_ceil(on_a_page);
        card.pages.set(pages);
        let page = face.page(on_a_page, pages);
        if has_foot {
            card.draw_foot(cr, &foot_words(cr, card, &face.age, (page, pages)));
        }
        let plan = plan::best(&measures, card.unit, (card.inner(), height / on_a_page as f64));
        let rows = face.rows.iter().skip(page * on_a_page).take(on_a_page);
        for (index, row) in rows.enumerate() {
            draw_row(cr, row, card, &plan, top + height / on_a_page as f64 * index as f64)?;
        }
        Ok(())
    }
}

/// Which page it is, and how old the news is where there is room for that too.
fn foot_words(cr: &Context, card: &Card, age: &str, (page, pages): (usize, usize)) -> String {
    if pages < 2 {
        return age.to_owned();
    }
    let number = format!("{} / {pages}", page + 1);
    let both = format!("{number}\u{3000}{age}");
    let is_cut = Words::new(cr, &both, card.bold(palette::SOFT_INK), Fit::Line(card.inner())).is_cut();
    if is_cut { number } else { both }
}

/// Whether a number is lit so long after it was called.
fn is_lit(since: Duration) -> bool {
    since < LIT_FOR && (since.as_millis() / HALF_PERIOD.as_millis()).is_multiple_of(2)
}

/// How wide the words are. Letters aren't hinted, so widths grow with their size.
fn measured(cr: &Context, card: &Card, rows: &[Row]) -> Measures {
    const SIZE: f64 = 100.0;
    let width = |said: &str| {
        let style = card.bold(palette::INK).sized(SIZE);
        // Half a pixel for what rounding makes of smaller letters.
        (Words::new(cr, said, style, Fit::Free).width() + 0.5) / SIZE
    };
    let widest = |said: fn(&Row) -> &str| rows.iter().map(|row| width(said(row))).fold(0.0, f64::max);
    let counter = |row: &Row| {
        if row.counter.is_empty() {
            0.0
        } else {
            width(&row.counter)
        }
    };
    Measures {
        label: widest(|row| &row.label),
        waiting: widest(|row| &row.waiting),
        calls: rows.iter().map(|row| (width(&row.number), counter(row))).collect(),
    }
}

/// The label and who waits, the number and its counter, in their places.
fn draw_row(cr: &Context, row: &Row, card: &Card, plan: &Plan, y: f64) -> Result<(), cairo::Error> {
    let unit = card.unit;
    let x = card.margin();
    let field = plan.field;
    let (ground, ink) = if row.is_lit {
        (palette::BLUE, palette::WHITE)
    } else {
        (palette::PALE_BLUE, palette::BLUE)
    };
    text::rounded(cr, x + field.x, y + field.y, field.width, field.height, unit * 0.5);
    text::set_color(cr, ground);
    cr.fill()?;
    let label = card.bold(palette::INK);
    Words::fitted(cr, &row.label, label, plan.label_room, &[plan.label, unit]).draw_left(cr, x, y + plan.label_at);
    let waiting = |fit| Words::new(cr, &row.waiting, card.bold(palette::SOFT_INK), fit);
    match plan.waiting {
        Some(Side::Left(at)) => waiting(Fit::Line(plan.label_room)).draw_left(cr, x, y + at),
        Some(Side::Right(at)) => waiting(Fit::Free).draw_right(cr, x + card.inner(), y + at),
        None => {}
    }
    let set = |said: &str, size: f64| Words::new(cr, said, card.bold(ink).sized(size), Fit::Free);
    let number = set(&row.number, plan.number);
    let counter = set(&row.counter, plan.counter);
    let (left, right) = (x + field.x + plan.inset, x + field.x + field.width - plan.inset);
    let middle = y + field.y + field.height / 2.0;
    let (upper, lower) = plan.stacked();
    if row.counter.is_empty() || !plan.is_stacked {
        number.draw_left(cr, left, middle);
        counter.draw_right(cr, right, middle);
    } else {
        number.draw_left(cr, left, y + upper);
        counter.draw_left(cr, left, y + lower);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;
    use protocol::screen::{QueueState, Text};
    use protocol::time::UnixMillis;

    use super::super::card::CardView;
    use super::super::{Place, View};
    use super::*;

    #[test]
    fn a_call_is_lit_once_a_second_and_then_rests() {
        let lit = |millis| is_lit(Duration::from_millis(millis));
        assert!(lit(0) && lit(499) && !lit(500) && !lit(999) && lit(1000));
        assert!(!lit(10_000) && !lit(11_000));
    }

    const QUEUES: [&str; 4] = ["税金", "介護", "年金", "戸籍"];

    fn at(seconds: u64) -> Moment {
        Moment {
            at: Duration::from_secs(seconds),
            lead: Duration::ZERO,
            wall: UnixMillis(1_000_000),
        }
    }

    /// All queues of a board so many pixels high, each called once, at the beginning.
    fn board(height: u32) -> (CardView<Waiting>, Data) {
        let place = Place {
            width: 360,
            height,
            unit: 20.0,
            scale: 1.0,
            ground: palette::WHITE,
            language: Language::Ja,
        };
        let queues = QUEUES.map(|name| BoardQueue {
            queue: name.to_owned(),
            label: Text::japanese(name),
        });
        let view = CardView::new(place, &Text::japanese("お呼び出し"), Waiting(queues.to_vec())).expect("made");
        let mut data = Data::new(TimeZone::UTC, BTreeMap::new());
        data.hear_queues(QUEUES.map(|name| state(name, 1)).to_vec(), &at(0));
        (view, data)
    }

    fn state(name: &str, calls: u64) -> QueueState {
        QueueState {
            queue: name.to_owned(),
            called: Some("41".to_owned()),
            counter: Some(Text::japanese("3番窓口")),
            calls,
            waiting: 4,
            at: UnixMillis(1_000_000),
        }
    }

    /// When it was drawn anew.
    fn drawn(view: &mut CardView<Waiting>, data: &Data, seconds: std::ops::Range<u64>) -> Vec<u64> {
        seconds
            .filter(|second| view.draw(&at(*second), data).is_some())
            .collect()
    }

    #[test]
    fn a_low_board_turns_its_pages_and_one_with_room_for_all_stands_still() {
        let (mut low, data) = board(120);
        assert_eq!(drawn(&mut low, &data, 0..40), [0, 8, 16, 24, 32]);
        let (mut high, data) = board(600);
        assert_eq!(drawn(&mut high, &data, 0..40), [0]);
    }

    #[test]
    fn a_page_with_a_new_call_comes_at_once() {
        let (_, mut data) = board(120);
        let queues = QUEUES.map(|name| BoardQueue {
            queue: name.to_owned(),
            label: Text::japanese(name),
        });
        let waiting = Waiting(queues.to_vec());
        let page = |data: &Data, second: u64| {
            let mut face = waiting.face(&at(second), data, Language::Ja);
            Waiting::turn(&mut face, &at(second), 4);
            face.page(1, 4)
        };
        assert_eq!([0, 8, 16, 24, 32].map(|second| page(&data, second)), [0, 1, 2, 3, 0]);
        data.hear_queues(vec![state("戸籍", 2)], &at(41));
        assert_eq!([41, 50, 51].map(|second| page(&data, second)), [3, 3, 2]);
        data.hear_queues(vec![state("年金", 2), state("税金", 2)], &at(60));
        data.hear_queues(vec![state("介護", 2)], &at(61));
        assert_eq!(page(&data, 62), 1, "the newest");
    }
}
