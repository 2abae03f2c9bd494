//! What is to be told to residents of their appointments, and when: a queue in the ledger that any instance empties.
//!
//! A letter holds no name, address or link: who sends it reads them then. Invariant: an appointment has at most one
//! letter of a kind and a way, so the queue is bounded by the appointments. Who takes a letter has it alone until its
//! lease is over; only who still has it can take it off or put it back, so a letter goes out once, except where its
//! sender dies between sending and saying so: then it goes out again.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::config::Kind;
use protocol::ids::{AppointmentId, OfficeId};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::appointments::{Record, State};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// Puts the letters from argument `from` on into the queue: each with when it is due, or with nothing to take it off.
pub(crate) const POST: &str = "
local function post(key, from)
  for i = from, #ARGV, 2 do
    if ARGV[i + 1] == '' then redis.call('ZREM', key, ARGV[i])
    else redis.call('ZADD', key, ARGV[i + 1], ARGV[i]) end
  end
end
";

/// KEYS: letters, troubles. ARGV: now, lease's end, how many.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
         local taken = {}
         for _, letter in ipairs(due) do
           redis.call('ZADD', KEYS[1], ARGV[2], letter)
           taken[#taken + 1] = {letter, redis.call('HGET', KEYS[2], letter) or ''}
         end
         return taken",
    )
});

/// KEYS: letters, troubles. ARGV: letter, lease's end, when it is due again or '', trouble or ''. Only who still has it.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
         if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
         if ARGV[3] == '' then redis.call('ZREM', KEYS[1], ARGV[1])
         else redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]) end
         if ARGV[4] == '' then redis.call('HDEL', KEYS[2], ARGV[1])
         else redis.call('HSET', KEYS[2], ARGV[1], ARGV[4]) end
         return 1",
    )
});

/// What a letter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// It is booked.
    Confirm,
    /// It is tomorrow.
    Day,
    /// It is in some minutes.
    Soon,
    /// It is at another time.
    Changed,
    /// It won't be.
    Cancelled,
}

/// By which way a letter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To the mail address.
    Mail,
    /// To the telephone.
    Sms,
    /// To the account of LINE that has asked for it.
    Line,
}

impl Subject {
    const ALL: [Self; 5] = [Self::Confirm, Self::Day, Self::Soon, Self::Changed, Self::Cancelled];

    /// Its name in the queue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Day => "day",
            Self::Soon => "soon",
            Self::Changed => "changed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Sms, Self::Line];

    fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
            Self::Line => "line",
        }
    }
}

/// A letter's place in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Of which appointment.
    pub appointment: AppointmentId,
    /// What it says.
    pub subject: Subject,
    /// By which way.
    pub way: Way,
    /// When it is to go; none: it is not to go any more.
    pub due_at: Option<UnixMillis>,
}

/// So long before, the first reminder goes.
const DAY_BEFORE: Duration = Duration::from_secs(24 * 3600);

impl Letter {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.appointment, self.subject.as_str(), self.way.as_str())
    }

    fn of_name(name: &str) -> Option<(AppointmentId, Subject, Way)> {
        let mut parts = name.split('/');
        let id = AppointmentId::new(parts.next()?).ok()?;
        let (subject, way) = (parts.next()?, parts.next()?);
        let subject = Subject::ALL.into_iter().find(|it| it.as_str() == subject)?;
        Some((id, subject, Way::ALL.into_iter().find(|it| it.as_str() == way)?))
    }

    /// What is to be told, and when, of an appointment as it is now, after a change at `now` that itself is told as
    /// `news`; and what isn't any more. `soon`: how long before a call its last reminder goes. Pure.
    #[must_use]
    pub fn after(record: &Record, news: Option<Subject>, way: Way, soon: Duration, now: UnixMillis) -> Vec<Self> {
        let is_booked = record.state == State::Booked;
        let before = |time: Duration| {
            let at = UnixMillis(record.slot.starts_at.0.saturating_sub(time.as_millis() as u64));
            (is_booked && at > now).then_some(at)
        };
        let due_at = |subject| match subject {
            _ if news == Some(subject) => Some(now),
            Subject::Day => before(DAY_BEFORE),
            // Who comes is on the way then.
            Subject::Soon if record.kind == Kind::Remote => before(soon),
            _ => None,
        };
        let letter = |subject| Self {
            appointment: record.id.clone(),
            subject,
            way,
            due_at: due_at(subject),
        };
        Subject::ALL.map(letter).into()
    }
}

/// Adds letters to a script's arguments.
pub(crate) fn add(call: &mut redis::ScriptInvocation<'_>, letters: &[Letter]) {
    for letter in letters {
        call.arg(letter.name())
            .arg(letter.due_at.map_or_else(String::new, |at| at.0.to_string()));
    }
}

