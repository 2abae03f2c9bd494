//! Cameras: how each is doing, in `live`, fading when its worker falls silent. Numbers only, never a picture.

use std::time::Duration;

use protocol::congestion::CameraReport;
use protocol::ids::{CameraId, OfficeId};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

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
