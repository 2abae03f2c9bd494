//! When something is shown: days and times by the office's clock. Pure: no function here reads a clock.
//!
//! Days are named as in RFC 5545's `BYDAY` and `BYMONTHDAY`, and beside them there is what that standard can't say and
//! an office needs: national holidays, and the days on which it is open or closed. A whole RRULE isn't taken: counts,
//! intervals and set positions would have to be explained to everybody who looks at a playlist, and nobody asks for them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time, Weekday};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::booking::{ClosedDay, holidays};

/// So many days, exceptions or times a [`When`] may name.
const MOST: usize = 100;
/// How far ahead [`When::next`] looks, in days: a day of a leap year comes within eight years.
const HORIZON: u16 = 8 * 366;

/// When something is shown, by the office's clock. All that is said must hold; nothing said: always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The first day, such as `2026-12-01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Date>,
    /// The last day, such as `2026-12-25`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Date>,
    /// Days of which one must be; none: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// Days on which it isn't shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Day>,
    /// Stretches of time of which one must be; none: all day. One that passes midnight belongs to the day on which it
    /// begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<Span>,
}

impl When {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a day is one of its days. `closed`: the days on which the office is closed.
    #[must_use]
    pub fn is_on(&self, date: Date, closed: &[Day]) -> bool {
        let is = |day: &Day| day.is(date, closed);
        self.from.is_none_or(|from| from <= date)
            && self.until.is_none_or(|until| date <= until)
            && (self.days.is_empty() || self.days.iter().any(is))
            && !self.except.iter().any(is)
    }

    /// Whether it holds at a moment of the office's clock.
    #[must_use]
    pub fn holds(&self, at: DateTime, closed: &[Day]) -> bool {
        let (date, time) = (at.date(), at.time());
        if self.times.is_empty() {
            return self.is_on(date, closed);
        }
        let today = self.times.iter().any(|span| span.begins_before(time));
        let since_yesterday = self.times.iter().any(|span| span.reaches(time));
        (today && self.is_on(date, closed))
            || (since_yesterday && date.yesterday().is_ok_and(|before| self.is_on(before, closed)))
    }

    /// The first moment from `at` on at which it holds; `None`: never again, or not within eight years.
    #[must_use]
    pub fn next(&self, at: DateTime, closed: &[Day]) -> Option<DateTime> {
        if self.holds(at, closed) {
            return Some(at);
        }
        let mut date = at.date();
        for _ in 0..HORIZON {
            if self.is_on(date, closed) {
                let midnight = Span {
                    from: Time::midnight(),
                    to: Time::midnight(),
                };
                let all_day = [midnight];
                let spans = if self.times.is_empty() {
                    &all_day[..]
                } else {
                    &self.times
                };
                let begins = spans.iter().map(|span| date.to_datetime(span.from));
                if let Some(first) = begins.filter(|begins| *begins >= at).min() {
                    return Some(first);
                }
            }
            if self.until.is_some_and(|until| until < date) {
                return None;
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Checks what the types can't.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if let (Some(from), Some(until)) = (self.from, self.until)
            && until < from
        {
            return Err(format!("until {until} is before from {from}"));
        }
        for (name, count) in [
            ("days", self.days.len()),
            ("except", self.except.len()),
            ("times", self.times.len()),
        ] {
            if count > MOST {
                return Err(format!("{name} names {count}, at most {MOST} are taken"));
            }
        }
        Ok(())
    }
}

/// A kind of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// `MO`, `TU`, `WE`, `TH`, `FR`, `SA`, `SU`: every such day (RFC 5545 §3.3.10, `BYDAY`).
    Weekday(Weekday),
    /// `2SU`: the second Sunday of a month; `-1FR`: the last Friday (the same, with an ordinal).
    Nth(i8, Weekday),
    /// `15`: the fifteenth of a month; `-1`: its last day (`BYMONTHDAY`).
    MonthDay(i8),
    /// `2026-12-24`: this day; `12-24`: every year's.
    Date(ClosedDay),
    /// `holiday`: a national holiday, a substitute one, or a day between two.
    Holiday,
    /// `open`: a day on which the office is open.
    Open,
    /// `closed`: a day on which it isn't.
    Closed,
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

impl Day {
    /// Whether a date is such a day. `closed`: the days on which the office is closed.
    #[must_use]
    pub fn is(&self, date: Date, closed: &[Self]) -> bool {
        // Counted from the month's end: -1 is its last day.
        let from_end = date.day() - date.days_in_month() - 1;
        match *self {
            Self::Weekday(weekday) => date.weekday() == weekday,
            Self::Nth(nth, weekday) => {
                let ordinal = if nth > 0 {
                    (date.day() - 1) / 7 + 1
                } else {
                    (from_end + 1) / 7 - 1
                };
                date.weekday() == weekday && ordinal == nth
            }
            Self::MonthDay(day) => day == date.day() || day == from_end,
            Self::Date(day) => day.is(date),
            Self::Holiday => holidays::is_holiday(date),
            Self::Open => !is_closed(date, closed),
            Self::Closed => is_closed(date, closed),
        }
    }
}

/// Whether the office is closed. What would refer to itself says nothing.
fn is_closed(date: Date, closed: &[Day]) -> bool {
    let is = |day: &Day| !matches!(day, Day::Open | Day::Closed) && day.is(date, &[]);
    closed.iter().any(is)
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "holiday" => return Ok(Self::Holiday),
            "open" => return Ok(Self::Open),
            "closed" => return Ok(Self::Closed),
            _ => {}
        }
        let wrong = || {
            format!(
                "{text:?}: expected a day such as \"MO\", \"2SU\", \"-1FR\", \"15\", \"-1\", \"2026-12-24\", \"12-24\", \
                 \"holiday\", \"open\" or \"closed\""
            )
        };
        if let Some((name, weekday)) = WEEKDAYS.into_iter().find(|(name, _)| text.ends_with(name)) {
            let ordinal = text.strip_suffix(name).unwrap_or_default();
            if ordinal.is_empty() {
                return Ok(Self::Weekday(weekday));
            }
            let nth = number(ordinal).filter(|nth| (1..=5).contains(&nth.abs()));
            return nth.map(|nth| Self::Nth(nth, weekday)).ok_or_else(wrong);
        }
        if let Some(day) = number(text) {
            let is_day = (1..=31).contains(&day.abs());
            return is_day.then_some(Self::MonthDay(day)).ok_or_else(wrong);
        }
        text.parse().map(Self::Date).map_err(|_| wrong())
    }
}

