//! Who is logged in. A session's token is `ID.SECRET`; the ledger holds the secret's hash, under the account's id.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{OfficeId, StaffId};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use super::{Account, State, hash};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// So many sessions an account has at most. Full: the one that was used longest ago ends.
const SESSIONS: usize = 12;
/// A session's use is written down so often, not with every request.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// How long somebody who gave the right password may take to show the second factor.
const PENDING_LASTS: Duration = Duration::from_secs(10 * 60);

/// A login that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub staff: StaffId,
    /// The token that forms and scripts must send along.
    pub csrf: String,
    /// Since when.
    pub since: UnixMillis,
    /// When it was last used, to the minute.
    pub seen: UnixMillis,
    /// When it ends if it isn't used.
    pub expires_at: UnixMillis,
    /// The account's epoch when it began.
    pub epoch: u64,
    /// What kind of browser, in a few words, so that its owner knows it again.
    pub browser: String,
    /// By another server (OpenID Connect): then it is for that one to ask for a second factor.
    #[serde(default)]
    pub by_provider: bool,
}

/// Somebody who gave the right password and has yet to show the second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Who.
    pub staff: StaffId,
    /// The account's epoch then.
    pub epoch: u64,
}

/// Keeps a session's new times, if it is still there.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
         redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
         redis.call('PEXPIRE', KEYS[1], ARGV[3])
         return 1",
    )
});

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whose token, and its hash; `None`: it can't be one.
fn split(token: &str) -> Option<(StaffId, String)> {
    let (id, secret) = token.split_once('.')?;
    Some((StaffId::new(id).ok()?, hash(secret)))
}

/// Opens a session and gives its secret token, for the cookie.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn open_session(
    ledger: &Db,
    office: &OfficeId,
    account: &Account,
    browser: &str,
    by_provider: bool,
    lifetime: Duration,
    now: UnixMillis,
) -> Result<(String, Session)> {
    let secret = crate::consultations::new_code() + &crate::consultations::new_code();
    let session = Session {
        staff: account.id.clone(),
        csrf: crate::consultations::new_code(),
        since: now,
        seen: now,
        expires_at: now.plus(lifetime),
        epoch: account.epoch,
        browser: browser.to_owned(),
        by_provider,
    };
    let key = keys::staff_sessions(office, &account.id);
    let mut others = stored(ledger, office, &account.id).await?;
    others.sort_by_key(|(_, other)| other.seen);
    let over = others.len().saturating_sub(SESSIONS - 1);
    for (n, (field, other)) in others.iter().enumerate() {
        if n < over || !holds(other, account, now) {
            ledger.run::<i64>(redis::cmd("HDEL").arg(&key).arg(field)).await?;
        }
    }
    let json = to_json(&key, &session)?;
    ledger
        .run::<i64>(redis::cmd("HSET").arg(&key).arg(hash(&secret)).arg(json))
        .await?;
    ledger
        .run::<i64>(redis::cmd("PEXPIRE").arg(&key).arg(millis(lifetime)))
        .await?;
    Ok((format!("{}.{secret}", account.id), session))
}

fn holds(session: &Session, account: &Account, now: UnixMillis) -> bool {
    session.epoch == account.epoch && account.state == State::Active && now < session.expires_at
}

/// Finds the session of a token with its account, if it holds, and renews it.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn session(
    ledger: &Db,
    office: &OfficeId,
    token: &str,
    lifetime: Duration,
    now: UnixMillis,
) -> Result<Option<(Session, Account)>> {
    let Some((id, field)) = split(token) else {
        return Ok(None);
    };
    let key = keys::staff_sessions(office, &id);
    let json: Option<String> = ledger.run(redis::cmd("HGET").arg(&key).arg(&field)).await?;
    let Some(json) = json else { return Ok(None) };
    let session: Session = from_json(&key, &json)?;
    let Some(account) = super::get(ledger, office, &id).await? else {
        return Ok(None);
    };
    if !holds(&session, &account, now) {
        return Ok(None);
    }
    if now.since(session.seen) >= SEEN_EVERY {
        let renewed = Session {
            seen: now,
            expires_at: now.plus(lifetime),
            ..session.clone()
        };
        let mut call = RENEW.prepare_invoke();
        call.key(&key)
            .arg(&field)
            .arg(to_json(&key, &renewed)?)
            .arg(millis(lifetime));
        ledger.invoke::<i64>(&call).await?;
        return Ok(Some((renewed, account)));
    }
    Ok(Some((session, account)))
}

