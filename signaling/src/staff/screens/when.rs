//! When something is shown: the fields of the form that say so, and the same in words. Pure.

use jiff::civil::{Date, DateTime, Time};
use protocol::screen::When;
use protocol::screen::schedule::{Day, Span};

use super::super::nav::Fields;
use crate::booking::dates;
use crate::booking::language::Tongue;
use crate::texts::Lang;

/// Days of the week as the form, and a schedule, name them.
const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// The key of the fields that say when the screen is on.
pub(super) const SCREEN: &str = "on";

/// A box to tick.
pub(super) struct DayBox {
    pub(super) value: &'static str,
    pub(super) word: &'static str,
    pub(super) is_on: bool,
}

/// screen-when.html
pub(super) struct WhenForm {
    /// Tells its fields from others' of the same page.
    pub(super) key: String,
    pub(super) from: String,
    pub(super) until: String,
    /// `any`, `open`, `closed` or `days`.
    pub(super) kind: &'static str,
    pub(super) days: Vec<DayBox>,
    /// `as`: like other days; `never`; `too`.
    pub(super) holidays: &'static str,
    pub(super) begins: String,
    pub(super) ends: String,
    /// All of it in words.
    pub(super) words: String,
    pub(super) is_always: bool,
    /// From when on it holds, where that isn't now.
    pub(super) next: Option<String>,
    /// What is wrong: a field's name, and the words for it.
    pub(super) wrong: Option<(&'static str, &'static str)>,
}

/// What is wrong with a form: which field, by its name and the key of its part, and the key of the words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: &'static str,
    pub(super) key: String,
    pub(super) words: &'static str,
}

impl Wrong {
    /// The id of the field.
    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.field, self.key)
    }
}

impl WhenForm {
    /// Shows again what was typed, with what is wrong with it.
    pub(super) fn refuse(&mut self, lang: Lang, fields: &Fields, wrong: &Wrong) {
        let field = |name: &str| fields.get(&format!("{name}-{}", self.key)).trim().to_owned();
        (self.from, self.until) = (field("from"), field("until"));
        (self.begins, self.ends) = (field("begins"), field("ends"));
        if wrong.field == "days" {
            self.kind = "days";
        }
        let texts = lang.catalogue();
        self.words = texts.text("screens.when.wrong").to_owned();
        self.next = None;
        self.wrong = Some((wrong.field, texts.text(wrong.words)));
    }

    /// What is wrong with a field.
    pub(super) fn fault(&self, field: &str) -> Option<&'static str> {
        self.wrong.filter(|(name, _)| *name == field).map(|(_, words)| words)
    }

    /// `now`: by the office's clock; `closed`: the days on which the office is closed.
    pub(super) fn new(lang: Lang, key: impl ToString, when: &When, now: DateTime, closed: &[Day]) -> Self {
        let span = when.times.first().map(Span::to_string).unwrap_or_default();
        let (begins, ends) = span.split_once('-').unwrap_or_default();
        let has = |value: &str| when.days.iter().any(|day| day.to_string() == value);
        let kind = match when.days.first() {
            None => "any",
            Some(Day::Open) => "open",
            Some(Day::Closed) => "closed",
            Some(_) => "days",
        };
        let holidays = match () {
            () if when.except.contains(&Day::Holiday) => "never",
            () if when.days.contains(&Day::Holiday) => "too",
            () => "as",
        };
        let texts = lang.catalogue();
        let names = WEEKDAYS.map(|value| (value, texts.text(&format!("screens.when.{value}"))));
        // The screen itself has words of its own.
        let key = key.to_string();
        let word = if key == SCREEN {
            "screens.on.next"
        } else {
            "screens.when.next"
        };
        let next = match when.next(now, closed) {
            Some(next) if next == now => None,
            Some(next) => Some(texts.counted(word, moment(lang, next))),
            None => Some(texts.text("screens.when.over").to_owned()),
        };
        Self {
            key,
            from: when.from.map_or_else(String::new, |day| day.to_string()),
            until: when.until.map_or_else(String::new, |day| day.to_string()),
            kind,
            days: names
                .map(|(value, word)| DayBox {
                    value,
                    word,
                    is_on: has(value),
                })
                .into(),
            holidays,
            begins: begins.to_owned(),
            // A field for a time knows no 24:00.
            ends: ends.replace("24:00", "00:00"),
            words: words(lang, when),
            is_always: when.is_always(),
            next,
            wrong: None,
        }
    }
}

