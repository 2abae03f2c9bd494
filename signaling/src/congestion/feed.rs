//! The state of all areas, kept current and told to everybody: serialised once, sent to many.
//!
//! Invariant: what is told is never older than its area's `stale_after`, Redis or not: a count that
//! nobody renews turns unknown here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use protocol::config::{Area, Config};
use protocol::congestion::AreaState;
use protocol::screen::ToScreen;
use protocol::time::UnixMillis;
use store::redis::Wake;
use store::{StoreError, keys};
use tokio::sync::broadcast;

use crate::app::App;

/// News not yet taken by a reader. Full: the slowest reader skips what it missed and is told everything.
const BACKLOG: usize = 32;
/// All areas are told so often, changed or not.
const TELL_ALL_EVERY: Duration = Duration::from_secs(10);
/// Counts are looked at for their age so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// States of areas, ready to send.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// For readers of `/events/areas`.
    pub(crate) event: Bytes,
    /// For screens.
    pub(crate) frame: Utf8Bytes,
}

impl Update {
    fn new(states: Vec<AreaState>) -> Self {
        // Both are plain data with text keys, which is always JSON.
        let data = serde_json::to_string(&states).unwrap_or_else(|_| "[]".to_owned());
        let frame = serde_json::to_string(&ToScreen::Areas { areas: states }).unwrap_or_default();
        Self {
            event: Bytes::from(format!("event: areas\ndata: {data}\n\n")),
            frame: frame.into(),
        }
    }
}

/// What is known of all areas.
#[derive(Debug)]
pub(crate) struct Feed {
    areas: Vec<Area>,
    states: Mutex<Vec<AreaState>>,
    news: broadcast::Sender<Update>,
}

impl Feed {
    /// Nothing is known yet.
    pub(crate) fn new(config: &Config) -> Self {
        let states = config
            .areas
            .iter()
            .map(|area| AreaState::unknown(area.id.clone(), area.capacity))
            .collect();
        Self {
            areas: config.areas.clone(),
            states: Mutex::new(states),
            news: broadcast::channel(BACKLOG).0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<AreaState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All areas, in the configuration's order, as they may be shown at `now`.
    pub(crate) fn states(&self, now: UnixMillis) -> Vec<AreaState> {
        let states = self.lock();
        let shown = states
            .iter()
            .zip(&self.areas)
            .map(|(state, area)| state.clone().as_of(now, area.stale_after));
        shown.collect()
    }

    /// All areas, ready to send.
    pub(crate) fn all(&self, now: UnixMillis) -> Update {
        Update::new(self.states(now))
    }

    /// From now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<Update> {
        self.news.subscribe()
    }

    /// Takes over what was read, and tells what changed.
    fn take(&self, read: impl IntoIterator<Item = AreaState>) {
        let mut changed = Vec::new();
        let mut states = self.lock();
        for new in read {
            let Some(old) = states.iter_mut().find(|old| old.area == new.area) else {
                continue;
            };
            // A Redis that lost its memory begins again with low versions: take what it says now.
            if *old != new {
                let is_told = old.version != new.version || old.level != new.level || old.count != new.count;
                *old = new;
                if is_told {
                    changed.push(old.clone());
                }
            }
        }
        drop(states);
        if !changed.is_empty() {
            // No reader is no error.
            let _ = self.news.send(Update::new(changed));
        }
    }

    /// Turns stale counts unknown, and tells so.
    fn look(&self, now: UnixMillis) {
        self.take(self.states(now));
    }
}

/// Keeps the feed current until the shutdown, through restarts of Redis.
pub(crate) async fn follow(app: std::sync::Arc<App>) {
    let mut wakes = app.store.live.listen(keys::wake(&app.config.office.id));
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut tell_all = tokio::time::interval(TELL_ALL_EVERY);
    loop {
        tokio::select! {
            wake = wakes.recv() => match wake {
                Some(Wake::Topic(topic)) => {
                    if let Some(id) = topic.strip_prefix("area/") {
                        read(&app, |area| area.id.as_str() == id).await;
                    }
                }
                Some(Wake::Resync) => read(&app, |_| true).await,
                None => return,
            },
            _ = look.tick() => app.feed.look(runtime::now()),
            _ = tell_all.tick() => {
                read(&app, |_| true).await;
                let _ = app.feed.news.send(app.feed.all(runtime::now()));
            }
            () = app.shutdown.started() => return,
        }
    }
}

async fn read(app: &Arc<App>, is_meant: impl Fn(&Area) -> bool) {
    for area in app.feed.areas.iter().filter(|area| is_meant(area)) {
        match store::areas::state(&app.store.live, &app.config.office.id, area, runtime::now()).await {
            Ok(state) => app.feed.take([state]),
            Err(error @ StoreError::Unavailable { .. }) => {
                tracing::debug!(%error, "areas can't be read now");
                return;
            }
            Err(error) => tracing::error!(%error, area = %area.id, "an area can't be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::congestion::Level;

    fn feed() -> Feed {
        let text = include_str!("../../../configs/demo.toml");
        Feed::new(&Config::parse(std::path::Path::new("demo.toml"), text).expect("the demo is sound"))
    }

    fn seen(feed: &Feed, at: u64, count: u32, version: u64) -> AreaState {
        AreaState {
            count: Some(count),
            level: Level::Free,
            observed_at: Some(UnixMillis(at)),
            version,
            ..feed.states(UnixMillis(at))[0].clone()
        }
    }

    #[test]
    fn a_change_is_told_once_and_silence_turns_it_unknown() {
        let feed = feed();
        let mut news = feed.news();
        feed.take([seen(&feed, 100_000, 3, 1)]);
        let told = news.try_recv().expect("told");
        assert!(
            told.event
                .starts_with(b"event: areas\ndata: [{\"area\":\"lobby-1f\",\"count\":3,")
        );
        assert!(told.frame.as_str().starts_with("{\"type\":\"areas\",\"areas\":["));

        feed.take([seen(&feed, 101_000, 3, 1)]);
        assert!(news.try_recv().is_err(), "a renewed observation alone is no news");

        let stale = UnixMillis(101_001 + 30_000);
        feed.look(stale);
        assert_eq!(feed.states(stale)[0].level, Level::Unknown);
        assert!(news.try_recv().is_ok());
        feed.look(stale);
        assert!(news.try_recv().is_err());
    }
}