async fn stored(ledger: &Db, office: &OfficeId, id: &StaffId) -> Result<Vec<(String, Session)>> {
    let key = keys::staff_sessions(office, id);
    let all: Vec<(String, String)> = ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
    all.into_iter()
        .map(|(field, json)| Ok((field, from_json(&key, &json)?)))
        .collect()
}

/// An account's sessions that hold, the newest first, each with the name by which [`end_session`] ends it.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn sessions(
    ledger: &Db,
    office: &OfficeId,
    account: &Account,
    now: UnixMillis,
) -> Result<Vec<(String, Session)>> {
    let mut all = stored(ledger, office, &account.id).await?;
    all.retain(|(_, session)| holds(session, account, now));
    all.sort_by_key(|(_, session)| std::cmp::Reverse(session.since));
    // Half of the hash names it among a dozen, and opens nothing.
    Ok(all
        .into_iter()
        .map(|(field, session)| (field[..32].to_owned(), session))
        .collect())
}

/// How many sessions of an account hold.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn count_sessions(ledger: &Db, office: &OfficeId, account: &Account, now: UnixMillis) -> Result<usize> {
    Ok(sessions(ledger, office, account, now).await?.len())
}

/// The name of a token's session, as [`sessions`] gives it.
#[must_use]
pub fn name_of(token: &str) -> Option<String> {
    split(token).map(|(_, field)| field[..32].to_owned())
}

/// Ends one of an account's sessions by its name, and wakes who has to close its pages.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn end_session(ledger: &Db, office: &OfficeId, id: &StaffId, name: &str) -> Result<bool> {
    let key = keys::staff_sessions(office, id);
    let all = stored(ledger, office, id).await?;
    let Some((field, _)) = all.iter().find(|(field, _)| field[..32] == *name) else {
        return Ok(false);
    };
    ledger.run::<i64>(redis::cmd("HDEL").arg(&key).arg(field)).await?;
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(keys::wake(office)).arg(format!("staff/{id}"));
    ledger.run::<i64>(&publish).await?;
    Ok(true)
}

/// Ends a token's session.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn close_session(ledger: &Db, office: &OfficeId, token: &str) -> Result<()> {
    let Some((id, field)) = split(token) else {
        return Ok(());
    };
    let key = keys::staff_sessions(office, &id);
    ledger
        .run::<i64>(redis::cmd("HDEL").arg(&key).arg(&field))
        .await
        .map(drop)
}

/// Remembers that somebody gave the right password. Returns the secret token for the cookie.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn open_pending(ledger: &Db, office: &OfficeId, account: &Account) -> Result<String> {
    let token = crate::consultations::new_code();
    let key = keys::staff_pending(office, &hash(&token));
    let pending = Pending {
        staff: account.id.clone(),
        epoch: account.epoch,
    };
    let mut set = redis::cmd("SET");
    set.arg(&key)
        .arg(to_json(&key, &pending)?)
        .arg("PX")
        .arg(millis(PENDING_LASTS));
    ledger.run::<()>(&set).await?;
    Ok(token)
}

/// Who gave the right password before, with this token.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn pending(ledger: &Db, office: &OfficeId, token: &str) -> Result<Option<Pending>> {
    let key = keys::staff_pending(office, &hash(token));
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// The same, and it is used up.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn take_pending(ledger: &Db, office: &OfficeId, token: &str) -> Result<bool> {
    let key = keys::staff_pending(office, &hash(token));
    Ok(ledger.run::<i64>(redis::cmd("DEL").arg(&key)).await? == 1)
}

/// What was asked of another server (OpenID Connect), to be compared with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLogin {
    /// Comes back in the answer.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves that whoever asked takes the answer (RFC 7636).
    pub verifier: String,
}

/// Remembers what was asked of another server. Returns the secret token for the cookie.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn open_provider_login(ledger: &Db, office: &OfficeId, asked: &ProviderLogin) -> Result<String> {
    let token = crate::consultations::new_code();
    let key = keys::staff_provider(office, &hash(&token));
    let mut set = redis::cmd("SET");
    set.arg(&key)
        .arg(to_json(&key, asked)?)
        .arg("PX")
        .arg(millis(PENDING_LASTS));
    ledger.run::<()>(&set).await?;
    Ok(token)
}

/// What was asked with a token; once.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn take_provider_login(ledger: &Db, office: &OfficeId, token: &str) -> Result<Option<ProviderLogin>> {
    let key = keys::staff_provider(office, &hash(token));
    let json: Option<String> = ledger.run(redis::cmd("GETDEL").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}
