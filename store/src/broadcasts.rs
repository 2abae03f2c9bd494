//! Broadcasts in the ledger: who may bring a live picture, and who may watch it, until when.
//!
//! Invariant: the set of all broadcasts names, by the time of its end, every one that wasn't closed yet; nobody closes one
//! twice. Tokens are stored as SHA-256 hashes only.

use std::sync::LazyLock;

use protocol::ids::{BroadcastId, OfficeId, RoomId, StaffId};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::consultations::hash;
use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// How many an office may have at once.
pub const AT_ONCE: usize = 64;

/// Who may watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody.
    Public,
    /// Who has the token with this hash.
    Token(TokenHash),
}

/// What is kept of a secret token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    /// Of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(hash(token))
    }

    /// Whether this is the token. (What is compared are hashes: how long it takes says nothing of the token.)
    #[must_use]
    pub fn is_of(&self, token: &str) -> bool {
        self.0 == hash(token)
    }
}

/// A broadcast, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    pub id: BroadcastId,
    /// What is shown, in the words of who made it.
    pub title: String,
    /// Who made it.
    pub created_by: StaffId,
    /// When.
    pub created_at: UnixMillis,
    /// When it ends by itself.
    pub expires_at: UnixMillis,
    /// The media room.
    pub room: RoomId,
    /// Who has the token with this hash may bring the picture.
    pub publisher: TokenHash,
    /// Who may watch.
    pub audience: Audience,
}

/// A secret token: 128 random bits as text.
#[must_use]
pub fn new_token() -> String {
    BroadcastId::random().to_string()
}

/// Unless there are too many.
static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
         redis.call('SET', KEYS[1], ARGV[1])
         redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
         return 1",
    )
});

/// Gives what was there, once.
static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local old = redis.call('GET', KEYS[1])
         redis.call('DEL', KEYS[1])
         redis.call('ZREM', KEYS[2], ARGV[1])
         return old",
    )
});

/// Stores a new one. False: there are [`AT_ONCE`] already.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable): then it does not exist, as far as anybody was told.
pub async fn create(ledger: &Db, office: &OfficeId, record: &Record) -> Result<bool> {
    let key = keys::broadcast(office, &record.id);
    let json = to_json(&key, record)?;
    let mut call = CREATE.prepare_invoke();
    call.key(&key)
        .key(keys::broadcasts(office))
        .arg(json)
        .arg(record.id.as_str())
        .arg(record.expires_at.0)
        .arg(AT_ONCE);
    Ok(ledger.invoke::<i64>(&call).await? == 1)
}

/// Reads one, over or not.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn get(ledger: &Db, office: &OfficeId, id: &BroadcastId) -> Result<Option<Record>> {
    let key = keys::broadcast(office, id);
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// Takes one away, and gives what it was; `None`: somebody else has, or there was none.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn remove(ledger: &Db, office: &OfficeId, id: &BroadcastId) -> Result<Option<Record>> {
    let key = keys::broadcast(office, id);
    let mut call = REMOVE.prepare_invoke();
    call.key(&key).key(keys::broadcasts(office)).arg(id.as_str());
    let json: Option<String> = ledger.invoke(&call).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// All that aren't over, the first to end first.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn open(ledger: &Db, office: &OfficeId, now: UnixMillis) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for id in ids(ledger, office, &format!("({}", now.0), "+inf").await? {
        records.extend(get(ledger, office, &id).await?);
    }
    Ok(records)
}

/// Takes away those whose time is up, and gives each to one caller only.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn take_over(ledger: &Db, office: &OfficeId, now: UnixMillis) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for id in ids(ledger, office, "-inf", &now.0.to_string()).await? {
        records.extend(remove(ledger, office, &id).await?);
    }
    Ok(records)
}

async fn ids(ledger: &Db, office: &OfficeId, from: &str, to: &str) -> Result<Vec<BroadcastId>> {
    let mut range = redis::cmd("ZRANGEBYSCORE");
    range.arg(keys::broadcasts(office)).arg(from).arg(to);
    let ids: Vec<String> = ledger.run(&range).await?;
    Ok(ids.into_iter().filter_map(|id| BroadcastId::new(id).ok()).collect())
}
