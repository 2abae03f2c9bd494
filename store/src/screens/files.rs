//! The files that staff have given to be shown: what is known of each. Their bytes lie on the server's disk.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use protocol::ids::{OfficeId, StaffId};
use protocol::screen::Content;
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use super::TOPIC;
use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// So many there may be. Full: none can be added until one is deleted.
pub const MOST: usize = 2000;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// What it is.
    pub content: Content,
    /// Its name, as whoever gave it calls it.
    pub name: String,
    /// Who gave it.
    pub by: StaffId,
    /// When.
    pub at: UnixMillis,
}

/// Sets a field of a hash unless it is there or the hash is full, and wakes. Returns 1; 0: it is there; -1: full.
pub(super) static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
         if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
         redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
         redis.call('PUBLISH', ARGV[4], ARGV[5])
         return 1",
    )
});

/// Deletes a field of a hash, and wakes. Returns whether it was there.
pub(super) static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local had = redis.call('HDEL', KEYS[1], ARGV[1])
         redis.call('PUBLISH', ARGV[2], ARGV[3])
         return had",
    )
});

/// What became of something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there from now on.
    Done,
    /// It was there already.
    Known,
    /// There are as many as there may be.
    Full,
}

impl Added {
    pub(super) fn of(answer: i64) -> Self {
        match answer {
            1 => Self::Done,
            0 => Self::Known,
            _ => Self::Full,
        }
    }
}

/// All files, by SHA-256.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn all(ledger: &Db, office: &OfficeId) -> Result<BTreeMap<String, Upload>> {
    let key = keys::screen_files(office);
    let records: Vec<(String, String)> = ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
    let read = |(sha256, json): (String, String)| Ok((sha256, from_json(&key, &json)?));
    records.into_iter().map(read).collect()
}

/// Adds a file.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn add(ledger: &Db, office: &OfficeId, file: &Upload) -> Result<Added> {
    let key = keys::screen_files(office);
    let mut call = ADD.prepare_invoke();
    call.key(&key)
        .arg(&file.content.sha256)
        .arg(to_json(&key, file)?)
        .arg(MOST)
        .arg(keys::wake(office))
        .arg(TOPIC);
    Ok(Added::of(ledger.invoke(&call).await?))
}

/// Forgets a file. Returns whether it was known.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn remove(ledger: &Db, office: &OfficeId, sha256: &str) -> Result<bool> {
    let mut call = REMOVE.prepare_invoke();
    call.key(keys::screen_files(office))
        .arg(sha256)
        .arg(keys::wake(office))
        .arg(TOPIC);
    Ok(ledger.invoke::<i64>(&call).await? == 1)
}
