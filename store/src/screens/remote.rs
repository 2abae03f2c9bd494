//! A visitor's phone as a screen's remote control: codes that work once, who has the screen, what was pressed. All of it in
//! `live`, and all of it with an end.
//!
//! Invariant: at most one phone has a screen; a code is good for one phone, and no code is good while a phone has the screen
//! or afterwards. Of codes and sessions only hashes are kept. Each change wakes [`topic`] in the same script.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{OfficeId, ScreenId};
use protocol::screen::{Choices, Press};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::consultations::{hash, new_code};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// Before a screen's id: the topic of the wake-up (in `live`) when its remote control or its choices have changed.
pub const TOPIC: &str = "remote/";
/// A screen that doesn't say what can be pressed for so long is gone.
const CHOICES_LAST: Duration = Duration::from_secs(30);
/// So many presses wait for the screen. Full: the oldest is lost, as nobody wants to see it done late.
const WAITING: usize = 8;
/// A press that waited for longer isn't done any more.
pub const PRESS_LASTS: Duration = Duration::from_secs(3);

/// The topic of a screen.
#[must_use]
pub fn topic(id: &ScreenId) -> String {
    format!("{TOPIC}{id}")
}

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The screen can be taken with it.
    Free,
    /// It was good, and a phone has the screen now.
    Busy,
    /// There is no such code, or not any more.
    Unknown,
}

/// What became of taking a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The phone has it, with this secret: 128 random bits.
    Done(String),
    /// Another phone has it.
    Busy,
    /// There is no such code, or not any more.
    Unknown,
}

/// How long what lasts.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// A code can be used so long.
    pub code: Duration,
    /// A phone that presses nothing has the screen for so long.
    pub idle: Duration,
    /// A phone has the screen at most so long.
    pub longest: Duration,
}

/// What is told of the record at the beginning of each script: `is_held`, `had` (somebody has or had it), `is_good` (the
/// code ARGV[2] is one of the two that may be used). KEYS[1] the record; ARGV[1] now.
const READ: &str = "
    local now = tonumber(ARGV[1])
    local f = redis.call('HMGET', KEYS[1], 'code', 'until', 'before', 'before_until', 'session', 'idle', 'ends')
    local function later(text) return text and tonumber(text) > now end
    local had = f[5] and true or false
    local is_held = had and later(f[6]) and later(f[7])
    local is_good = (f[1] == ARGV[2] and later(f[2])) or (f[3] == ARGV[2] and later(f[4]))
";

fn script(body: &str) -> Script {
    Script::new(&format!("{READ}{body}"))
}

/// ARGV[2] hash, [3] until, [4] milliseconds. Gives whether it may be used: not while somebody has the screen.
static OFFER: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if is_held then return 0 end
         if had then redis.call('DEL', KEYS[1])
         elseif f[1] then redis.call('HSET', KEYS[1], 'before', f[1], 'before_until', f[2]) end
         redis.call('HSET', KEYS[1], 'code', ARGV[2], 'until', ARGV[3])
         redis.call('PEXPIRE', KEYS[1], ARGV[4])
         return 1",
    )
});

/// ARGV[2] hash. Gives 1; 0: unknown; -1: busy.
static LOOK: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not is_good then return 0 end
         if is_held then return -1 end
         if had then return 0 end
         return 1",
    )
});

/// KEYS[2] presses; ARGV[2] hash, [3] session, [4] idle until, [5] end, [6] milliseconds, [7] channel, [8] topic. Gives as
/// [`LOOK`].
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not is_good then return 0 end
         if is_held then return -1 end
         if had then return 0 end
         redis.call('HSET', KEYS[1], 'session', ARGV[3], 'idle', ARGV[4], 'ends', ARGV[5])
         redis.call('PEXPIRE', KEYS[1], ARGV[6])
         redis.call('DEL', KEYS[2])
         redis.call('PUBLISH', ARGV[7], ARGV[8])
         return 1",
    )
});

/// KEYS[2] presses; ARGV[2] -, [3] session, [4] idle until, [5] the press, [6] most, [7] milliseconds, [8] channel,
/// [9] topic. Gives whether the session has the screen.
static PRESS: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not is_held or f[5] ~= ARGV[3] then return 0 end
         redis.call('HSET', KEYS[1], 'idle', ARGV[4])
         redis.call('RPUSH', KEYS[2], ARGV[5])
         redis.call('LTRIM', KEYS[2], -tonumber(ARGV[6]), -1)
         redis.call('PEXPIRE', KEYS[2], ARGV[7])
         redis.call('PUBLISH', ARGV[8], ARGV[9])
         return 1",
    )
});

/// KEYS[2] presses; ARGV[2] -, [3] session, [4] channel, [5] topic.
static END: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if f[5] ~= ARGV[3] then return 0 end
         redis.call('DEL', KEYS[1], KEYS[2])
         redis.call('PUBLISH', ARGV[4], ARGV[5])
         return 1",
    )
});

/// ARGV[2] -. Gives the session and until when it has the screen, or nothing.
static HELD: LazyLock<Script> = LazyLock::new(|| {
    script(
        "if not is_held then return {} end
         return {f[5], tostring(math.min(tonumber(f[6]), tonumber(f[7])))}",
    )
});

static TAKE_PRESSES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local all = redis.call('LRANGE', KEYS[1], 0, -1)
         redis.call('DEL', KEYS[1])
         return all",
    )
});

#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    at: UnixMillis,
    press: Press,
}

/// A screen's remote control.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    /// `live`.
    pub live: &'a Db,
    /// The office.
    pub office: &'a OfficeId,
    /// The screen.
    pub screen: &'a ScreenId,
}

