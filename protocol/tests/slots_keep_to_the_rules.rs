//! Slots, shares and the configuration of what may be booked, over years of days and several clocks.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use protocol::booking::{Calendar, Channel, Hours, Refused, Service, Taken, holidays};
use protocol::config::{Config, Kind};
use protocol::time::UnixMillis;

fn service(zone: &str) -> Service {
    let hours = ["09:00-12:00", "12:45-17:15"].map(|text| text.parse().expect("hours"));
    Service {
        calendar: Calendar {
            zone: TimeZone::get(zone).expect("zone"),
            hours: hours.into(),
            closed_weekdays: vec![Weekday::Saturday, Weekday::Sunday],
            closes_on_holidays: true,
            closed_dates: ["12-29", "12-30", "12-31", "01-02", "01-03", "2026-11-26"]
                .map(|text| text.parse().expect("day"))
                .into(),
        },
        period: None,
        slot: Duration::from_secs(30 * 60),
        capacity: 3,
        web_capacity: 2,
        rest_opens: Some(Duration::from_secs(3 * 3600)),
        web_closes: Duration::from_secs(3600),
        days_ahead: 30,
    }
}

fn at(service: &Service, day: Date, time: &str) -> UnixMillis {
    let time = jiff::civil::Time::strptime("%H:%M", time).expect("time");
    service.calendar.instant(day, time).expect("it exists")
}

#[test]
fn on_every_day_of_four_years_slots_lie_whole_in_opening_hours_and_never_overlap() {
    for zone in ["Asia/Tokyo", "Europe/London", "America/New_York", "Australia/Lord_Howe"] {
        for minutes in [10, 20, 25, 30, 60, 90] {
            let mut service = service(zone);
            service.slot = Duration::from_secs(minutes * 60);
            for day in date(2026, 1, 1).series(jiff::Span::new().days(1)).take(4 * 365) {
                check_day(&service, day);
            }
        }
    }
}

fn check_day(service: &Service, day: Date) {
    let slots = service.slots(day);
    let is_closed = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
        || holidays::is_holiday(day)
        || (day.month() == 12 && day.day() >= 29)
        || (day.month() == 1 && day.day() <= 3)
        || day == date(2026, 11, 26);
    assert_eq!(slots.is_empty(), is_closed, "{day}");
    for slot in &slots {
        assert_eq!(slot.ends_at.since(slot.starts_at), service.slot);
        let (from, to) = (
            service.calendar.zoned(slot.starts_at),
            service.calendar.zoned(slot.ends_at),
        );
        assert_eq!((from.date(), to.date()), (day, day));
        let is_inside = |hours: &Hours| hours.from <= from.time() && to.time() <= hours.to;
        assert!(service.calendar.hours.iter().any(is_inside), "{from} to {to}");
    }
    assert!(
        slots.windows(2).all(|pair| pair[0].ends_at <= pair[1].starts_at),
        "{day}"
    );
}

#[test]
fn where_clocks_change_in_opening_hours_what_does_not_exist_is_left_out_and_nothing_overlaps() {
    let mut night = service("Europe/London");
    night.calendar.closed_weekdays.clear();
    night.calendar.hours = vec!["00:00-05:00".parse().expect("hours")];
    // 29 March 2026: 01:00 becomes 02:00. 25 October 2026: 02:00 becomes 01:00.
    let (forward, back) = (night.slots(date(2026, 3, 29)), night.slots(date(2026, 10, 25)));
    assert_eq!(forward.len(), 8, "four hours are left of five");
    for slots in [&forward, &back] {
        assert!(
            slots.windows(2).all(|pair| pair[0].ends_at <= pair[1].starts_at),
            "{slots:?}"
        );
    }
    let starts: std::collections::HashSet<_> = back.iter().map(|slot| slot.starts_at).collect();
    assert_eq!(starts.len(), back.len(), "an hour that comes twice is offered once");
}

#[test]
fn an_event_has_slots_in_its_period_only() {
    let mut event = service("Asia/Tokyo");
    event.period = Some((date(2026, 11, 25), date(2026, 11, 27)));
    let days: Vec<_> = date(2026, 11, 1)
        .series(jiff::Span::new().days(1))
        .take(60)
        .filter(|day| !event.slots(*day).is_empty())
        .collect();
    assert_eq!(days, [date(2026, 11, 25), date(2026, 11, 27)]);
}

#[test]
fn each_channel_may_book_until_its_own_time() {
    let service = service("Asia/Tokyo");
    let day = date(2026, 11, 25);
    let start = at(&service, day, "10:00");
    let refused = |channel, now: &str| service.may_book(start, channel, at(&service, day, now)).err();
    assert_eq!(refused(Channel::Web, "09:00"), None, "an hour before, to the minute");
    assert_eq!(refused(Channel::Web, "09:01"), Some(Refused::TooLate));
    assert_eq!(refused(Channel::Phone, "09:59"), None);
    assert_eq!(refused(Channel::Phone, "10:00"), Some(Refused::TooLate));
    assert_eq!(refused(Channel::WalkIn, "10:29"), None);
    assert_eq!(refused(Channel::WalkIn, "10:30"), Some(Refused::TooLate));
    let early = at(&service, date(2026, 10, 25), "23:59");
    assert_eq!(service.may_book(start, Channel::Web, early), Err(Refused::TooEarly));
    assert!(
        service
            .may_book(start, Channel::Web, at(&service, date(2026, 10, 26), "00:00"))
            .is_ok()
    );
    let lunch = at(&service, day, "12:00");
    assert_eq!(service.may_book(lunch, Channel::Web, early), Err(Refused::NoSlot));
}

