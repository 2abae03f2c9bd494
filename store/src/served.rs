//! What stays of consultations: that one was, who served it, when, how long, and how content the resident was. No name.
//!
//! Invariant: at most [`KEPT`] are kept, and none longer than `privacy.keep_audit`; the oldest goes first.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{ConsultationId, OfficeId, SectionId, StaffId};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// So many are kept.
pub const KEPT: usize = 10_000;

/// The topic of the wake-up when there is a new one.
pub const TOPIC: &str = "served";

/// One that was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Which.
    pub id: ConsultationId,
    /// Whose business it was.
    pub section: SectionId,
    /// Who served last.
    pub staff: StaffId,
    /// When it ended.
    pub ended_at: UnixMillis,
    /// How long the resident waited.
    pub waited: Duration,
    /// How long they talked.
    pub lasted: Duration,
    /// From 1 to 5, where the resident said so.
    #[serde(default)]
    pub score: Option<u8>,
}

static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
         redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
         local old = redis.call('ZRANGE', KEYS[2], 0, -tonumber(ARGV[4]) - 1)
         for _, id in ipairs(old) do
           redis.call('HDEL', KEYS[1], id)
           redis.call('ZREM', KEYS[2], id)
         end
         redis.call('PUBLISH', ARGV[5], ARGV[6])
         return #old",
    )
});

static DROP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
         for _, id in ipairs(old) do
           redis.call('HDEL', KEYS[1], id)
           redis.call('ZREM', KEYS[2], id)
         end
         return #old",
    )
});

/// Stores one, or replaces what is known of it.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn put(ledger: &Db, office: &OfficeId, served: &Served) -> Result<()> {
    let key = keys::consultations_served(office);
    let json = to_json(&key, served)?;
    let mut call = PUT.prepare_invoke();
    call.key(&key)
        .key(keys::consultations_served_when(office))
        .arg(served.id.as_str())
        .arg(json)
        .arg(served.ended_at.0)
        .arg(KEPT)
        .arg(keys::wake(office))
        .arg(TOPIC);
    ledger.invoke::<i64>(&call).await.map(drop)
}

/// The newest of them, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn newest(ledger: &Db, office: &OfficeId, count: usize) -> Result<Vec<Served>> {
    let mut range = redis::cmd("ZREVRANGE");
    range
        .arg(keys::consultations_served_when(office))
        .arg(0)
        .arg(count.saturating_sub(1));
    let ids: Vec<String> = ledger.run(&range).await?;
    if ids.is_empty() || count == 0 {
        return Ok(Vec::new());
    }
    let key = keys::consultations_served(office);
    let found: Vec<Option<String>> = ledger.run(redis::cmd("HMGET").arg(&key).arg(ids)).await?;
    found.into_iter().flatten().map(|json| from_json(&key, &json)).collect()
}

/// Drops those that ended before a time. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn drop_before(ledger: &Db, office: &OfficeId, before: UnixMillis) -> Result<usize> {
    let mut call = DROP.prepare_invoke();
    call.key(keys::consultations_served(office))
        .key(keys::consultations_served_when(office))
        .arg(format!("({}", before.0));
    Ok(usize::try_from(ledger.invoke::<i64>(&call).await?).unwrap_or(0))
}
