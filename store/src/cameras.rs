//! Cameras: how each is doing (in `live`, fading when its worker falls silent: numbers only, never a picture), and what staff
//! have drawn into its picture (in the ledger).
//!
//! Invariant: what is drawn is changed by compare-and-set, counts up its version, and wakes [`TOPIC`] in the same script. What is
//! judged by what is drawn for other cameras too is written only while that still stands.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::congestion::CameraReport;
use protocol::ids::{CameraId, OfficeId, StaffId};
use protocol::setup::Geometry;
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// The topic of the wake-up when something else is drawn into a camera's picture.
pub const TOPIC: &str = "cameras";

const FADES_AFTER: Duration = Duration::from_secs(10);

/// Keeps a camera's report until the next one, or until it is late. Workers send one every two seconds.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn report(live: &Db, office: &OfficeId, id: &CameraId, report: &CameraReport) -> Result<()> {
    let key = keys::camera_report(office, id);
    let json = to_json(&key, report)?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(json).arg("PX").arg(FADES_AFTER.as_millis() as u64);
    live.run(&set).await
}

/// A camera's last report; `None`: its worker is silent.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn last_report(live: &Db, office: &OfficeId, id: &CameraId) -> Result<Option<CameraReport>> {
    let key = keys::camera_report(office, id);
    let json: Option<String> = live.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// What staff have drawn into a camera's picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Counts a camera's set-ups from 1.
    pub version: u64,
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub by: StaffId,
    /// What; none: what the configuration says holds again.
    pub geometry: Option<Geometry>,
}

/// The versions over which something is drawn; 0: nobody has touched that camera.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Over {
    /// Of the camera itself.
    pub version: u64,
    /// Of other cameras whose drawings it was judged by.
    pub beside: Vec<(CameraId, u64)>,
}

impl From<u64> for Over {
    /// Judged by itself alone.
    fn from(version: u64) -> Self {
        Self {
            version,
            beside: Vec::new(),
        }
    }
}

/// Writes a record if it is still what was read (empty: none), and those beside it have the versions that they had.
///
/// KEYS records; ARGV id, expected, new, channel, topic, then other ids and versions. Returns 1, or 0 where one has moved.
static SET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
         for n = 6, #ARGV, 2 do
           local beside = redis.call('HGET', KEYS[1], ARGV[n])
           local version = beside and cjson.decode(beside).version or 0
           if version ~= tonumber(ARGV[n + 1]) then return 0 end
         end
         redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
         redis.call('PUBLISH', ARGV[4], ARGV[5])
         return 1",
    )
});

/// What is drawn into all cameras' pictures; those that nobody has touched are not among them.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn setups(ledger: &Db, office: &OfficeId) -> Result<BTreeMap<CameraId, Setup>> {
    let key = keys::camera_setups(office);
    let records: Vec<(String, String)> = ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
    let known = records
        .iter()
        .filter_map(|(id, json)| Some((CameraId::new(id.as_str()).ok()?, json)));
    known.map(|(id, json)| Ok((id, from_json(&key, json)?))).collect()
}

/// Draws something else, by `by` at `now`, if the versions are still those over which it was drawn. Returns what is there from
/// now on; `None`: somebody else was faster, and nothing was written.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn set_up(
    ledger: &Db,
    office: &OfficeId,
    id: &CameraId,
    over: impl Into<Over>,
    (geometry, by, now): (Option<Geometry>, &StaffId, UnixMillis),
) -> Result<Option<Setup>> {
    let (key, over) = (keys::camera_setups(office), over.into());
    let before: Option<String> = ledger.run(redis::cmd("HGET").arg(&key).arg(id.as_str())).await?;
    let old: Option<Setup> = before.as_deref().map(|json| from_json(&key, json)).transpose()?;
    if old.map_or(0, |old| old.version) != over.version {
        return Ok(None);
    }
    let new = Setup {
        version: over.version + 1,
        at: now,
        by: by.clone(),
        geometry,
    };
    let mut call = SET.prepare_invoke();
    call.key(&key)
        .arg(id.as_str())
        .arg(before.unwrap_or_default())
        .arg(to_json(&key, &new)?)
        .arg(keys::wake(office))
        .arg(TOPIC);
    for (beside, version) in &over.beside {
        call.arg(beside.as_str()).arg(*version);
    }
    let is_written = ledger.invoke::<i64>(&call).await? == 1;
    Ok(is_written.then_some(new))
}
