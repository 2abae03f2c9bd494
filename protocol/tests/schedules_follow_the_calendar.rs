//! Schedules over years of days: leap days, midnight, the year's end, holidays, and times that pass midnight, held against
//! what a plain walk over the calendar says.
#![allow(clippy::expect_used)]

use jiff::Span as Shift;
use jiff::civil::{Date, DateTime, Weekday, date};
use protocol::booking::holidays;
use protocol::screen::schedule::{Day, Span, When, usually_closed};

fn when(json: &str) -> When {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Every day of eight years, two leap years among them.
fn days() -> impl Iterator<Item = Date> {
    date(2026, 1, 1)
        .series(Shift::new().days(1))
        .take_while(|day| day.year() < 2034)
}

fn day(text: &str) -> Day {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn days_are_what_the_calendar_says_on_every_day_of_eight_years() {
    for at in days() {
        let is = |text: &str| day(text).is(at, &usually_closed());
        assert_eq!(is("WE"), at.weekday() == Weekday::Wednesday, "{at}");
        assert_eq!(
            is("2SU"),
            at.weekday() == Weekday::Sunday && (8..=14).contains(&at.day()),
            "{at}"
        );
        assert_eq!(is("5MO"), at.weekday() == Weekday::Monday && at.day() > 28, "{at}");
        let is_last_friday = at.weekday() == Weekday::Friday && at.day() + 7 > at.days_in_month();
        assert_eq!(is("-1FR"), is_last_friday, "{at}");
        let before_last = at.day() + 14 > at.days_in_month() && at.day() + 7 <= at.days_in_month();
        assert_eq!(is("-2FR"), at.weekday() == Weekday::Friday && before_last, "{at}");
        assert_eq!(is("-1"), at.tomorrow().expect("a day").month() != at.month(), "{at}");
        assert_eq!(is("29"), at.day() == 29, "{at}");
        assert_eq!(is("02-29"), (at.month(), at.day()) == (2, 29), "{at}");
        assert_eq!(is("2028-02-29"), at == date(2028, 2, 29), "{at}");
        assert_eq!(is("holiday"), holidays::is_holiday(at), "{at}");
        assert_ne!(is("open"), is("closed"), "{at}");
        let is_turn = matches!((at.month(), at.day()), (12, 29..) | (1, ..=3));
        let is_weekend = matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday);
        assert_eq!(is("closed"), is_turn || is_weekend || is("holiday"), "{at}");
    }
}

#[test]
fn a_time_that_passes_midnight_belongs_to_the_day_on_which_it_begins() {
    // Fridays from ten in the evening to six; not on holidays.
    let night = when(r#"{"days":["FR"],"except":["holiday"],"times":["22:00-06:00"]}"#);
    for at in days() {
        let is_night = at.weekday() == Weekday::Friday && !holidays::is_holiday(at);
        let next = at.tomorrow().expect("a day");
        for (day, hour, minute, expected) in [
            (at, 21, 59, false),
            (at, 22, 0, is_night),
            (at, 23, 59, is_night),
            (next, 0, 0, is_night),
            (next, 5, 59, is_night),
            (next, 6, 0, false),
        ] {
            // Fridays only: the night before belongs to Thursday.
            assert_eq!(
                night.holds(day.at(hour, minute, 0, 0), &[]),
                expected,
                "{day} {hour}:{minute}"
            );
        }
    }
}

#[test]
fn the_first_and_the_last_day_are_whole_and_the_years_end_is_no_gap() {
    let turn = when(r#"{"from":"2027-12-31","until":"2028-02-29"}"#);
    let holds = |at: DateTime| turn.holds(at, &[]);
    assert!(!holds(date(2027, 12, 30).at(23, 59, 59, 999_999_999)));
    assert!(holds(date(2027, 12, 31).at(0, 0, 0, 0)));
    assert!(holds(date(2028, 1, 1).at(0, 0, 0, 0)));
    assert!(holds(date(2028, 2, 29).at(23, 59, 59, 999_999_999)));
    assert!(!holds(date(2028, 3, 1).at(0, 0, 0, 0)));
    let last_night = when(r#"{"until":"2028-12-31","times":["20:00-02:00"]}"#);
    assert!(
        last_night.holds(date(2029, 1, 1).at(1, 59, 0, 0), &[]),
        "it began on the last day"
    );
    assert!(!last_night.holds(date(2029, 1, 1).at(20, 0, 0, 0), &[]));
}

#[test]
fn stretches_side_by_side_leave_no_minute_out_and_none_is_in_two() {
    // Whatever the cut, a day in two halves is the whole day.
    for minute in 1..24 * 60 {
        let cut = jiff::civil::time(0, 0, 0, 0) + Shift::new().minutes(minute);
        let cut = cut.strftime("%H:%M").to_string();
        let [before, after] = [format!("00:00-{cut}"), format!("{cut}-24:00")];
        let [before, after] = [before, after].map(|times| when(&format!(r#"{{"times":["{times}"]}}"#)));
        for around in [0, minute - 1, minute, minute + 1, 24 * 60 - 1] {
            let time = jiff::civil::time(0, 0, 0, 0) + Shift::new().minutes(around % (24 * 60));
            let at = date(2028, 2, 29).to_datetime(time);
            assert_ne!(before.holds(at, &[]), after.holds(at, &[]), "cut at {cut}, {time}");
        }
    }
}

#[test]
fn the_next_time_is_the_first_at_which_it_holds() {
    let closed = usually_closed();
    for json in [
        r#"{"days":["-1FR"],"times":["09:00-17:00"]}"#,
        r#"{"days":["open"],"times":["08:30-12:00","13:00-17:15"]}"#,
        r#"{"days":["29"],"except":["closed"],"times":["22:00-06:00"]}"#,
        r#"{"days":["holiday"]}"#,
        r#"{"from":"2026-03-01","until":"2026-03-31","times":["00:00-24:00"]}"#,
    ] {
        let when = when(json);
        let mut at = date(2026, 1, 28).at(0, 7, 0, 0);
        for _ in 0..120 {
            let Some(next) = when.next(at, &closed) else { break };
            assert!(next >= at && when.holds(next, &closed), "{json}: {next} after {at}");
            // Between the two no quarter of an hour holds.
            let mut between = at;
            while between < next {
                assert!(!when.holds(between, &closed), "{json}: {between} before {next}");
                between += Shift::new().minutes(15);
            }
            at = next + Shift::new().hours(7);
        }
    }
    let past = when(r#"{"until":"2026-01-01"}"#);
    assert_eq!(past.next(date(2026, 1, 2).at(0, 0, 0, 0), &[]), None);
    let never = when(r#"{"days":["31"],"except":["31"]}"#);
    assert_eq!(never.next(date(2026, 1, 2).at(0, 0, 0, 0), &[]), None);
    let leap = when(r#"{"days":["02-29"]}"#);
    let next = leap.next(date(2096, 3, 1).at(0, 0, 0, 0), &[]);
    assert_eq!(next, Some(date(2104, 2, 29).at(0, 0, 0, 0)), "2100 is no leap year");
}

#[test]
fn what_is_written_is_read_as_the_same_and_nonsense_is_named() {
    for text in [
        "MO",
        "2SU",
        "-1FR",
        "15",
        "-1",
        "2026-12-24",
        "12-24",
        "holiday",
        "open",
        "closed",
    ] {
        assert_eq!(day(text).to_string(), text);
    }
    for text in ["09:00-17:15", "22:00-06:00", "18:00-24:00", "00:00-24:00"] {
        let span: Span = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(span.to_string(), text);
    }
    for text in [
        "",
        "mo",
        "6MO",
        "0MO",
        "+2SU",
        "XMO",
        "32",
        "0",
        "-32",
        "015",
        "13-01",
        "2026-02-30",
        "weekend",
    ] {
        let said = text.parse::<Day>().expect_err(text);
        assert!(
            said.contains(&format!("{text:?}")) && said.contains("expected"),
            "{said}"
        );
    }
    for text in [
        "9:00-17:00",
        "09:00",
        "09:00-09:00",
        "24:00-08:00",
        "22:00-00:00",
        "09:00-25:00",
        "a-b",
    ] {
        let said = text.parse::<Span>().expect_err(text);
        assert!(said.contains("expected a stretch of time"), "{said}");
    }
    assert!(when(r#"{"from":"2026-12-02","until":"2026-12-01"}"#).check().is_err());
    assert!(
        serde_json::from_str::<When>(r#"{"form":"2026-12-02"}"#).is_err(),
        "a misspelt field"
    );
}
