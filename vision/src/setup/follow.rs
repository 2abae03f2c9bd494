//! Keeps cameras counting as staff have drawn it, and tells areas that staff have left a word for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::ids::{AreaId, OfficeId};
use runtime::Shutdown;
use store::redis::Wake;
use store::{Db, Store, StoreError, cameras, corrections, keys};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::cameras::Cameras;

/// What is drawn is read again so often, wake-up or not.
const READ_EVERY: Duration = Duration::from_secs(10);

/// Takes over what staff draw, until the shutdown.
pub async fn setups(store: Store, office: OfficeId, all: Arc<Mutex<Cameras>>, shutdown: Shutdown) {
    let mut wakes = store.ledger.listen(keys::wake(&office));
    let mut poll = tokio::time::interval(READ_EVERY);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_due = tokio::select! {
            wake = wakes.recv() => match wake {
                Some(Wake::Topic(topic)) => topic == cameras::TOPIC,
                Some(Wake::Resync) => true,
                None => return,
            },
            _ = poll.tick() => true,
            () = shutdown.started() => return,
        };
        if !is_due {
            continue;
        }
        match cameras::setups(&store.ledger, &office).await {
            Ok(setups) => {
                let all = Arc::clone(&all);
                // A detector takes its time to be made; areas are told on.
                let taken = tokio::task::spawn_blocking(move || {
                    all.lock().unwrap_or_else(PoisonError::into_inner).take(&setups);
                });
                if taken.await.is_err() {
                    tracing::error!("what is drawn can't be taken over");
                }
            }
            Err(error @ StoreError::Corrupt { .. }) => tracing::error!(%error, "what is drawn can't be read"),
            Err(error) => tracing::debug!(%error, "what is drawn can't be read now"),
        }
    }
}

/// Wakes areas for which somebody has left a word, until the shutdown.
pub async fn words(live: Db, office: OfficeId, areas: BTreeMap<AreaId, Arc<Notify>>, shutdown: Shutdown) {
    let mut wakes = live.listen(keys::wake(&office));
    loop {
        let wake = tokio::select! {
            wake = wakes.recv() => wake,
            () = shutdown.started() => return,
        };
        match wake {
            Some(Wake::Topic(topic)) => {
                let area = topic.strip_prefix(corrections::TOPIC);
                let found = areas.iter().find(|(id, _)| Some(id.as_str()) == area);
                if let Some((_, area)) = found {
                    area.notify_one();
                }
            }
            Some(Wake::Resync) => areas.values().for_each(|area| area.notify_one()),
            None => return,
        }
    }
}
