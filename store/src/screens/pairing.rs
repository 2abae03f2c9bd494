//! Pairing a new player with a screen, after the device authorization grant (RFC 8628): the player asks for a code and shows
//! it; an admin says which screen it is; the player fetches its token with a secret that only it has.
//!
//! Invariant: a user code is accepted at most once, and leads to one screen; a token is given only to who holds the device
//! code that the screen's record waits for, so that what was revoked gives no other one.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{OfficeId, ScreenId};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use super::{Screen, TOPIC, Token};
use crate::consultations::{hash, new_code};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// How long a code can be accepted.
pub const CODE_LASTS: Duration = Duration::from_secs(10 * 60);
/// A player asks no more often.
pub const ASK_EVERY: Duration = Duration::from_secs(5);
/// How much of [`ASK_EVERY`] a player may be early: networks hurry as well as they delay.
const EARLY: Duration = Duration::from_millis(1500);
/// So many players may wait at once. Full: no more codes until one has run out.
const WAITING: usize = 100;
/// Digits of a user code, for keyboards without Latin letters (RFC 8628 §6.1): 30 bits.
const DIGITS: usize = 9;
/// Before a token: what kind it is.
const KIND: &str = "paired";

/// What a player is given to be paired with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// 256 random bits, for the player alone.
    pub device_code: String,
    /// Nine digits, for people.
    pub user_code: String,
}

/// A player that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    /// The screen that it was accepted as.
    #[serde(default)]
    screen: Option<ScreenId>,
}

/// What a player is answered that asks for its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nobody has accepted it yet.
    Pending,
    /// It asks too often.
    TooFast,
    /// There is no such code, or not any more.
    Expired,
    /// It is this screen now.
    Paired {
        /// Which.
        screen: ScreenId,
        /// Its token: [`token_of`] reads it.
        token: String,
    },
}

/// What became of a code that was typed.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// The player may fetch the token of this screen.
    Done(Box<Screen>),
    /// There is no such code, or not any more.
    Unknown,
}

/// KEYS user code, device, waiting; ARGV device hash, record, milliseconds, now, most, when it ends.
/// Returns 1; 0: the user code is taken; -1: too many wait.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[4])
         if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[5]) then return -1 end
         if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[3]) then return 0 end
         redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
         redis.call('ZADD', KEYS[3], ARGV[6], ARGV[1])
         return 1",
    )
});

/// KEYS user code, device, waiting, records; ARGV device hash, device's new record, screen's id, expected, new, channel,
/// topic. Returns 1; 0: the screen has moved; -1: the code is used up.
static ACCEPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
         if (redis.call('HGET', KEYS[4], ARGV[3]) or '') ~= ARGV[4] then return 0 end
         redis.call('DEL', KEYS[1])
         redis.call('SET', KEYS[2], ARGV[2], 'KEEPTTL')
         redis.call('ZREM', KEYS[3], ARGV[1])
         redis.call('HSET', KEYS[4], ARGV[3], ARGV[5])
         redis.call('PUBLISH', ARGV[6], ARGV[7])
         return 1",
    )
});

/// A user code as it is kept: its digits, also where they were typed with full width, hyphens or blanks. `None`: it can't be
/// one.
#[must_use]
pub fn user_code_of(text: &str) -> Option<String> {
    let mut digits = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '０'..='９' => digits.push(char::from_u32(u32::from(c) - u32::from('０') + u32::from('0'))?),
            '-' | '－' | 'ー' | '−' | '‐' => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    (digits.len() == DIGITS).then_some(digits)
}

