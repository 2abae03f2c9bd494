//! Whose console is open: marks in `live` that a console's server renews, and that fade with the server.
//!
//! Invariant: one set for an office, so that it is read by one request; what has faded is taken away by who reads.

use protocol::ids::{OfficeId, StaffId};
use protocol::time::UnixMillis;

use crate::presence::FADES_AFTER;
use crate::{Db, Result, keys};

/// Marks a member of staff as being at their desk from `now` on.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn mark(live: &Db, office: &OfficeId, staff: &StaffId, now: UnixMillis) -> Result<()> {
    let mut add = redis::cmd("ZADD");
    add.arg(keys::desks(office))
        .arg(now.plus(FADES_AFTER).0)
        .arg(staff.as_str());
    live.run::<i64>(&add).await.map(drop)
}

/// Who is at their desk.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn there(live: &Db, office: &OfficeId, now: UnixMillis) -> Result<Vec<StaffId>> {
    let key = keys::desks(office);
    let mut forget = redis::cmd("ZREMRANGEBYSCORE");
    forget.arg(&key).arg("-inf").arg(now.0);
    live.run::<i64>(&forget).await?;
    let ids: Vec<String> = live.run(redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1)).await?;
    Ok(ids.into_iter().filter_map(|id| StaffId::new(id).ok()).collect())
}