#[test]
fn whatever_the_channels_do_a_slot_never_holds_more_than_it_may() {
    let base = service("Asia/Tokyo");
    let day = date(2026, 11, 25);
    let slot = base.slots(day)[4];
    for capacity in 0..6 {
        for web_capacity in 0..8 {
            let service = Service {
                capacity,
                web_capacity,
                ..base.clone()
            };
            for seed in 0_u32..200 {
                let mut taken = Taken::default();
                for step in 0..20_u32 {
                    let now = UnixMillis(slot.starts_at.0 - u64::from(20 - step) * 1_200_000);
                    let quota = service.quota(slot, now);
                    // Any order of channels: a small congruence walks through them.
                    let channel = Channel::ALL[((seed * 7 + step * (seed % 5 + 1)) % 3) as usize];
                    if quota.left(channel, taken) > 0 {
                        match channel {
                            Channel::Web => taken.web += 1,
                            Channel::Phone => taken.phone += 1,
                            Channel::WalkIn => taken.walk_in += 1,
                        }
                    }
                    assert!(taken.total() <= capacity, "{taken:?}");
                    let is_early = slot.starts_at.since(now) > Duration::from_secs(3 * 3600);
                    assert!(!is_early || taken.web <= web_capacity, "{taken:?} of {web_capacity}");
                }
            }
        }
    }
}

#[test]
fn the_rest_opens_to_the_web_shortly_before() {
    let service = service("Asia/Tokyo");
    let day = date(2026, 11, 25);
    let slot = service.slots(day)[6];
    let taken = Taken {
        web: 2,
        ..Taken::default()
    };
    let left = |now| service.quota(slot, now).left(Channel::Web, taken);
    assert_eq!(left(UnixMillis(slot.starts_at.0 - 3 * 3_600_000 - 1)), 0);
    assert_eq!(left(UnixMillis(slot.starts_at.0 - 3 * 3_600_000)), 1);
}

const GOOD: &str = r#"
[office]
id = "minami"
name = { ja = "南区役所" }
telephone = "072-000-0000"
[paths]
run = "run"
secrets = "secrets"
content = "content"
rigs = "rigs"
[web]
listen = "127.0.0.1:8443"
public_url = "https://localhost:8443"
[media]
udp = "127.0.0.1:7000"
control = "127.0.0.1:7001"
[[section]]
id = "kosodate"
name = { ja = "子育て支援課" }
[calendar]
hours = ["09:00-12:00", "12:45-17:15"]
closed_weekdays = ["sat", "sun"]
closed_dates = ["12-29", "2026-11-26"]
[[booking]]
id = "hoiku"
kind = "event"
section = "kosodate"
name = { ja = "認定こども園の受付", en = "Certified Kodomo-en applications" }
from = "2026-10-01"
until = "2026-11-30"
slot = "30m"
capacity = 3
web_capacity = 2
rest_opens = "24h"
web_closes = "1h"
days_ahead = 30
[[booking.topic]]
id = "new"
name = { ja = "新しく申し込む" }
"#;

fn error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    Config::parse(Path::new("office.toml"), &GOOD.replace(from, to))
        .expect_err("must be refused")
        .to_string()
}

#[test]
fn a_good_service_gives_its_rules() {
    let config = Config::parse(Path::new("office.toml"), GOOD).expect("good");
    let service = config.bookings[0].service(&config);
    assert_eq!((service.capacity, service.web_capacity, service.days_ahead), (3, 2, 30));
    assert!(!service.slots(jiff::civil::date(2026, 11, 25)).is_empty());
    assert!(service.slots(jiff::civil::date(2026, 11, 26)).is_empty());
}

#[test]
fn what_is_wrong_is_named_by_its_field() {
    for (from, to, field, words) in [
        (
            "section = \"kosodate\"",
            "section = \"zei\"",
            "booking.section",
            "\"zei\"",
        ),
        ("slot = \"30m\"", "slot = \"30s\"", "booking.slot", "at least"),
        ("slot = \"30m\"", "slot = \"10h\"", "booking.slot", "fits into none"),
        ("capacity = 3", "capacity = 0", "booking.capacity", "1 to 1000"),
        (
            "web_capacity = 2",
            "web_capacity = 4",
            "booking.web_capacity",
            "more than capacity (3)",
        ),
        (
            "rest_opens = \"24h\"",
            "rest_opens = \"30m\"",
            "booking.rest_opens",
            "closes",
        ),
        ("days_ahead = 30", "days_ahead = 91", "booking.days_ahead", "90"),
        (
            "until = \"2026-11-30\"",
            "until = \"2026-09-30\"",
            "booking.until",
            "before",
        ),
        ("until = \"2026-11-30\"", "", "booking.from", "both or neither"),
        ("\"12:45-17:15\"", "\"11:45-17:15\"", "calendar.hours", "overlap"),
        ("\"12:45-17:15\"", "\"17:15-12:45\"", "calendar.hours", "expected hours"),
        (
            "\"sat\", \"sun\"",
            "\"saturday\"",
            "calendar.closed_weekdays",
            "expected mon",
        ),
        ("\"12-29\"", "\"12-32\"", "calendar.closed_dates", "expected a day"),
        ("kind = \"event\"", "kind = \"party\"", "booking.kind", "party"),
    ] {
        let error = error(from, to);
        assert!(error.contains(field) && error.contains(words), "{to}: {error}");
    }
}