/// A user code as people read it: `012-345-678`.
#[must_use]
pub fn shown(user_code: &str) -> String {
    let digits: Vec<char> = user_code.chars().collect();
    let groups: Vec<String> = digits.chunks(3).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// Begins with a new player. `None`: too many wait already.
///
/// # Errors
/// [`StoreError::Unavailable`]; [`StoreError::Contended`] where no free code is found.
pub async fn begin(ledger: &Db, office: &OfficeId, now: UnixMillis) -> Result<Option<Begun>> {
    for _ in 0..8 {
        let begun = Begun {
            device_code: new_code() + &new_code(),
            user_code: format!("{:09}", rand::random_range(0..1_000_000_000_u32)),
        };
        let device = hash(&begun.device_code);
        let device_key = keys::pairing_device(office, &device);
        let mut call = BEGIN.prepare_invoke();
        call.key(keys::pairing_code(office, &hash(&begun.user_code)))
            .key(&device_key)
            .key(keys::pairing_waiting(office))
            .arg(&device)
            .arg(to_json(&device_key, &Waiting { screen: None })?)
            .arg(CODE_LASTS.as_millis() as u64)
            .arg(now.0)
            .arg(WAITING)
            .arg(now.plus(CODE_LASTS).0);
        match ledger.invoke::<i64>(&call).await? {
            1 => return Ok(Some(begun)),
            -1 => return Ok(None),
            _ => {}
        }
    }
    Err(StoreError::Contended {
        key: keys::pairing_waiting(office),
    })
}

/// Says which screen the player is that shows a code. `make` is given the screen's record as it is and gives it as it shall
/// be; what waits for a token, and the token of before, are set here.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`], [`StoreError::Contended`]. Within: what `make` refuses with; then
/// the code can still be used.
pub async fn accept<E>(
    ledger: &Db,
    office: &OfficeId,
    user_code: &str,
    id: &ScreenId,
    mut make: impl FnMut(Option<Screen>) -> std::result::Result<Screen, E>,
) -> Result<std::result::Result<Accepted, E>> {
    let (code_key, records) = (keys::pairing_code(office, &hash(user_code)), keys::screens(office));
    for attempt in 0..super::ATTEMPTS {
        let device: Option<String> = ledger.run(redis::cmd("GET").arg(&code_key)).await?;
        let Some(device) = device else {
            return Ok(Ok(Accepted::Unknown));
        };
        let before: Option<String> = ledger.run(redis::cmd("HGET").arg(&records).arg(id.as_str())).await?;
        let old = before.as_deref().map(|json| from_json(&records, json)).transpose()?;
        let new = match make(old) {
            Ok(screen) => Screen {
                awaits: Some(device.clone()),
                token: None,
                ..screen
            },
            Err(refused) => return Ok(Err(refused)),
        };
        let device_key = keys::pairing_device(office, &device);
        let waiting = Waiting {
            screen: Some(id.clone()),
        };
        let mut call = ACCEPT.prepare_invoke();
        call.key(&code_key)
            .key(&device_key)
            .key(keys::pairing_waiting(office))
            .key(&records)
            .arg(&device)
            .arg(to_json(&device_key, &waiting)?)
            .arg(id.as_str())
            .arg(before.unwrap_or_default())
            .arg(to_json(&records, &new)?)
            .arg(keys::wake(office))
            .arg(TOPIC);
        match ledger.invoke::<i64>(&call).await? {
            1 => return Ok(Ok(Accepted::Done(Box::new(new)))),
            -1 => return Ok(Ok(Accepted::Unknown)),
            _ => crate::audit::yield_to_others(attempt).await,
        }
    }
    Err(StoreError::Contended { key: records })
}

/// Answers a player that asks for its token. Who asks again because the answer was lost gets a new token, and the one of
/// before is worthless.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`], [`StoreError::Contended`].
pub async fn ask(ledger: &Db, office: &OfficeId, device_code: &str, now: UnixMillis) -> Result<Answer> {
    let device = hash(device_code);
    let key = keys::pairing_device(office, &device);
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    let Some(json) = json else {
        return Ok(Answer::Expired);
    };
    let mut mark = redis::cmd("SET");
    mark.arg(keys::pairing_asked(office, &device))
        .arg(1)
        .arg("NX")
        .arg("PX")
        .arg((ASK_EVERY - EARLY).as_millis() as u64);
    if ledger.run::<Option<String>>(&mark).await?.is_none() {
        return Ok(Answer::TooFast);
    }
    let Some(id) = from_json::<Waiting>(&key, &json)?.screen else {
        return Ok(Answer::Pending);
    };
    let secret = new_code() + &new_code();
    let token = Token {
        hash: hash(&secret),
        since: now,
    };
    let changed = super::change(ledger, office, &id, |old| match old {
        Some(old) if old.awaits.as_deref() == Some(device.as_str()) => Ok(Some(Screen {
            token: Some(token.clone()),
            ..old
        })),
        // Revoked, taken away, or another player was accepted in its place.
        _ => Err(()),
    });
    Ok(match changed.await? {
        Ok(_) => Answer::Paired {
            token: format!("{KIND}.{id}.{secret}"),
            screen: id,
        },
        Err(()) => Answer::Expired,
    })
}

/// The screen and the secret of a token that a paired player has; `None`: it is of another kind.
#[must_use]
pub fn token_of(token: &str) -> Option<(ScreenId, &str)> {
    let (id, secret) = token.strip_prefix(KIND)?.strip_prefix('.')?.split_once('.')?;
    Some((ScreenId::new(id).ok()?, secret))
}

impl Screen {
    /// Whether a secret is that of its token.
    #[must_use]
    pub fn is_paired_with(&self, secret: &str) -> bool {
        // What is compared is the hash of 256 random bits: how long it takes tells nothing of them.
        self.token.as_ref().is_some_and(|token| token.hash == hash(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for text in [
            "012345678",
            "012-345-678",
            " 012 345 678 ",
            "０１２－３４５－６７８",
            "012ー345ー678",
        ] {
            assert_eq!(user_code_of(text).as_deref(), Some("012345678"), "{text}");
        }
        for text in ["", "01234567", "0123456789", "abc-def-ghi", "012-345-67O"] {
            assert_eq!(user_code_of(text), None, "{text}");
        }
        assert_eq!(shown("012345678"), "012-345-678");
    }

    #[test]
    fn a_token_names_its_screen() {
        let (id, secret) = token_of("paired.lobby.abc").expect("a token");
        assert_eq!((id.as_str(), secret), ("lobby", "abc"));
        for other in ["", "paired.lobby", "a.b.c", "paired.Lobby!.x"] {
            assert!(token_of(other).is_none(), "{other}");
        }
    }
}
