//! Whose page is open: a mark in `live` that its server renews, and that fades with the server.

use std::time::Duration;

use protocol::ids::{ConsultationId, OfficeId};

use crate::{Db, Result, keys};

/// How long a mark stands without renewal. Servers renew at a third of it.
pub const FADES_AFTER: Duration = Duration::from_secs(9);

/// Marks the resident of a consultation as present; wakes listeners with `presence/ID` when it wasn't.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn mark(live: &Db, office: &OfficeId, id: &ConsultationId) -> Result<()> {
    let mut set = redis::cmd("SET");
    set.arg(keys::presence(office, id))
        .arg(1)
        .arg("PX")
        .arg(FADES_AFTER.as_millis() as u64)
        .arg("GET");
    let before: Option<String> = live.run(&set).await?;
    if before.is_none() {
        wake(live, office, id).await
    } else {
        Ok(())
    }
}

/// Takes the mark away at once.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn clear(live: &Db, office: &OfficeId, id: &ConsultationId) -> Result<()> {
    live.run::<i64>(redis::cmd("DEL").arg(keys::presence(office, id)))
        .await?;
    wake(live, office, id).await
}

/// Whether the mark stands.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn is_present(live: &Db, office: &OfficeId, id: &ConsultationId) -> Result<bool> {
    Ok(live
        .run::<i64>(redis::cmd("EXISTS").arg(keys::presence(office, id)))
        .await?
        == 1)
}

async fn wake(live: &Db, office: &OfficeId, id: &ConsultationId) -> Result<()> {
    live.run::<i64>(
        redis::cmd("PUBLISH")
            .arg(keys::wake(office))
            .arg(format!("presence/{id}")),
    )
    .await
    .map(drop)
}