/// What a part of the form says, and what is wrong with it first: that is left out, the rest is there.
pub(super) fn read(fields: &Fields, key: &str) -> (When, Option<Wrong>) {
    let field = |name: &str| fields.get(&format!("{name}-{key}")).trim().to_owned();
    let mut wrong: Option<(&'static str, &'static str)> = None;
    let mut date = |name: &'static str| match field(name) {
        text if text.is_empty() => None,
        text => {
            let date = text.parse::<Date>().ok();
            wrong = wrong.or(date.is_none().then_some((name, "screens.error.date")));
            date
        }
    };
    let (from, mut until) = (date("from"), date("until"));
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        until = None;
        wrong = wrong.or(Some(("until", "screens.error.period")));
    }
    let name = format!("day-{key}");
    let weekdays = fields.all(&name).filter(|value| WEEKDAYS.contains(value));
    let by_week = field("days") == "days";
    let mut days: Vec<Day> = match field("days").as_str() {
        "open" => vec![Day::Open],
        "closed" => vec![Day::Closed],
        "days" => weekdays.filter_map(|value| value.parse().ok()).collect(),
        _ => Vec::new(),
    };
    let mut except = Vec::new();
    match field("holidays").as_str() {
        // On every day there is nothing to add.
        "too" if by_week => days.push(Day::Holiday),
        "never" => except.push(Day::Holiday),
        _ => {}
    }
    if by_week && days.is_empty() {
        wrong = wrong.or(Some(("days", "screens.error.days")));
    }
    let times = match span(&field("begins"), &field("ends")) {
        Ok(times) => times,
        Err(which) => {
            wrong = wrong.or(Some(which));
            None
        }
    };
    let when = When {
        from,
        until,
        days,
        except,
        times: times.into_iter().collect(),
    };
    let wrong = wrong.map(|(field, words)| Wrong {
        field,
        key: key.to_owned(),
        words,
    });
    (when, wrong)
}

/// From when to when; `None`: all day.
///
/// # Errors
/// Which field is wrong, and the key of the words for it.
fn span(begins: &str, ends: &str) -> Result<Option<Span>, (&'static str, &'static str)> {
    match (begins, ends) {
        ("", "") => Ok(None),
        ("", _) => Err(("begins", "screens.error.begins")),
        (_, "") => Err(("ends", "screens.error.ends")),
        (begins, ends) => {
            let ends = if ends == "00:00" { "24:00" } else { ends };
            let span = format!("{begins}-{ends}")
                .parse()
                .map_err(|_| ("ends", "screens.error.times"))?;
            Ok(Some(span))
        }
    }
}

fn tongue(lang: Lang) -> Tongue {
    match lang {
        Lang::Ja => Tongue::Ja,
        Lang::En => Tongue::En,
    }
}

/// A moment, such as 2026年12月1日（火）午前9時.
fn moment(lang: Lang, at: DateTime) -> String {
    let (day, time) = (dates::whole_day(tongue(lang), at.date()), clock(lang, at.time()));
    match lang {
        Lang::Ja => format!("{day}{time}"),
        Lang::En => format!("{day}, {time}"),
    }
}

fn clock(lang: Lang, time: Time) -> String {
    dates::time(tongue(lang), time)
}

/// A schedule in words.
pub(super) fn words(lang: Lang, when: &When) -> String {
    let texts = lang.catalogue();
    if when.is_always() {
        return texts.text("screens.when.always").to_owned();
    }
    let fill = |key: &str, a: &str, b: &str| texts.text(key).replace("{a}", a).replace("{b}", b);
    let day = |date: Date| dates::whole_day(tongue(lang), date);
    let mut parts = Vec::new();
    match (when.from, when.until) {
        (Some(from), Some(until)) if from == until => parts.push(day(from)),
        (Some(from), Some(until)) => parts.push(fill("screens.when.between", &day(from), &day(until))),
        (Some(from), None) => parts.push(fill("screens.when.from", &day(from), "")),
        (None, Some(until)) => parts.push(fill("screens.when.until", "", &day(until))),
        (None, None) => {}
    }
    let weekdays: Vec<&str> = when.days.iter().filter_map(|day| day_word(lang, *day)).collect();
    let mut days = match when.days.first() {
        None => texts.text("screens.when.any").to_owned(),
        Some(Day::Open) => texts.text("screens.when.open").to_owned(),
        Some(Day::Closed) => texts.text("screens.when.closed").to_owned(),
        Some(Day::Holiday) => texts.text("screens.when.holidays").to_owned(),
        Some(_) => {
            let joint = texts.text("screens.when.joint");
            let every = fill("screens.when.weekly", &weekdays.join(joint), "");
            if when.days.contains(&Day::Holiday) {
                fill("screens.when.and_holidays", &every, "")
            } else {
                every
            }
        }
    };
    if when.except.contains(&Day::Holiday) {
        days.push_str(texts.text("screens.when.but_holidays"));
    }
    parts.push(days);
    for span in &when.times {
        let ends = if span.to == Time::midnight() {
            texts.text("screens.when.midnight").to_owned()
        } else if span.to < span.from {
            fill("screens.when.next_day", &clock(lang, span.to), "")
        } else {
            clock(lang, span.to)
        };
        parts.push(fill("screens.when.between", &clock(lang, span.from), &ends));
    }
    parts.join(lang.comma())
}

