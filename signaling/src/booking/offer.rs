//! What is free: days and slots as a page offers them. Pure: rules, counters and now in, offers out.

use std::collections::HashMap;

use jiff::civil::Date;
use protocol::booking::{Channel, Service, Slot, Taken};
use protocol::time::UnixMillis;

/// How many days one page lists.
pub(super) const DAYS_LISTED: usize = 14;
/// A day with so few free times is nearly full.
const FEW: usize = 2;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    Few,
    Full,
}

impl Room {
    /// The text's key.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Free => "days.free",
            Self::Few => "days.few",
            Self::Full => "days.full",
        }
    }

    /// Its sign, which stands beside the words.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Free => "◎",
            Self::Few => "△",
            Self::Full => "✕",
        }
    }

    /// Its name in styles.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Few => "few",
            Self::Full => "full",
        }
    }
}

/// Whose places are looked at: who may book until when, and whose share is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    /// Whose times of closing hold.
    pub(super) by: Channel,
    /// Whose share of the capacity is taken.
    pub(super) share: Channel,
    pub(super) now: UnixMillis,
}

/// The slots of a day that may still be booked, each with how many places are left.
pub(super) fn slots(service: &Service, date: Date, taken: &HashMap<u64, Taken>, asking: Asking) -> Vec<(Slot, u32)> {
    let open = service.slots(date).into_iter();
    open.filter(|slot| service.may_book(slot.starts_at, asking.by, asking.now).is_ok())
        .map(|slot| {
            let taken = taken.get(&slot.starts_at.0).copied().unwrap_or_default();
            (slot, service.quota(slot, asking.now).left(asking.share, taken))
        })
        .collect()
}

/// The days from `from` on that have something to book, full or not: at most a page's, and whether there are more.
pub(super) fn days(service: &Service, from: Option<Date>, asking: Asking) -> (Vec<Date>, Option<Date>) {
    let nobody = HashMap::new();
    let mut days = service
        .days(asking.now)
        .filter(|day| from.is_none_or(|from| *day >= from))
        .filter(|day| !slots(service, *day, &nobody, asking).is_empty());
    let listed: Vec<Date> = days.by_ref().take(DAYS_LISTED).collect();
    (listed, days.next())
}

/// How much room a day has.
pub(super) fn room(slots: &[(Slot, u32)]) -> Room {
    match slots.iter().filter(|(_, left)| *left > 0).count() {
        0 => Room::Full,
        free if free <= FEW && free < slots.len() => Room::Few,
        _ => Room::Free,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::{Weekday, date};
    use protocol::booking::Calendar;

    use super::*;

    fn service() -> Service {
        Service {
            calendar: Calendar {
                zone: jiff::tz::TimeZone::get("Asia/Tokyo").expect("zone"),
                hours: vec!["09:00-12:00".parse().expect("hours")],
                closed_weekdays: vec![Weekday::Saturday, Weekday::Sunday],
                closes_on_holidays: true,
                closed_dates: Vec::new(),
            },
            period: None,
            slot: Duration::from_secs(3600),
            capacity: 2,
            web_capacity: 1,
            rest_opens: None,
            web_closes: Duration::from_secs(3600),
            days_ahead: 60,
        }
    }

    fn asking(service: &Service, time: &str) -> Asking {
        let time = jiff::civil::Time::strptime("%H:%M", time).expect("time");
        Asking {
            by: Channel::Web,
            share: Channel::Web,
            now: service.calendar.instant(date(2026, 11, 24), time).expect("exists"),
        }
    }

    #[test]
    fn a_day_offers_what_is_still_open_and_says_how_full_it_is() {
        let service = service();
        let asking = asking(&service, "08:30");
        let open = slots(&service, date(2026, 11, 24), &HashMap::new(), asking);
        assert_eq!(open.len(), 2, "nine o'clock has closed");
        assert_eq!(room(&open), Room::Free);
        let web = |web| Taken {
            web,
            ..Taken::default()
        };
        let mut taken = HashMap::from([(open[0].0.starts_at.0, web(1))]);
        let left = slots(&service, date(2026, 11, 24), &taken, asking);
        assert_eq!((left[0].1, left[1].1, room(&left)), (0, 1, Room::Few));
        taken.insert(open[1].0.starts_at.0, web(1));
        assert_eq!(room(&slots(&service, date(2026, 11, 24), &taken, asking)), Room::Full);
        let phone = Asking {
            share: Channel::Phone,
            ..asking
        };
        assert_eq!(room(&slots(&service, date(2026, 11, 24), &taken, phone)), Room::Free);
    }

    #[test]
    fn closed_days_are_left_out_and_the_list_goes_on_where_it_ended() {
        let service = service();
        let asking = asking(&service, "11:30");
        let (first, next) = days(&service, None, asking);
        assert_eq!(
            (first[0], first.len()),
            (date(2026, 11, 25), DAYS_LISTED),
            "today has closed"
        );
        assert!(!first.contains(&date(2026, 11, 28)));
        let (second, _) = days(&service, next, asking);
        assert!(second[0] > first[DAYS_LISTED - 1]);
    }
}
