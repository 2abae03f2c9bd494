//! Japan's national holidays by rule: the Act on National Holidays (国民の祝日に関する法律, Act No. 178 of 1948) as it
//! stands since 2022, with the days that were moved for the Games of 2020 and 2021.
//!
//! Invariant: right for the years 2020 to 2099. The two equinoxes are what astronomy expects; the law takes the days that
//! the National Astronomical Observatory announces in the February before (暦要項), which so far were the same. A holiday
//! that a later law adds is written into the configuration's `closed_dates` until it stands here.

use jiff::civil::{Date, Weekday, date};

/// Whether a day is a national holiday, a substitute holiday (§3.2) or a day between two holidays (§3.3).
#[must_use]
pub fn is_holiday(day: Date) -> bool {
    is_named(day) || is_substitute(day) || is_between(day)
}

/// §2: the holidays that have a name.
fn is_named(day: Date) -> bool {
    let is_monday = |nth: i8| day.weekday() == Weekday::Monday && (day.day() - 1) / 7 + 1 == nth;
    match (day.month(), day.day()) {
        // 海の日, スポーツの日 and 山の日 in the years of the Games.
        (7 | 8 | 10, _) if matches!(day.year(), 2020 | 2021) => MOVED.contains(&day),
        (1 | 5 | 11, d) if FIXED.contains(&(day.month(), d)) => true,
        (1 | 10, _) => is_monday(2),
        (7 | 9, _) if is_monday(3) => true,
        (3, d) => d == equinox(day.year(), VERNAL),
        (9, d) => d == equinox(day.year(), AUTUMNAL),
        other => FIXED.contains(&other),
    }
}

/// Act on Special Measures for the Games (Act No. 68 of 2015), §§29 and 32 as amended.
const MOVED: [Date; 6] = [
    date(2020, 7, 23),
    date(2020, 7, 24),
    date(2020, 8, 10),
    date(2021, 7, 22),
    date(2021, 7, 23),
    date(2021, 8, 8),
];

/// Month and day of those that never move.
const FIXED: [(i8, i8); 10] = [
    (1, 1),
    (2, 11),
    (2, 23),
    (4, 29),
    (5, 3),
    (5, 4),
    (5, 5),
    (8, 11),
    (11, 3),
    (11, 23),
];

/// The moment of the equinox in 1980, in millionths of a day of the month.
const VERNAL: i64 = 20_843_100;
const AUTUMNAL: i64 = 23_248_800;

/// The day of the month on which the sun passes: a tropical year is 0.242194 of a day longer than 365 days, and leap
/// years take a day back.
fn equinox(year: i16, in_1980: i64) -> i8 {
    let years = i64::from(year) - 1980;
    let day = (in_1980 + 242_194 * years).div_euclid(1_000_000) - years.div_euclid(4);
    i8::try_from(day).unwrap_or(0)
}

/// A holiday that falls on a Sunday is made good on the next day that has no name.
fn is_substitute(day: Date) -> bool {
    let mut before = day;
    loop {
        let Ok(previous) = before.yesterday() else {
            return false;
        };
        if is_named(day) || !is_named(previous) {
            return false;
        }
        if previous.weekday() == Weekday::Sunday {
            return true;
        }
        before = previous;
    }
}

fn is_between(day: Date) -> bool {
    match (day.yesterday(), day.tomorrow()) {
        (Ok(before), Ok(after)) => !is_named(day) && is_named(before) && is_named(after),
        _ => false,
    }
}

/// All holidays of a year.
#[must_use]
pub fn of_year(year: i16) -> Vec<Date> {
    date(year, 1, 1)
        .series(jiff::Span::new().days(1))
        .take_while(|day| day.year() == year)
        .filter(|day| is_holiday(*day))
        .collect()
}