fn day_word(lang: Lang, day: Day) -> Option<&'static str> {
    let value = day.to_string();
    let known = WEEKDAYS.into_iter().find(|name| **name == value)?;
    Some(lang.catalogue().text(&format!("screens.when.{known}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs: Vec<(&str, &str)> = pairs.to_vec();
        serde_json::from_value(serde_json::to_value(pairs).expect("json")).expect("fields")
    }

    fn said(pairs: &[(&str, &str)]) -> Result<(String, String), Wrong> {
        let (when, wrong) = read(&fields(pairs), "0");
        wrong.map_or(Ok(()), Err)?;
        Ok((words(Lang::Ja, &when), words(Lang::En, &when)))
    }

    fn ja(pairs: &[(&str, &str)]) -> String {
        said(pairs).expect("sound").0
    }

    #[test]
    fn a_form_is_told_in_words() {
        assert_eq!(ja(&[]), "いつでも");
        let event = [
            ("from-0", "2026-12-01"),
            ("until-0", "2026-12-25"),
            ("days-0", "days"),
            ("day-0", "MO"),
            ("day-0", "FR"),
            ("holidays-0", "never"),
            ("begins-0", "09:00"),
            ("ends-0", "17:15"),
        ];
        let (japanese, english) = said(&event).expect("sound");
        assert_eq!(
            japanese,
            "2026年12月1日（火）から2026年12月25日（金）まで、毎週月・金曜日（祝日を除く）、午前9時から午後5時15分まで"
        );
        assert_eq!(
            english,
            "from Tuesday, 1 December 2026 to Friday, 25 December 2026, every Mon and Fri (not on holidays), from 9:00 am to 5:15 pm"
        );
        let night = [("days-0", "open"), ("begins-0", "22:00"), ("ends-0", "06:00")];
        assert_eq!(ja(&night), "開庁日、午後10時から翌日の午前6時まで");
        let evening = [("begins-0", "18:00"), ("ends-0", "00:00")];
        assert_eq!(ja(&evening), "毎日、午後6時から夜12時まで");
        let weekend = [("days-0", "days"), ("day-0", "SU"), ("holidays-0", "too")];
        assert_eq!(ja(&weekend), "毎週日曜日と祝日");
        assert_eq!(ja(&[("days-0", "days"), ("holidays-0", "too")]), "祝日");
        assert_eq!(ja(&[("until-0", "2026-12-25")]), "2026年12月25日（金）まで、毎日");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (pairs, id, words) in [
            (&[("from-0", "soon")][..], "from-0", "screens.error.date"),
            (
                &[("from-0", "2026-12-02"), ("until-0", "2026-12-01")],
                "until-0",
                "screens.error.period",
            ),
            (&[("ends-0", "09:00")], "begins-0", "screens.error.begins"),
            (&[("begins-0", "09:00")], "ends-0", "screens.error.ends"),
            (
                &[("begins-0", "09:00"), ("ends-0", "09:00")],
                "ends-0",
                "screens.error.times",
            ),
            (&[("days-0", "days")], "days-0", "screens.error.days"),
        ] {
            let wrong = read(&fields(pairs), "0").1.expect("it is refused");
            assert_eq!((wrong.id().as_str(), wrong.words), (id, words), "{pairs:?}");
        }
        let mixed = [("from-0", "2026-12-01"), ("days-0", "open"), ("begins-0", "09:00")];
        let (when, _) = read(&fields(&mixed), "0");
        assert_eq!(
            words(Lang::Ja, &when),
            "2026年12月1日（火）から、開庁日",
            "the rest isn't lost"
        );
    }

    #[test]
    fn a_refused_form_is_shown_as_it_was_typed() {
        let sent = fields(&[
            ("from-0", "2026-12-02"),
            ("until-0", "2026-12-01"),
            ("days-0", "open"),
            ("begins-0", "09:00"),
        ]);
        let (when, wrong) = read(&sent, "0");
        let now: DateTime = "2026-11-29T12:00".parse().expect("a time");
        let mut form = WhenForm::new(Lang::Ja, 0, &when, now, &[]);
        form.refuse(Lang::Ja, &sent, &wrong.expect("it is wrong"));
        assert_eq!((form.from.as_str(), form.until.as_str()), ("2026-12-02", "2026-12-01"));
        assert_eq!(
            (form.kind, form.begins.as_str(), form.ends.as_str()),
            ("open", "09:00", "")
        );
        assert!(form.fault("until").is_some());
        assert_eq!(form.fault("ends"), None);
    }

    #[test]
    fn the_form_shows_what_was_read() {
        let pairs = [
            ("from-0", "2026-12-01"),
            ("days-0", "days"),
            ("day-0", "TU"),
            ("holidays-0", "too"),
            ("begins-0", "18:00"),
            ("ends-0", "00:00"),
        ];
        let when = read(&fields(&pairs), "0").0;
        let now: DateTime = "2026-11-29T12:00".parse().expect("a time");
        let form = WhenForm::new(Lang::Ja, 0, &when, now, &[]);
        let ticked: Vec<&str> = form.days.iter().filter(|day| day.is_on).map(|day| day.value).collect();
        assert_eq!((form.kind, form.holidays, ticked), ("days", "too", vec!["TU"]));
        assert_eq!((form.begins.as_str(), form.ends.as_str()), ("18:00", "00:00"));
        assert_eq!(
            form.next.as_deref(),
            Some("次は2026年12月1日（火）午後6時から表示します。")
        );
    }
}