/// As the Cabinet Office lists them (https://www8.cao.go.jp/chosei/shukujitsu/gaiyou.html).
#[test]
fn the_years_are_as_the_cabinet_office_lists_them() {
    let year = |year: i16, days: &[(i8, i8)]| {
        let expected: Vec<Date> = days.iter().map(|(month, day)| date(year, *month, *day)).collect();
        assert_eq!(holidays::of_year(year), expected, "{year}");
    };
    year(
        2025,
        &[
            (1, 1),
            (1, 13),
            (2, 11),
            (2, 23),
            (2, 24),
            (3, 20),
            (4, 29),
            (5, 3),
            (5, 4),
            (5, 5),
            (5, 6),
            (7, 21),
            (8, 11),
            (9, 15),
            (9, 23),
            (10, 13),
            (11, 3),
            (11, 23),
            (11, 24),
        ],
    );
    year(
        2026,
        &[
            (1, 1),
            (1, 12),
            (2, 11),
            (2, 23),
            (3, 20),
            (4, 29),
            (5, 3),
            (5, 4),
            (5, 5),
            (5, 6),
            (7, 20),
            (8, 11),
            (9, 21),
            (9, 22),
            (9, 23),
            (10, 12),
            (11, 3),
            (11, 23),
        ],
    );
    year(
        2027,
        &[
            (1, 1),
            (1, 11),
            (2, 11),
            (2, 23),
            (3, 21),
            (3, 22),
            (4, 29),
            (5, 3),
            (5, 4),
            (5, 5),
            (7, 19),
            (8, 11),
            (9, 20),
            (9, 23),
            (10, 11),
            (11, 3),
            (11, 23),
        ],
    );
}

/// The years before, which had what is rare: moved days (2020, 2021), and an equinox on a Sunday (2024).
#[test]
fn earlier_years_were_so() {
    let of = |year: i16| -> Vec<String> {
        let days = holidays::of_year(year).into_iter();
        days.map(|day| format!("{}/{}", day.month(), day.day())).collect()
    };
    for (year, days) in [
        (
            2020,
            "1/1 1/13 2/11 2/23 2/24 3/20 4/29 5/3 5/4 5/5 5/6 7/23 7/24 8/10 9/21 9/22 11/3 11/23",
        ),
        (
            2021,
            "1/1 1/11 2/11 2/23 3/20 4/29 5/3 5/4 5/5 7/22 7/23 8/8 8/9 9/20 9/23 11/3 11/23",
        ),
        (
            2022,
            "1/1 1/10 2/11 2/23 3/21 4/29 5/3 5/4 5/5 7/18 8/11 9/19 9/23 10/10 11/3 11/23",
        ),
        (
            2023,
            "1/1 1/2 1/9 2/11 2/23 3/21 4/29 5/3 5/4 5/5 7/17 8/11 9/18 9/23 10/9 11/3 11/23",
        ),
        (
            2024,
            "1/1 1/8 2/11 2/12 2/23 3/20 4/29 5/3 5/4 5/5 5/6 7/15 8/11 8/12 9/16 9/22 9/23 10/14 11/3 11/4 11/23",
        ),
    ] {
        assert_eq!(of(year).join(" "), days, "{year}");
    }
}

#[test]
fn no_year_has_fewer_than_sixteen_and_every_sunday_is_made_good() {
    for year in 2020..=2099 {
        let days = holidays::of_year(year);
        assert!((16..=22).contains(&days.len()), "{year}: {days:?}");
        for day in days.iter().filter(|day| day.weekday() == Weekday::Sunday) {
            assert!(
                holidays::is_holiday(day.tomorrow().expect("a day")),
                "{day} is not made good"
            );
        }
    }
}

/// Programs refuse to start with a file that isn't good: the ones that come along are.
#[test]
fn the_offices_that_come_along_are_good_and_the_demo_has_every_kind() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    for name in ["demo.toml", "office.toml"] {
        let text = std::fs::read_to_string(configs.join(name)).expect("readable");
        let config = Config::parse(Path::new(name), &text).expect("good");
        if name == "demo.toml" {
            for kind in Kind::ALL {
                assert!(config.bookings.iter().any(|booking| booking.kind == kind), "{kind:?}");
            }
        }
    }
}
