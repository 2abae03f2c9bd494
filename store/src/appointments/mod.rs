//! Appointments in the ledger: booked, moved and closed by one script each.
//!
//! Invariant: what a slot's counters say is how many appointments hold it, and no script lets them exceed the quota it was
//! given. A link's hash names at most one appointment for ever: so a form that is sent twice books once. Names and
//! addresses lie apart, under a key that dies by itself. What is to be told of a change is put into the queue of
//! [`crate::letters`] by the very script that makes the change.

mod links;
mod record;
mod scripts;

use std::collections::HashMap;
use std::time::Duration;

use protocol::booking::{Quota, Slot, Taken};
use protocol::ids::{AppointmentId, BookingId, OfficeId};
use protocol::time::UnixMillis;

use self::scripts::{BOOK, CLOSE, EDIT, GIVE_UP, MOVE};
use crate::consultations::hash;
use crate::letters::{self, Letter};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// How long a record and its link stay after the appointment's end. They hold no name.
const KEPT_AFTER_END: Duration = Duration::from_secs(90 * 24 * 3600);

/// How far back those are looked for whose names are to be deleted; a server that was off longer finds them gone by
/// Redis' own clock.
const LOOKED_BACK: Duration = Duration::from_secs(30 * 24 * 3600);

pub use self::record::{Booked, Moved, Person, Record, State, code_of_form};

const GIVEN_UP: &str = "given-up";
/// A command of a connection that broke may come so late at most; the mark outlives it by far.
const GIVEN_UP_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Where appointments of an office are found.
#[derive(Debug, Clone, Copy)]
pub struct Book<'a> {
    /// The ledger.
    pub ledger: &'a Db,
    /// Whose.
    pub office: &'a OfficeId,
    /// How long after the appointment its [`Person`] is kept.
    pub keep_personal: Duration,
}

