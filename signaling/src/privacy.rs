//! Deletes what is kept of people when its time is up, again and again.

use std::sync::Arc;
use std::time::Duration;

use store::retention::{Swept, sweep};
use tokio::time::MissedTickBehavior;

use crate::app::App;

/// What is due goes at most so much later.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// Sweeps until the shutdown.
pub(crate) async fn delete_in_time(app: Arc<App>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = app.shutdown.started() => return,
        }
        let config = &app.config;
        match sweep(&app.store.ledger, &config.office.id, &config.privacy, runtime::now()).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::info!(?swept, "deleted what was to be deleted by now"),
            // The next sweep does it.
            Err(error) => tracing::warn!(%error, "nothing can be deleted now"),
        }
    }
}
