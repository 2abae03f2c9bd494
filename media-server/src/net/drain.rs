//! A node's last hours: it takes no new rooms and ends when it is empty, or when its time is over.
//!
//! Invariant: once begun a drain is never taken back; only its end may be set anew.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::worker::Workers;

/// How often it is looked whether the node is empty.
const LOOK: Duration = Duration::from_millis(200);

/// No drain takes longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Whether the node drains, and until when.
#[derive(Debug, Default)]
pub struct Drain {
    until: watch::Sender<Option<Instant>>,
}

impl Drain {
    /// Begins, or sets another end: `within` from now, at most a day.
    pub fn begin(&self, within: Duration) {
        self.until.send_replace(Some(Instant::now() + within.min(LONGEST)));
    }

    /// When the node ends at the latest; none while it doesn't drain.
    #[must_use]
    pub fn ends_at(&self) -> Option<Instant> {
        *self.until.borrow()
    }

    /// Waits until a drain has begun.
    pub async fn begun(&self) {
        // Its sender is this one.
        let _ = self.until.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits for a drain, and until it is over: the workers refuse new rooms, and have none left or no time left.
    pub async fn is_over(&self, workers: &Workers) {
        self.begun().await;
        workers.drain().await;
        let mut until = self.until.subscribe();
        loop {
            let Some(at) = *until.borrow_and_update() else { return };
            if workers.report().await.counters.rooms == 0 {
                tracing::info!("drained: no room is left");
                return;
            }
            if Instant::now() >= at {
                tracing::info!("drained: the time is over");
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(at.min(Instant::now() + LOOK)) => {}
                _ = until.changed() => {}
            }
        }
    }
}
