//! What the office says now: one notice after the other.

use std::time::Duration;

use cairo::Context;
use protocol::screen::{Language, Text};

use super::card::{Card, Content};
use crate::scene::data::{Data, Moment};
use crate::scene::text::Words;
use crate::scene::{palette, words};

/// How long one notice stands where there are several.
const TURN: Duration = Duration::from_secs(8);

/// What is said now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    said: String,
    /// Which of how many; none where there is only one.
    number: Option<(usize, usize)>,
}

/// The office's notices, by turns.
pub struct Notices;

impl Content for Notices {
    type Face = Face;

    fn face(&self, now: &Moment, data: &Data, language: Language) -> Face {
        let notices: Vec<&Text> = data.notices(now.wall).map(|notice| &notice.text).collect();
        let turn = usize::try_from(now.at.as_secs() / TURN.as_secs()).unwrap_or(0);
        let index = turn % notices.len().max(1);
        Face {
            said: notices.get(index).map_or_else(
                || words::no_notices(language).to_owned(),
                |text| text.in_language(language).to_owned(),
            ),
            number: (notices.len() > 1).then_some((index + 1, notices.len())),
        }
    }

    fn draw(cr: &Context, card: &Card, top: f64, face: &Face) -> Result<(), cairo::Error> {
        let bottom = match face.number {
            Some((number, count)) => card.draw_foot(cr, &format!("{number} / {count}")),
            None => card.height - card.margin(),
        };
        let room = bottom - top;
        let sizes = [1.6, 1.4, 1.2, 1.1, 1.0].map(|share| card.unit * share);
        let words = Words::boxed(cr, &face.said, card.bold(palette::INK), (card.inner(), room), &sizes);
        words.draw_in(cr, (card.margin(), top), room);
        card.is_cut.set(words.is_cut());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;
    use protocol::screen::{Notice, Urgency};
    use protocol::time::UnixMillis;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_390_200_000);

    #[test]
    fn each_notice_has_its_turn_and_one_alone_stands() {
        let notice = |text: &str| Notice {
            id: text.to_owned(),
            text: text.into(),
            urgency: Urgency::Normal,
            until: None,
        };
        let said = |texts: &[&str], seconds: u64| {
            let mut data = Data::new(TimeZone::UTC, BTreeMap::new());
            data.hear_notices(texts.iter().map(|text| notice(text)).collect(), NOW);
            let moment = Moment {
                at: Duration::from_secs(seconds),
                lead: Duration::ZERO,
                wall: NOW,
            };
            let face = Notices.face(&moment, &data, Language::Ja);
            (face.said, face.number)
        };
        let of = |text: &str, number| (text.to_owned(), number);
        for (seconds, expected) in [(0, "一"), (7, "一"), (8, "二"), (15, "二"), (16, "三"), (24, "一")] {
            let number = ["一", "二", "三"]
                .iter()
                .position(|text| *text == expected)
                .map(|at| (at + 1, 3));
            assert_eq!(said(&["一", "二", "三"], seconds), of(expected, number), "{seconds} s");
        }
        assert_eq!(said(&["一"], 100), of("一", None));
    }
}