impl Remote<'_> {
    fn key(&self, part: &str) -> String {
        keys::screen_remote(self.office, self.screen, part)
    }

    /// A new code: 128 random bits. The one before can be used until its time is over. `None`: a phone has the screen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn offer(&self, times: Times, now: UnixMillis) -> Result<Option<String>> {
        let code = new_code();
        let mut call = OFFER.prepare_invoke();
        call.key(self.key("one"))
            .arg(now.0)
            .arg(hash(&code))
            .arg(now.plus(times.code).0)
            .arg((times.code * 2).as_millis() as u64);
        Ok((self.live.invoke::<i64>(&call).await? == 1).then_some(code))
    }

    /// What a code is good for; nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn look(&self, code: &str, now: UnixMillis) -> Result<Code> {
        let mut call = LOOK.prepare_invoke();
        call.key(self.key("one")).arg(now.0).arg(hash(code));
        Ok(match self.live.invoke::<i64>(&call).await? {
            1 => Code::Free,
            -1 => Code::Busy,
            _ => Code::Unknown,
        })
    }

    /// Uses a code: from now on this phone has the screen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn take(&self, code: &str, times: Times, now: UnixMillis) -> Result<Taken> {
        let session = new_code();
        let mut call = TAKE.prepare_invoke();
        call.key(self.key("one"))
            .key(self.key("presses"))
            .arg(now.0)
            .arg(hash(code))
            .arg(hash(&session))
            .arg(now.plus(times.idle).0)
            .arg(now.plus(times.longest).0)
            .arg((times.longest + times.code).as_millis() as u64)
            .arg(keys::wake(self.office))
            .arg(topic(self.screen));
        Ok(match self.live.invoke::<i64>(&call).await? {
            1 => Taken::Done(session),
            -1 => Taken::Busy,
            _ => Taken::Unknown,
        })
    }

    /// Presses something. Gives whether this phone has the screen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn press(&self, session: &str, press: Press, times: Times, now: UnixMillis) -> Result<bool> {
        let key = self.key("presses");
        let waiting = to_json(&key, &Waiting { at: now, press })?;
        let mut call = PRESS.prepare_invoke();
        call.key(self.key("one"))
            .key(key)
            .arg(now.0)
            .arg("-")
            .arg(hash(session))
            .arg(now.plus(times.idle).0)
            .arg(waiting)
            .arg(WAITING)
            .arg(PRESS_LASTS.as_millis() as u64)
            .arg(keys::wake(self.office))
            .arg(topic(self.screen));
        Ok(self.live.invoke::<i64>(&call).await? == 1)
    }

    /// The phone gives the screen back. Gives whether it had it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn end(&self, session: &str, now: UnixMillis) -> Result<bool> {
        let mut call = END.prepare_invoke();
        call.key(self.key("one"))
            .key(self.key("presses"))
            .arg(now.0)
            .arg("-")
            .arg(hash(session))
            .arg(keys::wake(self.office))
            .arg(topic(self.screen));
        Ok(self.live.invoke::<i64>(&call).await? == 1)
    }

    /// Until when some phone has the screen, if it presses nothing more; with a session: only where it is this one's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn held(&self, session: Option<&str>, now: UnixMillis) -> Result<Option<UnixMillis>> {
        let mut call = HELD.prepare_invoke();
        call.key(self.key("one")).arg(now.0).arg("-");
        let told: Vec<String> = self.live.invoke(&call).await?;
        let [holder, until] = told.as_slice() else {
            return Ok(None);
        };
        let is_meant = session.is_none_or(|session| hash(session) == *holder);
        // Lua may write large numbers with a point.
        let until = until.parse::<f64>().map_or(now, |until| UnixMillis(until as u64));
        Ok(is_meant.then_some(until))
    }

    /// Takes what was pressed and isn't too old, in its order, out of the queue.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
    pub async fn take_presses(&self, now: UnixMillis) -> Result<Vec<Press>> {
        let key = self.key("presses");
        let mut call = TAKE_PRESSES.prepare_invoke();
        call.key(&key);
        let waiting: Vec<String> = self.live.invoke(&call).await?;
        let mut presses = Vec::with_capacity(waiting.len());
        for json in waiting {
            let waiting: Waiting = from_json(&key, &json)?;
            if now.since(waiting.at) <= PRESS_LASTS {
                presses.push(waiting.press);
            }
        }
        Ok(presses)
    }

    /// Keeps what can be pressed; `None`: nothing any more. `is_news`: others are told.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    pub async fn keep_choices(&self, choices: Option<&Choices>, is_news: bool) -> Result<()> {
        let key = self.key("choices");
        let mut pipeline = redis::pipe();
        match choices {
            Some(choices) => pipeline
                .cmd("SET")
                .arg(&key)
                .arg(to_json(&key, choices)?)
                .arg("PX")
                .arg(CHOICES_LAST.as_millis() as u64)
                .ignore(),
            None => pipeline.cmd("DEL").arg(&key).ignore(),
        };
        self.live.run_all::<()>(&pipeline).await?;
        if is_news {
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(keys::wake(self.office)).arg(topic(self.screen));
            self.live.run::<i64>(&publish).await?;
        }
        Ok(())
    }

    /// What can be pressed now; `None`: the screen isn't there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
    pub async fn choices(&self) -> Result<Option<Choices>> {
        let key = self.key("choices");
        let json: Option<String> = self.live.run(redis::cmd("GET").arg(&key)).await?;
        json.as_deref().map(|json| from_json(&key, json)).transpose()
    }
}
