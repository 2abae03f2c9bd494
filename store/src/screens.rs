//! Screens: their last report, in `live`, fading when they fall silent.

use std::time::Duration;

use protocol::ids::{OfficeId, ScreenId};
use protocol::screen::Report;

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

const FADES_AFTER: Duration = Duration::from_secs(35);

/// Keeps a screen's report until the next one, or until it is late.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn report(live: &Db, office: &OfficeId, id: &ScreenId, report: &Report) -> Result<()> {
    let key = keys::screen_report(office, id);
    let json = to_json(&key, report)?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(json).arg("PX").arg(FADES_AFTER.as_millis() as u64);
    live.run(&set).await
}

/// A screen's last report; `None`: it is silent.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn last_report(live: &Db, office: &OfficeId, id: &ScreenId) -> Result<Option<Report>> {
    let key = keys::screen_report(office, id);
    let json: Option<String> = live.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}
