//! What pages tell each other, from the server that one of them is connected to to the servers of the others: pub/sub
//! alone.
//!
//! Invariant: nothing of it is kept; what nobody listened to is lost, and whoever sent it sends it again.

use protocol::ids::OfficeId;
use tokio::sync::mpsc;

use crate::redis::Wake;
use crate::{Db, Result, keys};

/// Sends `parcel` to all who listen, this server too.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn send(live: &Db, office: &OfficeId, parcel: &str) -> Result<()> {
    live.run::<i64>(redis::cmd("PUBLISH").arg(keys::relay(office)).arg(parcel))
        .await
        .map(drop)
}

/// Listens for ever: each parcel comes as a [`Wake::Topic`], and gaps as [`Wake::Resync`].
#[must_use]
pub fn listen(live: &Db, office: &OfficeId) -> mpsc::Receiver<Wake> {
    live.listen(keys::relay(office))
}
