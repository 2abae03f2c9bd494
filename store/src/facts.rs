//! What stays of a consultation when all else is deleted: that it was, for which section, who served it, when, how long, and
//! how content the resident was. No name, and nothing of what was said.
//!
//! Invariant: whatever has ended has its facts, written by the same script that ends it (`consultations::update`); none is
//! kept longer than `privacy.keep_audit`.

use std::time::Duration;

use protocol::ids::{ConsultationId, OfficeId, SectionId, StaffId};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::consultations::Record;
use crate::redis::from_json;
use crate::{Db, Result, keys};

/// The topic of the wake-up when there are new ones.
pub const TOPIC: &str = "facts";

/// So many are read at once.
const CHUNK: usize = 500;

/// What is kept of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Which.
    pub id: ConsultationId,
    /// Whose business it was.
    pub section: SectionId,
    /// Who served it last; nobody: there was no call.
    pub staff: Option<StaffId>,
    /// When the call began; none: there was none.
    pub from: Option<UnixMillis>,
    /// When it ended, or the link died.
    pub ended_at: UnixMillis,
    /// How long the call was, in milliseconds.
    pub lasted_ms: u64,
    /// How long the resident waited for it, in milliseconds.
    #[serde(default)]
    pub waited_ms: u64,
    /// From 1 (not at all) to 5 (very content), where the resident said so.
    #[serde(default)]
    pub score: Option<u8>,
}

impl Facts {
    /// Of a record that has ended.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let ended_at = record.ended_at.unwrap_or(record.expires_at);
        let since = |from: Option<UnixMillis>, until: UnixMillis| from.map_or(0, |from| millis(until.since(from)));
        let waited_ms = record
            .admitted_at
            .map_or(0, |admitted_at| since(record.waiting_since, admitted_at));
        Self {
            id: record.id.clone(),
            section: record.section.clone(),
            staff: record.staff.clone(),
            from: record.admitted_at,
            ended_at,
            lasted_ms: since(record.admitted_at, ended_at),
            waited_ms,
            score: record.call.rating.map(|rating| rating.score),
        }
    }

    /// Whether there was a call.
    #[must_use]
    pub fn was_held(&self) -> bool {
        self.from.is_some()
    }

    /// How long the call was.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        Duration::from_millis(self.lasted_ms)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The newest of them, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn newest(ledger: &Db, office: &OfficeId, count: usize) -> Result<Vec<Facts>> {
    let Some(last) = count.checked_sub(1) else {
        return Ok(Vec::new());
    };
    let mut range = redis::cmd("ZREVRANGE");
    range.arg(keys::facts_by_time(office)).arg(0).arg(last);
    read(ledger, office, ledger.run(&range).await?).await
}

/// Those of what ended in a time, the oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn between(ledger: &Db, office: &OfficeId, from: UnixMillis, until: UnixMillis) -> Result<Vec<Facts>> {
    let mut range = redis::cmd("ZRANGEBYSCORE");
    range
        .arg(keys::facts_by_time(office))
        .arg(from.0)
        .arg(format!("({}", until.0));
    read(ledger, office, ledger.run(&range).await?).await
}

async fn read(ledger: &Db, office: &OfficeId, ids: Vec<String>) -> Result<Vec<Facts>> {
    let key = keys::facts(office);
    let mut all = Vec::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let found: Vec<Option<String>> = ledger.run(redis::cmd("HMGET").arg(&key).arg(ids)).await?;
        for json in found.into_iter().flatten() {
            all.push(from_json(&key, &json)?);
        }
    }
    Ok(all)
}

/// Drops those of what ended before a time. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn drop_before(ledger: &Db, office: &OfficeId, before: UnixMillis) -> Result<usize> {
    let by_time = keys::facts_by_time(office);
    let mut range = redis::cmd("ZRANGEBYSCORE");
    range.arg(&by_time).arg("-inf").arg(format!("({}", before.0));
    let ids: Vec<String> = ledger.run(&range).await?;
    for ids in ids.chunks(CHUNK) {
        ledger
            .run::<i64>(redis::cmd("HDEL").arg(keys::facts(office)).arg(ids))
            .await?;
        // Last, so that what was interrupted is found again.
        ledger.run::<i64>(redis::cmd("ZREM").arg(&by_time).arg(ids)).await?;
    }
    Ok(ids.len())
}