/// A number as it is written: no sign but a minus, no zero before it.
fn number(text: &str) -> Option<i8> {
    let number: i8 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |weekday: Weekday| {
            let found = WEEKDAYS.into_iter().find(|(_, it)| *it == weekday);
            found.map_or("", |(name, _)| name)
        };
        match *self {
            Self::Weekday(weekday) => f.write_str(name(weekday)),
            Self::Nth(nth, weekday) => write!(f, "{nth}{}", name(weekday)),
            Self::MonthDay(day) => write!(f, "{day}"),
            Self::Date(ClosedDay::Once(date)) => write!(f, "{date}"),
            Self::Date(ClosedDay::Yearly { month, day }) => write!(f, "{month:02}-{day:02}"),
            Self::Holiday => f.write_str("holiday"),
            Self::Open => f.write_str("open"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// A stretch of time, such as `09:00-17:00`, `22:00-06:00` (over midnight) or `18:00-24:00`, in whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub from: Time,
    /// When it ends: excluded; midnight is the day's end. Earlier than `from`: on the next day.
    pub to: Time,
}

impl Span {
    /// Whether it has begun and not ended, at a time of the day on which it begins.
    fn begins_before(self, time: Time) -> bool {
        self.from <= time && (time < self.to || self.to <= self.from)
    }

    /// Whether one that began the day before reaches to a time.
    fn reaches(self, time: Time) -> bool {
        self.to <= self.from && time < self.to
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |part: &str| {
            let time = Time::strptime("%H:%M", part).ok()?;
            (part.len() == 5).then_some(time)
        };
        let both = text.split_once('-').and_then(|(from, to)| {
            let to = if to == "24:00" {
                Time::midnight()
            } else {
                read(to).filter(|to| *to != Time::midnight())?
            };
            Some((read(from)?, to))
        });
        match both {
            // Midnight to midnight is a day.
            Some((from, to)) if from != to || to == Time::midnight() => Ok(Self { from, to }),
            _ => Err(format!(
                "{text:?}: expected a stretch of time such as \"09:00-17:00\", \"22:00-06:00\" or \"18:00-24:00\""
            )),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.from.strftime("%H:%M"))?;
        if self.to == Time::midnight() {
            f.write_str("24:00")
        } else {
            write!(f, "{}", self.to.strftime("%H:%M"))
        }
    }
}

macro_rules! as_text {
    ($type:ident, $name:literal, $pattern:literal, $says:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $says })
            }
        }
    };
}

as_text!(
    Day,
    "Day",
    "^(-?[1-5]?(MO|TU|WE|TH|FR|SA|SU)|-?([1-9]|[12][0-9]|3[01])|([0-9]{4}-)?[0-9]{2}-[0-9]{2}|holiday|open|closed)$",
    "A kind of day: MO to SU; 2SU, -1FR (the second Sunday, the last Friday of a month); 15, -1 (the fifteenth, the last day); 2026-12-24, 12-24 (this day, every year's); holiday, open, closed."
);
as_text!(
    Span,
    "Span",
    "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
    "A stretch of time: 09:00-17:00, 22:00-06:00 (over midnight), 18:00-24:00."
);

/// The days on which an office is closed where nobody says otherwise: weekends, national holidays, and the turn of the
/// year (December 29 to January 3, as the Act on Holidays of Administrative Organs has it).
#[must_use]
pub fn usually_closed() -> Vec<Day> {
    let yearly = [(12, 29), (12, 30), (12, 31), (1, 2), (1, 3)];
    let turn = yearly.map(|(month, day)| Day::Date(ClosedDay::Yearly { month, day }));
    let weekend = [Weekday::Saturday, Weekday::Sunday].map(Day::Weekday);
    weekend.into_iter().chain([Day::Holiday]).chain(turn).collect()
}
