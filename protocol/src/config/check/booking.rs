//! Whether what may be booked can be booked: hours, lengths, shares, references.

use super::{Checker, ConfigError};
use crate::booking::Hours;
use crate::config::Config;
use crate::config::booking::{Booking, Kind, LISTED};

const MINUTE: u64 = 60;
/// A day's page lists every slot; a page per month counts them.
const MOST_DAYS_AHEAD: u32 = 90;
const MOST_CAPACITY: u32 = 1000;

pub(crate) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    checker.unique("booking", config.bookings.iter().map(|it| it.id.as_str()))?;
    check_hours(checker, "calendar.hours", &config.calendar.hours)?;
    if config.calendar.hours.is_empty() {
        let message = "expected at least one stretch such as \"09:00-17:30\"".to_owned();
        return checker.fail(None, "calendar.hours", message);
    }
    for booking in &config.bookings {
        check_one(config, checker, booking)?;
    }
    Ok(())
}

fn check_hours(checker: &Checker<'_>, field: &str, hours: &[Hours]) -> Result<(), ConfigError> {
    match hours.windows(2).find(|pair| pair[0].to > pair[1].from) {
        Some(pair) => {
            let message = format!(
                "{} and {}: expected them in order and without overlap",
                pair[0], pair[1]
            );
            checker.fail(None, field, message)
        }
        None => Ok(()),
    }
}

fn check_one(config: &Config, checker: &Checker<'_>, booking: &Booking) -> Result<(), ConfigError> {
    let id = &booking.id;
    if config.section(booking.section.get_ref()).is_none() {
        let message = format!(
            "there is no [[section]] with id {:?}",
            booking.section.get_ref().as_str()
        );
        return checker.fail(Some(booking.section.span()), "booking.section", message);
    }
    check_hours(checker, "booking.hours", &booking.hours)?;
    checker.unique("booking.topic", booking.topics.iter().map(|it| it.id.as_str()))?;
    checker.unique("booking.question", booking.questions.iter().map(|it| it.id.as_str()))?;
    for (field, count) in [("topic", booking.topics.len()), ("question", booking.questions.len())] {
        if count > LISTED {
            let message = format!("booking {id}: {count} of them, expected at most {LISTED}");
            return checker.fail(None, &format!("booking.{field}"), message);
        }
    }
    let seconds = booking.slot.as_secs();
    if seconds < 5 * MINUTE || !seconds.is_multiple_of(MINUTE) || booking.slot.subsec_nanos() != 0 {
        let message = format!(
            "booking {id}: {:?}: expected whole minutes, at least \"5m\"",
            booking.slot
        );
        return checker.fail(None, "booking.slot", message);
    }
    let hours = if booking.hours.is_empty() {
        &config.calendar.hours
    } else {
        &booking.hours
    };
    let fits =
        |hours: &Hours| u64::try_from(hours.from.duration_until(hours.to).as_secs()).is_ok_and(|it| it >= seconds);
    if !hours.iter().any(fits) {
        let message = format!("booking {id}: {:?} fits into none of its hours", booking.slot);
        return checker.fail(None, "booking.slot", message);
    }
    check_shares(checker, booking)?;
    check_period(checker, booking)
}

fn check_shares(checker: &Checker<'_>, booking: &Booking) -> Result<(), ConfigError> {
    let id = &booking.id;
    if !(1..=MOST_CAPACITY).contains(&booking.capacity) {
        let message = format!("booking {id}: {} is outside 1 to {MOST_CAPACITY}", booking.capacity);
        return checker.fail(None, "booking.capacity", message);
    }
    if let Some(web) = booking.web_capacity
        && web > booking.capacity
    {
        let message = format!("booking {id}: {web} is more than capacity ({})", booking.capacity);
        return checker.fail(None, "booking.web_capacity", message);
    }
    if let Some(rest_opens) = booking.rest_opens
        && rest_opens < booking.web_closes
    {
        let message = format!(
            "booking {id}: the web closes before ({:?}): expected more",
            booking.web_closes
        );
        return checker.fail(None, "booking.rest_opens", message);
    }
    if booking.days_ahead > MOST_DAYS_AHEAD {
        let message = format!("booking {id}: {} is more than {MOST_DAYS_AHEAD}", booking.days_ahead);
        return checker.fail(None, "booking.days_ahead", message);
    }
    Ok(())
}

fn check_period(checker: &Checker<'_>, booking: &Booking) -> Result<(), ConfigError> {
    let id = &booking.id;
    match (booking.from, booking.until) {
        (Some(from), Some(until)) if from > until => {
            let message = format!("booking {id}: {until} is before from ({from})");
            checker.fail(None, "booking.until", message)
        }
        (Some(_), None) | (None, Some(_)) => {
            let message = format!("booking {id}: from and until stand together: expected both or neither");
            checker.fail(None, "booking.from", message)
        }
        (None, None) if booking.kind == Kind::Event => {
            let message = format!("booking {id}: an event has a period: expected from and until");
            checker.fail(None, "booking.from", message)
        }
        _ => Ok(()),
    }
}
