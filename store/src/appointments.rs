//! Appointments in the ledger: booked, moved and closed by one script each.
//!
//! Invariant: what a slot's counters say is how many appointments hold it, and no script lets them exceed the quota it was
//! given. A link's hash names at most one appointment for ever: so a form that is sent twice books once. Names and
//! addresses lie apart, under a key that dies by itself. What is to be told of a change is put into the queue of
//! [`crate::letters`] by the very script that makes the change.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::booking::{Channel, Quota, Slot, Taken};
use protocol::config::Kind;
use protocol::ids::{AppointmentId, BookingId, OfficeId, SectionId, StaffId, TopicId};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::consultations::hash;
use crate::letters::{self, Letter};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// How long a record and its link stay after the appointment's end. They hold no name.
const KEPT_AFTER_END: Duration = Duration::from_secs(90 * 24 * 3600);

/// How far back those are looked for whose names are to be deleted; a server that was off longer finds them gone by
/// Redis' own clock.
const LOOKED_BACK: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where an appointment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It will be, or is.
    Booked,
    /// The resident, or staff for them, gave it back.
    Cancelled,
    /// Nobody came.
    NoShow,
    /// It was.
    Done,
}

/// An appointment, as stored. Nothing in it says who the resident is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    pub id: AppointmentId,
    /// What was booked.
    pub booking: BookingId,
    /// What kind that is.
    pub kind: Kind,
    /// Whose business it is.
    pub section: SectionId,
    /// What it is about.
    pub topic: Option<TopicId>,
    /// When.
    pub slot: Slot,
    /// By which way it came; the way whose share of the slot it takes.
    pub channel: Channel,
    /// Where it stands.
    pub state: State,
    /// Grows with every change; 1 at first.
    pub version: u64,
    /// When it was booked.
    pub created_at: UnixMillis,
    /// Which member of staff booked it for the resident.
    pub created_by: Option<StaffId>,
    /// The resident's language, by its tag.
    pub lang: String,
    /// Staff have noted that the resident is to be called by telephone.
    #[serde(default)]
    pub is_to_be_called: bool,
}

/// Whom it is for. Deleted some time after the appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name to be called by, as it was typed: every character, also those with variation selectors.
    pub name: String,
    /// A mail address.
    pub mail: Option<String>,
    /// A telephone number.
    pub telephone: Option<String>,
    /// Questions and what was answered.
    pub answers: Vec<(TopicId, String)>,
}

/// The link of a form: 128 bits that only who has the form can know. The same form gives the same link, so that who
/// sends it twice is shown the appointment that it has made already.
#[must_use]
pub fn code_of_form(form: &str) -> String {
    let digest = Sha256::digest(format!("appointment/{form}"));
    data_encoding::BASE32_NOPAD.encode(&digest[..16]).to_ascii_lowercase()
}

/// What became of a wish to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booked {
    /// It is booked now.
    New(Record),
    /// The same form has booked before: this is what.
    Already(Record),
    /// There was no room.
    Full,
    /// The form was given up: see [`Book::settle`].
    GivenUp,
}

/// What became of a wish to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is at its new time.
    Done(Record),
    /// There was no room; it is where it was.
    Full,
    /// It isn't booked any more, or was changed at the same time; it is as it is now.
    Changed,
}

const COUNT: &str = "
local function taken(key, start)
  local all, web = 0, 0
  for _, channel in ipairs({'web', 'phone', 'walk_in'}) do
    local n = tonumber(redis.call('HGET', key, start .. '/' .. channel) or 0)
    all = all + n
    if channel == 'web' then web = n end
  end
  return all, web
end
local function has_room(key, start, channel, capacity, web_share)
  local all, web = taken(key, start)
  return all < tonumber(capacity) and (channel ~= 'web' or web < tonumber(web_share))
end
";

/// KEYS: link, record, person, the day's counters, agenda, letters. ARGV: id, record, person, start, channel, capacity,
/// web's share, when the person is deleted, when the record is, then letters with when they are due.
static BOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{COUNT}{post}
         local had = redis.call('GET', KEYS[1])
         if had then return {{2, had}} end
         if not has_room(KEYS[4], ARGV[4], ARGV[5], ARGV[6], ARGV[7]) then return {{0, ''}} end
         redis.call('HINCRBY', KEYS[4], ARGV[4] .. '/' .. ARGV[5], 1)
         redis.call('PEXPIREAT', KEYS[4], ARGV[9])
         redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[9])
         redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[9])
         redis.call('SET', KEYS[3], ARGV[3], 'PXAT', ARGV[8])
         redis.call('ZADD', KEYS[5], ARGV[4], ARGV[1])
         post(KEYS[6], 10)
         return {{1, ARGV[1]}}",
        post = letters::POST
    ))
});

