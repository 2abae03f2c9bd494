//! `[calendar]` and `[[booking]]`: when the office is open, and what may be booked.
//!
//! Invariant: what [`super::Config::parse`] lets through gives rules without a hole: every service has hours, a length
//! that fits into them, and a share for the web that its capacity covers.

use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{Config, fields};
use crate::booking::{Calendar, ClosedDay, Hours, Service};
use crate::ids::{BookingId, SectionId, TopicId};
use crate::screen::schedule;

/// When the office is open.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeHours {
    /// In order; a lunch break is the gap between two.
    #[serde(default = "fields::office_hours")]
    pub hours: Vec<Hours>,
    /// Days of the week on which it is closed.
    #[serde(default = "fields::weekend")]
    pub closed_weekdays: Vec<Day>,
    /// Whether it is closed on national holidays.
    #[serde(default = "fields::yes")]
    pub closes_on_holidays: bool,
    /// Further days on which it is closed.
    #[serde(default = "fields::turn_of_the_year")]
    pub closed_dates: Vec<ClosedDay>,
    /// So long after an appointment, its name, mail address and telephone number are deleted.
    #[serde(default = "fields::keep_personal", deserialize_with = "fields::duration")]
    pub keep_personal: Duration,
    /// A remote consultation's link opens so long before its time.
    #[serde(default = "fields::opens_before", deserialize_with = "fields::duration")]
    pub opens_before: Duration,
}

impl Default for OfficeHours {
    fn default() -> Self {
        Self {
            hours: fields::office_hours(),
            closed_weekdays: fields::weekend(),
            closes_on_holidays: true,
            closed_dates: fields::turn_of_the_year(),
            keep_personal: fields::keep_personal(),
            opens_before: fields::opens_before(),
        }
    }
}

impl OfficeHours {
    /// The days on which it is closed, as screens' schedules take them.
    #[must_use]
    pub fn closed_days(&self) -> Vec<schedule::Day> {
        let weekdays = self.closed_weekdays.iter().map(|day| schedule::Day::Weekday(day.0));
        let holidays = self.closes_on_holidays.then_some(schedule::Day::Holiday);
        let dates = self.closed_dates.iter().copied().map(schedule::Day::Date);
        weekdays.chain(holidays).chain(dates).collect()
    }
}

/// A day of the week, as `sat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub Weekday);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day = match text.as_str() {
            "mon" => Weekday::Monday,
            "tue" => Weekday::Tuesday,
            "wed" => Weekday::Wednesday,
            "thu" => Weekday::Thursday,
            "fri" => Weekday::Friday,
            "sat" => Weekday::Saturday,
            "sun" => Weekday::Sunday,
            other => {
                let message = format!("{other:?}: expected mon, tue, wed, thu, fri, sat or sun");
                return Err(de::Error::custom(message));
            }
        };
        Ok(Self(day))
    }
}

/// What kind of appointment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 遠隔相談: a call by video from the resident's own place.
    Remote,
    /// 来庁予約: the resident comes to a counter.
    Visit,
    /// A facility of the office, such as a nursing room.
    Facility,
    /// 期間限定: something that the office does in some weeks only.
    Event,
}

impl Kind {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Remote, Self::Visit, Self::Facility, Self::Event];

    /// Its name in addresses and text keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Visit => "visit",
            Self::Facility => "facility",
            Self::Event => "event",
        }
    }
}

/// A text in the languages of the booking pages. `easy` is やさしい日本語, where `[漢字|かんじ]` gives a reading. What
/// isn't given is shown in Japanese, or for Chinese, Korean and Vietnamese readers in English where there is that.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Japanese.
    pub ja: String,
    /// やさしい日本語.
    pub easy: Option<String>,
    /// English.
    pub en: Option<String>,
    /// 简体中文.
    pub zh: Option<String>,
    /// 한국어.
    pub ko: Option<String>,
    /// Tiếng Việt.
    pub vi: Option<String>,
}

/// What the appointment is about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: Words,
}

/// Something that may be booked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// What kind it is.
    pub kind: Kind,
    /// The section that does it.
    pub section: Spanned<SectionId>,
    /// Its name.
    pub name: Words,
    /// A sentence on what it is, or where.
    pub about: Option<Words>,
    /// What to bring, or to have at hand.
    pub bring: Option<Words>,
    /// What it can be about; none: nobody is asked.
    #[serde(default, rename = "topic")]
    pub topics: Vec<Topic>,
    /// Questions that nobody must answer.
    #[serde(default, rename = "question")]
    pub questions: Vec<Topic>,
    /// Hours of its own; none: the office's.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// The first day of an event.
    pub from: Option<Date>,
    /// Its last day.
    pub until: Option<Date>,
    /// How long an appointment is.
    #[serde(deserialize_with = "fields::duration")]
    pub slot: Duration,
    /// How many at once.
    pub capacity: u32,
    /// How many of them the web takes; none: all.
    pub web_capacity: Option<u32>,
    /// So long before, the web may take all that is left; none: never.
    #[serde(default, deserialize_with = "fields::some_duration")]
    pub rest_opens: Option<Duration>,
    /// The web takes none later than so long before.
    #[serde(default = "fields::web_closes", deserialize_with = "fields::duration")]
    pub web_closes: Duration,
    /// How many days ahead may be booked.
    #[serde(default = "fields::days_ahead")]
    pub days_ahead: u32,
}

/// How many topics, or questions, one service may have.
pub const LISTED: usize = 20;

impl Booking {
    /// Its rules in an office.
    #[must_use]
    pub fn service(&self, config: &Config) -> Service {
        let office = &config.calendar;
        let own = !self.hours.is_empty();
        Service {
            calendar: Calendar {
                // Proved when the file was read.
                zone: TimeZone::get(&config.office.time_zone).unwrap_or(TimeZone::UTC),
                hours: if own { self.hours.clone() } else { office.hours.clone() },
                closed_weekdays: office.closed_weekdays.iter().map(|day| day.0).collect(),
                closes_on_holidays: office.closes_on_holidays,
                closed_dates: office.closed_dates.clone(),
            },
            period: self.from.zip(self.until),
            slot: self.slot,
            capacity: self.capacity,
            web_capacity: self.web_capacity.unwrap_or(self.capacity),
            rest_opens: self.rest_opens,
            web_closes: self.web_closes,
            days_ahead: self.days_ahead,
        }
    }
}
