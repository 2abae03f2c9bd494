//! What may be booked, by whom, when: slots, shares of capacity, how early and how late.
//!
//! The rule of shares: a slot holds `capacity` appointments. The web takes at most `web_capacity` of them, until
//! `rest_opens` before the slot: from then on it may take all that is left. Phone and walk-in may always take what is
//! left. Invariant: whatever the channels do, a slot never holds more than `capacity`.

use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Calendar, Hours};
use crate::time::UnixMillis;

/// By which way an appointment comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The resident, on the web.
    Web,
    /// Staff, for a resident on the phone.
    Phone,
    /// Staff, for a resident who stands there.
    WalkIn,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Web, Self::Phone, Self::WalkIn];

    /// Its name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Phone => "phone",
            Self::WalkIn => "walk_in",
        }
    }
}

/// The rules of one service.
#[derive(Debug, Clone)]
pub struct Service {
    /// When the office is open.
    pub calendar: Calendar,
    /// The first and the last day of a limited-period event.
    pub period: Option<(Date, Date)>,
    /// How long an appointment is.
    pub slot: Duration,
    /// How many at once.
    pub capacity: u32,
    /// How many of them the web takes.
    pub web_capacity: u32,
    /// So long before a slot, the web may take all that is left.
    pub rest_opens: Option<Duration>,
    /// The web takes none later than so long before.
    pub web_closes: Duration,
    /// How many days ahead may be booked; 0: only today.
    pub days_ahead: u32,
}

/// A stretch of time that can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    /// When it begins.
    pub starts_at: UnixMillis,
    /// When it ends.
    pub ends_at: UnixMillis,
}

/// How many appointments a slot holds already, by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// From the web.
    pub web: u32,
    /// By phone.
    pub phone: u32,
    /// At the counter.
    pub walk_in: u32,
}

impl Taken {
    /// All channels together.
    #[must_use]
    pub fn total(self) -> u32 {
        self.web.saturating_add(self.phone).saturating_add(self.walk_in)
    }
}

/// What a slot may hold at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// From all channels together.
    pub capacity: u32,
    /// From the web.
    pub web: u32,
}

impl Quota {
    /// How many more a channel may take.
    #[must_use]
    pub fn left(self, channel: Channel, taken: Taken) -> u32 {
        let all = self.capacity.saturating_sub(taken.total());
        match channel {
            Channel::Web => all.min(self.web.saturating_sub(taken.web)),
            Channel::Phone | Channel::WalkIn => all,
        }
    }
}

/// Why a time can't be booked, whoever has booked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The office offers nothing at that time.
    #[error("there is no slot at this time")]
    NoSlot,
    /// It is over, or too near.
    #[error("it is too late for this slot")]
    TooLate,
    /// It is too far ahead.
    #[error("it is too early for this slot")]
    TooEarly,
}

impl Service {
    /// The slots of a day, in order, whether they are full, past or free.
    #[must_use]
    pub fn slots(&self, date: Date) -> Vec<Slot> {
        let is_in_period = self.period.is_none_or(|(from, to)| (from..=to).contains(&date));
        if !is_in_period || !self.calendar.is_open_on(date) {
            return Vec::new();
        }
        let hours = self.calendar.hours.iter();
        hours.flat_map(|hours| self.slots_within(date, *hours)).collect()
    }

    fn slots_within(&self, date: Date, hours: Hours) -> Vec<Slot> {
        let Ok(step) = jiff::SignedDuration::try_from(self.slot) else {
            return Vec::new();
        };
        let Some(closes_at) = self.calendar.instant(date, hours.to) else {
            return Vec::new();
        };
        let mut slots: Vec<Slot> = Vec::new();
        let mut time = hours.from;
        loop {
            if let Some(starts_at) = self.calendar.instant(date, time) {
                let ends_at = starts_at.plus(self.slot);
                let is_clear = slots.last().is_none_or(|last| last.ends_at <= starts_at);
                if is_clear && ends_at <= closes_at {
                    slots.push(Slot { starts_at, ends_at });
                }
            }
            match time.checked_add(step) {
                Ok(next) if next > time && next < hours.to => time = next,
                _ => return slots,
            }
        }
    }

    /// The days on which a channel may book at `now`, open or not.
    pub fn days(&self, now: UnixMillis) -> impl Iterator<Item = Date> {
        let today = self.calendar.date_of(now);
        let count = usize::try_from(self.days_ahead).unwrap_or(usize::MAX).saturating_add(1);
        today.series(jiff::Span::new().days(1)).take(count)
    }

    /// The slot that begins at a time, if a channel may book it at `now`. Whether there is room is for [`Quota::left`].
    ///
    /// # Errors
    /// [`Refused`]: no slot begins then, or it is too early or too late.
    pub fn may_book(&self, starts_at: UnixMillis, channel: Channel, now: UnixMillis) -> Result<Slot, Refused> {
        let date = self.calendar.date_of(starts_at);
        let slot = self.slots(date).into_iter().find(|slot| slot.starts_at == starts_at);
        let slot = slot.ok_or(Refused::NoSlot)?;
        let is_late = match channel {
            Channel::Web => now.plus(self.web_closes) > slot.starts_at,
            Channel::Phone => now >= slot.starts_at,
            // Who stands there takes what is left of the present slot.
            Channel::WalkIn => now >= slot.ends_at,
        };
        if is_late {
            return Err(Refused::TooLate);
        }
        if self.days(now).last().is_some_and(|last| date > last) {
            return Err(Refused::TooEarly);
        }
        Ok(slot)
    }

    /// What a slot may hold at `now`.
    #[must_use]
    pub fn quota(&self, slot: Slot, now: UnixMillis) -> Quota {
        let is_open_to_all = self.rest_opens.is_some_and(|before| now.plus(before) >= slot.starts_at);
        Quota {
            capacity: self.capacity,
            web: if is_open_to_all {
                self.capacity
            } else {
                self.web_capacity.min(self.capacity)
            },
        }
    }
}
