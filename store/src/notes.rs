//! What staff write down of a consultation, in the ledger under a key of its own: it dies before the record does.
//!
//! Invariant: a note has an end from the moment when it is written.

use std::time::Duration;

use protocol::ids::{ConsultationId, OfficeId};
use protocol::seats::Notes;

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// Stores or replaces a consultation's notes. They are gone after `keep` at the latest.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn put(ledger: &Db, office: &OfficeId, id: &ConsultationId, notes: &Notes, keep: Duration) -> Result<()> {
    let key = keys::consultation_notes(office, id);
    let json = to_json(&key, notes)?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(json).arg("PX").arg(millis(keep));
    ledger.run(&set).await
}

/// Reads them; empty where there are none.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn get(ledger: &Db, office: &OfficeId, id: &ConsultationId) -> Result<Notes> {
    let key = keys::consultation_notes(office, id);
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    json.map_or_else(|| Ok(Notes::default()), |json| from_json(&key, &json))
}

/// The consultation is over: they are gone after `keep`.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn keep_for(ledger: &Db, office: &OfficeId, id: &ConsultationId, keep: Duration) -> Result<()> {
    let mut expire = redis::cmd("PEXPIRE");
    expire.arg(keys::consultation_notes(office, id)).arg(millis(keep));
    ledger.run::<i64>(&expire).await.map(drop)
}

fn millis(keep: Duration) -> u64 {
    u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).max(1)
}
