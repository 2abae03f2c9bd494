//! Staff's word on how many people are in an area that is counted at its doors: left in `live` for the camera worker, who takes
//! it once.
//!
//! Invariant: a word that nobody took is withdrawn, and is never taken later, when it isn't true any more.

use std::time::Duration;

use protocol::ids::{AreaId, OfficeId};

use crate::{Db, Result, keys};

/// Before an area's id: the topic of the wake-up when somebody has left a word for it.
pub const TOPIC: &str = "correction/";

/// It goes by itself after so long, should nobody withdraw it.
const LASTS: Duration = Duration::from_secs(10);

/// Leaves a word; it replaces one that nobody has taken yet.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn leave(live: &Db, office: &OfficeId, area: &AreaId, people: u32) -> Result<()> {
    let mut set = redis::cmd("SET");
    set.arg(keys::area(office, area, "correction"))
        .arg(people)
        .arg("PX")
        .arg(LASTS.as_millis() as u64);
    live.run::<()>(&set).await?;
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(keys::wake(office)).arg(format!("{TOPIC}{area}"));
    live.run::<i64>(&publish).await.map(drop)
}

/// Takes the word, if there is one: people in the area.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn take(live: &Db, office: &OfficeId, area: &AreaId) -> Result<Option<u32>> {
    let key = keys::area(office, area, "correction");
    live.run(redis::cmd("GETDEL").arg(key)).await
}

/// Whether the word still lies there.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn is_waiting(live: &Db, office: &OfficeId, area: &AreaId) -> Result<bool> {
    let key = keys::area(office, area, "correction");
    live.run(redis::cmd("EXISTS").arg(key)).await
}

/// Withdraws the word. Returns whether it still lay there: nobody has taken it.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn withdraw(live: &Db, office: &OfficeId, area: &AreaId) -> Result<bool> {
    let key = keys::area(office, area, "correction");
    live.run(redis::cmd("DEL").arg(key)).await
}
