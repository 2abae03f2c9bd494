//! On which days and at what hours the office is open.
//!
//! Invariant: hours are times of the office's own clock; a time that a change of clocks leaves out doesn't exist, and of
//! one that comes twice the first is meant.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de};

use super::holidays;
use crate::time::UnixMillis;

/// A stretch of opening hours within one day, such as `09:00-12:00`. A lunch break is the gap between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// When it begins.
    pub from: Time,
    /// When it ends; later.
    pub to: Time,
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |part: &str| Time::strptime("%H:%M", part.trim()).ok();
        let both = text
            .split_once('-')
            .and_then(|(from, to)| Some((read(from)?, read(to)?)));
        match both {
            Some((from, to)) if from < to => Ok(Self { from, to }),
            _ => Err(format!(
                "{text:?}: expected hours such as \"09:00-12:00\", the end after the beginning"
            )),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A day on which the office is closed: `2026-12-28` once, or `12-29` every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedDay {
    /// This day only.
    Once(Date),
    /// Every year's.
    Yearly {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
    },
}

impl ClosedDay {
    /// Whether it is this day.
    #[must_use]
    pub fn is(self, date: Date) -> bool {
        match self {
            Self::Once(once) => once == date,
            Self::Yearly { month, day } => date.month() == month && date.day() == day,
        }
    }
}

impl FromStr for ClosedDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(date) = text.parse::<Date>() {
            return Ok(Self::Once(date));
        }
        // 2000 was a leap year: 02-29 is a day.
        match format!("2000-{text}").parse::<Date>() {
            Ok(date) if text.len() == 5 => Ok(Self::Yearly {
                month: date.month(),
                day: date.day(),
            }),
            _ => Err(format!(
                "{text:?}: expected a day such as \"2026-12-28\", or \"12-29\" for every year"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for ClosedDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// When the office is open.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The office's clock.
    pub zone: TimeZone,
    /// In order, without overlap.
    pub hours: Vec<Hours>,
    /// Days of the week on which it is closed.
    pub closed_weekdays: Vec<Weekday>,
    /// Whether it is closed on national holidays.
    pub closes_on_holidays: bool,
    /// Further days on which it is closed.
    pub closed_dates: Vec<ClosedDay>,
}

impl Calendar {
    /// Whether the office is open on a day at all.
    #[must_use]
    pub fn is_open_on(&self, date: Date) -> bool {
        let is_closed = self.closed_weekdays.contains(&date.weekday())
            || (self.closes_on_holidays && holidays::is_holiday(date))
            || self.closed_dates.iter().any(|closed| closed.is(date));
        !is_closed
    }

    /// The day on the office's calendar at a point in time.
    #[must_use]
    pub fn date_of(&self, at: UnixMillis) -> Date {
        self.zoned(at).date()
    }

    /// A point in time by the office's clock.
    #[must_use]
    pub fn zoned(&self, at: UnixMillis) -> jiff::Zoned {
        let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis)
            .unwrap_or(jiff::Timestamp::MAX)
            .to_zoned(self.zone.clone())
    }

    /// When the office's clock shows this; `None`: it never does, as clocks are put forward then.
    #[must_use]
    pub fn instant(&self, date: Date, time: Time) -> Option<UnixMillis> {
        let ambiguous = self.zone.to_ambiguous_timestamp(date.to_datetime(time));
        if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
            return None;
        }
        let at = ambiguous.earlier().ok()?;
        u64::try_from(at.as_millisecond()).ok().map(UnixMillis)
    }
}
