//! What is known of all screens, files and notices, kept in step with the ledger, and what is asked of connected screens.
//!
//! Invariant: what is refused or allowed is read from the ledger itself; what is known here may be a moment old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::ScreenId;
use store::StoreError;
use store::redis::Wake;
use store::screens::files::Upload;
use store::screens::notices::Posted;
use store::screens::{self, Screen};
use tokio::sync::{broadcast, watch};
use tokio::time::MissedTickBehavior;

use crate::app::App;

/// Everything is read again so often, wake-up or not.
const READ_EVERY: Duration = Duration::from_secs(10);
/// Pictures asked for and not yet taken up. Full: the oldest is lost, and whoever asked asks again.
const ASKED: usize = 32;

/// All at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    /// The screens that were taken in.
    pub(crate) screens: BTreeMap<ScreenId, Screen>,
    /// The files, by SHA-256.
    pub(crate) files: BTreeMap<String, Upload>,
    /// The notices.
    pub(crate) notices: Vec<Posted>,
}

/// What is known, and who wants to hear of it.
#[derive(Debug)]
pub(crate) struct Screens {
    known: watch::Sender<Arc<Known>>,
    looks: broadcast::Sender<ScreenId>,
}

impl Default for Screens {
    fn default() -> Self {
        Self {
            known: watch::channel(Arc::default()).0,
            looks: broadcast::channel(ASKED).0,
        }
    }
}

impl Screens {
    /// Now, and when it changes.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Known>> {
        self.known.subscribe()
    }

    /// Which screens' pictures are asked for from now on.
    pub(super) fn looks(&self) -> broadcast::Receiver<ScreenId> {
        self.looks.subscribe()
    }
}

/// Keeps it in step with Redis until the shutdown.
pub(crate) async fn follow_screens(app: Arc<App>) {
    let clearing = Arc::clone(&app);
    // What is left there takes room, and does no other harm.
    let _ = tokio::task::spawn_blocking(move || super::uploads::clear(clearing.library.uploads())).await;
    let mut wakes = app.store.ledger.listen(store::keys::wake(&app.config.office.id));
    let mut poll = tokio::time::interval(READ_EVERY);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_asked = tokio::select! {
            wake = wakes.recv() => match wake {
                Some(Wake::Topic(topic)) => {
                    if let Some(id) = topic.strip_prefix(screens::LOOK).and_then(|id| ScreenId::new(id).ok()) {
                        // No connected screen is no error: it may be another server's.
                        let _ = app.screens.looks.send(id);
                    }
                    topic == screens::TOPIC
                }
                Some(Wake::Resync) => true,
                None => return,
            },
            _ = poll.tick() => true,
            () = app.shutdown.started() => return,
        };
        if !is_asked {
            continue;
        }
        match read(&app).await {
            Ok(known) => {
                app.library.take(&known);
                let known = Arc::new(known);
                app.screens.known.send_if_modified(|old| {
                    let is_new = *old != known;
                    *old = known;
                    is_new
                });
            }
            Err(error @ StoreError::Corrupt { .. }) => tracing::error!(%error, "screens can't be read"),
            Err(error) => tracing::debug!(%error, "screens can't be read now"),
        }
    }
}

async fn read(app: &App) -> Result<Known, StoreError> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    Ok(Known {
        screens: screens::all(ledger, office).await?,
        files: screens::files::all(ledger, office).await?,
        notices: screens::notices::all(ledger, office).await?,
    })
}