/// A letter that somebody sends just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Of which appointment.
    pub appointment: AppointmentId,
    /// What it says.
    pub subject: Subject,
    /// By which way.
    pub way: Way,
    /// How often it was tried in vain.
    pub tries: u32,
    name: String,
    lease_ends_at: UnixMillis,
}

/// Why a letter didn't go out yet, or won't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// How often it was tried.
    pub tries: u32,
    /// Whether it isn't tried any more.
    pub is_given_up: bool,
    /// When it was tried last.
    pub at: UnixMillis,
    /// What the other side said, without addresses.
    pub why: String,
}

/// The queue of an office.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// The ledger.
    pub ledger: &'a Db,
    /// Whose.
    pub office: &'a OfficeId,
}

impl Post<'_> {
    /// Takes those that are due, at most so many, for so long.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] or [`crate::StoreError::Corrupt`].
    pub async fn take(&self, now: UnixMillis, lease: Duration, most: usize) -> Result<Vec<Taken>> {
        let lease_ends_at = now.plus(lease);
        let troubles = keys::letter_troubles(self.office);
        let mut call = TAKE.prepare_invoke();
        call.key(keys::letters(self.office))
            .key(&troubles)
            .arg(now.0)
            .arg(lease_ends_at.0)
            .arg(most);
        let found: Vec<(String, String)> = self.ledger.invoke(&call).await?;
        let mut taken = Vec::with_capacity(found.len());
        for (name, trouble) in found {
            let Some((appointment, subject, way)) = Letter::of_name(&name) else {
                tracing::error!(name, "the queue of letters holds what is none");
                continue;
            };
            let tries = match trouble.as_str() {
                "" => 0,
                json => from_json::<Trouble>(&troubles, json)?.tries,
            };
            taken.push(Taken {
                appointment,
                subject,
                way,
                tries,
                name,
                lease_ends_at,
            });
        }
        Ok(taken)
    }

    /// It went out, or has nobody to go to.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`]: then it goes out again when the lease is over.
    pub async fn done(&self, letter: &Taken) -> Result<()> {
        self.put(letter, None, None).await
    }

    /// It didn't go out, and is tried again then.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`]: then it is tried again when the lease is over.
    pub async fn again(&self, letter: &Taken, due_at: UnixMillis, trouble: &Trouble) -> Result<()> {
        self.put(letter, Some(due_at), Some(trouble)).await
    }

    /// It didn't go out and never will.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`]: then it is tried again when the lease is over.
    pub async fn give_up(&self, letter: &Taken, trouble: &Trouble) -> Result<()> {
        self.put(letter, None, Some(trouble)).await
    }

    async fn put(&self, letter: &Taken, due_at: Option<UnixMillis>, trouble: Option<&Trouble>) -> Result<()> {
        let troubles = keys::letter_troubles(self.office);
        let trouble = trouble.map(|it| to_json(&troubles, it)).transpose()?;
        let mut call = PUT.prepare_invoke();
        call.key(keys::letters(self.office))
            .key(troubles)
            .arg(&letter.name)
            .arg(letter.lease_ends_at.0)
            .arg(due_at.map_or_else(String::new, |at| at.0.to_string()))
            .arg(trouble.unwrap_or_default());
        self.ledger.invoke::<i64>(&call).await.map(drop)
    }

    /// What didn't go out, by appointment.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] or [`crate::StoreError::Corrupt`].
    pub async fn troubles(&self) -> Result<HashMap<AppointmentId, Vec<(Subject, Way, Trouble)>>> {
        let key = keys::letter_troubles(self.office);
        let fields: Vec<(String, String)> = self.ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
        let mut all = HashMap::<_, Vec<_>>::new();
        for (name, json) in fields {
            if let Some((id, subject, way)) = Letter::of_name(&name) {
                let trouble = from_json(&key, &json)?;
                all.entry(id).or_default().push((subject, way, trouble));
            }
        }
        Ok(all)
    }

    /// How many wait, due or not.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`].
    pub async fn waiting(&self) -> Result<usize> {
        let mut count = redis::cmd("ZCARD");
        self.ledger.run(count.arg(keys::letters(self.office))).await
    }

    /// Forgets troubles that are older than this.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] or [`crate::StoreError::Corrupt`].
    pub async fn tidy(&self, before: UnixMillis) -> Result<()> {
        let key = keys::letter_troubles(self.office);
        let fields: Vec<(String, String)> = self.ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
        for (name, json) in fields {
            if from_json::<Trouble>(&key, &json)?.at < before {
                self.ledger.run::<i64>(redis::cmd("HDEL").arg(&key).arg(&name)).await?;
            }
        }
        Ok(())
    }
}