/// KEYS: record, person, the old day's counters, the new day's, agenda, letters. ARGV: version, record, id, old start,
/// new start, channel, capacity, web's share, when the person is deleted, when the record is, then letters with when they
/// are due.
static MOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{COUNT}{post}
         local old = redis.call('GET', KEYS[1])
         if not old or cjson.decode(old).version ~= tonumber(ARGV[1]) then return -1 end
         redis.call('HINCRBY', KEYS[3], ARGV[4] .. '/' .. ARGV[6], -1)
         if not has_room(KEYS[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]) then
           redis.call('HINCRBY', KEYS[3], ARGV[4] .. '/' .. ARGV[6], 1)
           return 0
         end
         redis.call('HINCRBY', KEYS[4], ARGV[5] .. '/' .. ARGV[6], 1)
         redis.call('PEXPIREAT', KEYS[4], ARGV[10])
         redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[10])
         redis.call('PEXPIREAT', KEYS[2], ARGV[9])
         redis.call('ZADD', KEYS[5], ARGV[5], ARGV[3])
         post(KEYS[6], 11)
         return 1",
        post = letters::POST
    ))
});

/// KEYS: record, person, the day's counters, letters. ARGV: version, record, start, channel, whether the place is free
/// again, when the person is deleted, when the record is, then letters with when they are due.
static CLOSE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{post}
         local old = redis.call('GET', KEYS[1])
         if not old or cjson.decode(old).version ~= tonumber(ARGV[1]) then return -1 end
         redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[7])
         redis.call('PEXPIREAT', KEYS[2], ARGV[6], 'LT')
         if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[3], ARGV[3] .. '/' .. ARGV[4], -1) end
         post(KEYS[4], 8)
         return 1",
        post = letters::POST
    ))
});

/// KEYS: record. ARGV: version, record.
static EDIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local old = redis.call('GET', KEYS[1])
         if not old or cjson.decode(old).version ~= tonumber(ARGV[1]) then return -1 end
         redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
         return 1",
    )
});

/// KEYS: short code. ARGV: appointment, until when. Another appointment's code is left alone.
static SHORT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2], 'NX') then return 1 end
         return 0",
    )
});

/// KEYS: short code, new link. ARGV: before the id in the record's key. A short code works once: it becomes a link.
static OPEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local id = redis.call('GETDEL', KEYS[1])
         if not id then return '' end
         local until_at = redis.call('PEXPIRETIME', ARGV[1] .. id)
         if until_at < 0 then return '' end
         redis.call('SET', KEYS[2], id, 'PXAT', until_at)
         return id",
    )
});

/// KEYS: record, new link. ARGV: id. One more link to the same appointment.
static LINK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local until_at = redis.call('PEXPIRETIME', KEYS[1])
         if until_at < 0 then return 0 end
         redis.call('SET', KEYS[2], ARGV[1], 'PXAT', until_at)
         return 1",
    )
});

/// KEYS: link. ARGV: how long to remember. What was booked by it is given back as its id.
static GIVE_UP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local had = redis.call('GET', KEYS[1])
         if had then return had end
         redis.call('SET', KEYS[1], 'given-up', 'PX', ARGV[1])
         return 'given-up'",
    )
});

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

    /// Gives an appointment a short code that works once, until the appointment's end. `short`: as it is stored, which
    /// nobody without the office's key can make from the digits. Returns whether it is given: false, another
    /// appointment has the same one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn give_short_code(&self, record: &Record, short: &str) -> Result<bool> {
        let mut call = SHORT.prepare_invoke();
        call.key(keys::appointment_short(self.office, short))
            .arg(record.id.as_str())
            .arg(record.slot.ends_at.0);
        Ok(self.ledger.invoke::<i64>(&call).await? == 1)
    }

    /// Turns a short code into a link with this code. `None`: there is no such short code any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_short_code(&self, short: &str, code: &str) -> Result<Option<AppointmentId>> {
        let mut call = OPEN.prepare_invoke();
        call.key(keys::appointment_short(self.office, short))
            .key(keys::appointment_link(self.office, &hash(code)))
            .arg(keys::appointment_prefix(self.office));
        let id: String = self.ledger.invoke(&call).await?;
        Ok(AppointmentId::new(id).ok())
    }

    /// Makes one more link to an appointment, for a letter. Returns whether the appointment is still known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn add_link(&self, id: &AppointmentId, code: &str) -> Result<bool> {
        let mut call = LINK.prepare_invoke();
        call.key(keys::appointment(self.office, id))
            .key(keys::appointment_link(self.office, &hash(code)))
            .arg(id.as_str());
        Ok(self.ledger.invoke::<i64>(&call).await? == 1)
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