impl Book<'_> {
    fn deadlines(&self, slot: Slot) -> (u64, u64) {
        (
            slot.ends_at.plus(self.keep_personal).0,
            slot.ends_at.plus(KEPT_AFTER_END).0,
        )
    }

    /// Books, if there is room and the form hasn't booked yet. `day`: the slot's day on the office's calendar.
    ///
    /// `letters`: what is told of it, and when.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been booked or not. [`Book::settle`] says which.
    pub async fn book(
        &self,
        new: &Record,
        person: &Person,
        code: &str,
        day: &str,
        quota: Quota,
        letters: &[Letter],
    ) -> Result<Booked> {
        let key = keys::appointment(self.office, &new.id);
        let (person_until, record_until) = self.deadlines(new.slot);
        let mut call = BOOK.prepare_invoke();
        call.key(keys::appointment_link(self.office, &hash(code)))
            .key(&key)
            .key(keys::appointment_person(self.office, &new.id))
            .key(keys::appointments_taken(self.office, &new.booking, day))
            .key(keys::appointments_agenda(self.office))
            .key(keys::letters(self.office))
            .arg(new.id.as_str())
            .arg(to_json(&key, new)?)
            .arg(to_json(&key, person)?)
            .arg(new.slot.starts_at.0)
            .arg(new.channel.as_str())
            .arg(quota.capacity)
            .arg(quota.web)
            .arg(person_until)
            .arg(record_until);
        letters::add(&mut call, letters);
        let (outcome, id): (i64, String) = self.ledger.invoke(&call).await?;
        match outcome {
            1 => Ok(Booked::New(new.clone())),
            2 if id == GIVEN_UP => Ok(Booked::GivenUp),
            2 => {
                let id = AppointmentId::new(id).map_err(|error| corrupt(&key, &error))?;
                // The link and the record die together.
                Ok(self.get(&id).await?.map_or(Booked::GivenUp, Booked::Already))
            }
            _ => Ok(Booked::Full),
        }
    }

    /// After a [`Book::book`] whose answer was lost: what it has made, or `None`, and then it never will, however late
    /// its command comes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: ask again.
    pub async fn settle(&self, code: &str) -> Result<Option<Record>> {
        let mut call = GIVE_UP.prepare_invoke();
        call.key(keys::appointment_link(self.office, &hash(code)))
            .arg(GIVEN_UP_KEPT.as_millis() as u64);
        let id: String = self.ledger.invoke(&call).await?;
        match AppointmentId::new(id) {
            Ok(id) if id.as_str() != GIVEN_UP => self.get(&id).await,
            _ => Ok(None),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn get(&self, id: &AppointmentId) -> Result<Option<Record>> {
        let key = keys::appointment(self.office, id);
        let json: Option<String> = self.ledger.run(redis::cmd("GET").arg(&key)).await?;
        json.map(|json| from_json(&key, &json)).transpose()
    }

    /// Finds the appointment of a link, whatever its state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn by_code(&self, code: &str) -> Result<Option<Record>> {
        let key = keys::appointment_link(self.office, &hash(code));
        let id: Option<String> = self.ledger.run(redis::cmd("GET").arg(&key)).await?;
        match id
            .filter(|id| id != GIVEN_UP)
            .and_then(|id| AppointmentId::new(id).ok())
        {
            Some(id) => self.get(&id).await,
            None => Ok(None),
        }
    }

    /// Whom an appointment is for; `None`: it is deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn person(&self, id: &AppointmentId) -> Result<Option<Person>> {
        let key = keys::appointment_person(self.office, id);
        let json: Option<String> = self.ledger.run(redis::cmd("GET").arg(&key)).await?;
        json.map(|json| from_json(&key, &json)).transpose()
    }

    /// Moves a booked one to another slot, where there is room, and keeps its place where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: read it to know where it is. [`StoreError::Corrupt`].
    pub async fn reschedule(
        &self,
        old: &Record,
        slot: Slot,
        old_day: &str,
        new_day: &str,
        quota: Quota,
        letters: &[Letter],
    ) -> Result<Moved> {
        if old.state != State::Booked {
            return Ok(Moved::Changed);
        }
        let key = keys::appointment(self.office, &old.id);
        let new = Record {
            slot,
            version: old.version + 1,
            ..old.clone()
        };
        let (person_until, record_until) = self.deadlines(slot);
        let mut call = MOVE.prepare_invoke();
        call.key(&key)
            .key(keys::appointment_person(self.office, &old.id))
            .key(keys::appointments_taken(self.office, &old.booking, old_day))
            .key(keys::appointments_taken(self.office, &old.booking, new_day))
            .key(keys::appointments_agenda(self.office))
            .key(keys::letters(self.office))
            .arg(old.version)
            .arg(to_json(&key, &new)?)
            .arg(old.id.as_str())
            .arg(old.slot.starts_at.0)
            .arg(slot.starts_at.0)
            .arg(old.channel.as_str())
            .arg(quota.capacity)
            .arg(quota.web)
            .arg(person_until)
            .arg(record_until);
        letters::add(&mut call, letters);
        Ok(match self.ledger.invoke::<i64>(&call).await? {
            1 => Moved::Done(new),
            0 => Moved::Full,
            _ => Moved::Changed,
        })
    }

    /// Closes a booked one. A cancelled one's place is free again, and its person is deleted so long after *now*.
    /// `None`: it isn't booked any more, or was changed at the same time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: read it to know. [`StoreError::Corrupt`].
    pub async fn close(
        &self,
        old: &Record,
        state: State,
        day: &str,
        now: UnixMillis,
        letters: &[Letter],
    ) -> Result<Option<Record>> {
        if old.state != State::Booked || state == State::Booked {
            return Ok(None);
        }
        let key = keys::appointment(self.office, &old.id);
        let new = Record {
            state,
            version: old.version + 1,
            ..old.clone()
        };
        let (person_until, record_until) = self.deadlines(old.slot);
        let is_free = state == State::Cancelled;
        let mut call = CLOSE.prepare_invoke();
        call.key(&key)
            .key(keys::appointment_person(self.office, &old.id))
            .key(keys::appointments_taken(self.office, &old.booking, day))
            .key(keys::letters(self.office))
            .arg(old.version)
            .arg(to_json(&key, &new)?)
            .arg(old.slot.starts_at.0)
            .arg(old.channel.as_str())
            .arg(i32::from(is_free))
            .arg(if is_free {
                person_until.min(now.plus(self.keep_personal).0)
            } else {
                person_until
            })
            .arg(record_until);
        letters::add(&mut call, letters);
        Ok((self.ledger.invoke::<i64>(&call).await? == 1).then_some(new))
    }

    /// Notes that a resident is to be called by telephone, or takes the note away. `None`: it was changed at the same
    /// time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn note_call(&self, old: &Record, is_to_be_called: bool) -> Result<Option<Record>> {
        let key = keys::appointment(self.office, &old.id);
        let new = Record {
            is_to_be_called,
            version: old.version + 1,
            ..old.clone()
        };
        let mut call = EDIT.prepare_invoke();
        call.key(&key).arg(old.version).arg(to_json(&key, &new)?);
        Ok((self.ledger.invoke::<i64>(&call).await? == 1).then_some(new))
    }

    /// How many appointments each slot holds, by its beginning, for several days; in one round trip.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn taken_on(&self, booking: &BookingId, days: &[String]) -> Result<HashMap<u64, Taken>> {
        if days.is_empty() {
            return Ok(HashMap::new());
        }
        let mut all = redis::pipe();
        let key = |day: &String| keys::appointments_taken(self.office, booking, day);
        for day in days {
            all.cmd("HGETALL").arg(key(day));
        }
        let found: Vec<Vec<(String, u32)>> = self.ledger.run_all(&all).await?;
        let mut taken = HashMap::new();
        for (day, fields) in days.iter().zip(found) {
            count(&key(day), fields, &mut taken)?;
        }
        Ok(taken)
    }

    /// How many appointments each slot of a day holds, by its beginning.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn taken(&self, booking: &BookingId, day: &str) -> Result<HashMap<u64, Taken>> {
        let key = keys::appointments_taken(self.office, booking, day);
        let fields: Vec<(String, u32)> = self.ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
        let mut taken = HashMap::new();
        count(&key, fields, &mut taken)?;
        Ok(taken)
    }

    /// All that begin from `from` and before `to`, in order, whatever their state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn agenda(&self, from: UnixMillis, to: UnixMillis) -> Result<Vec<Record>> {
        let mut range = redis::cmd("ZRANGEBYSCORE");
        range
            .arg(keys::appointments_agenda(self.office))
            .arg(from.0)
            .arg(format!("({}", to.0));
        let ids: Vec<String> = self.ledger.run(&range).await?;
        let mut records = Vec::with_capacity(ids.len());
        for id in ids.into_iter().filter_map(|id| AppointmentId::new(id).ok()) {
            records.extend(self.get(&id).await?);
        }
        Ok(records)
    }

    /// Takes those off the agenda whose records have died.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tidy(&self, now: UnixMillis) -> Result<()> {
        let dead = now.0.saturating_sub(KEPT_AFTER_END.as_millis() as u64);
        let mut remove = redis::cmd("ZREMRANGEBYSCORE");
        remove
            .arg(keys::appointments_agenda(self.office))
            .arg("-inf")
            .arg(format!("({dead}"));
        self.ledger.run::<i64>(&remove).await.map(drop)
    }

    /// Deletes the names and addresses whose time to be kept is over at `now`. Redis does so by itself too, by its own
    /// clock. Returns how many it found.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn forget_people(&self, now: UnixMillis) -> Result<usize> {
        // Whoever ended longer ago than this was looked at before.
        let since = now
            .0
            .saturating_sub((self.keep_personal + LOOKED_BACK).as_millis() as u64);
        let mut forgotten = 0;
        for record in self.agenda(UnixMillis(since), now).await? {
            if record.slot.ends_at.plus(self.keep_personal) <= now {
                let key = keys::appointment_person(self.office, &record.id);
                forgotten += self.ledger.run::<usize>(redis::cmd("DEL").arg(&key)).await?;
            }
        }
        Ok(forgotten)
    }
}

/// Adds a day's counters to what is taken.
fn count(key: &str, fields: Vec<(String, u32)>, taken: &mut HashMap<u64, Taken>) -> Result<()> {
    for (field, count) in fields {
        let Some((Ok(start), channel)) = field.split_once('/').map(|(start, channel)| (start.parse(), channel)) else {
            return Err(corrupt(key, &field));
        };
        let slot: &mut Taken = taken.entry(start).or_default();
        match channel {
            "web" => slot.web = count,
            "phone" => slot.phone = count,
            _ => slot.walk_in = count,
        }
    }
    Ok(())
}

fn corrupt(key: &str, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        key: key.to_owned(),
        why: why.to_string(),
    }
}
