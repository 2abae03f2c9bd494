//! The state of all areas, kept current and told to everybody: serialised once, sent to many.
//!
//! Invariant: what is told is never older than its area's `stale_after`, Redis or not: a count that
//! nobody renews turns unknown here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use protocol::config::{Area, CameraRole, Config};
use protocol::congestion::AreaState;
use protocol::ids::AreaId;
use protocol::screen::{LotState, ToScreen};
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
    /// For screens: the areas, and the car parks among them, if any.
    pub(crate) frames: Vec<Utf8Bytes>,
}

impl Update {
    /// `lots`: areas that are car parks.
    fn new(states: Vec<AreaState>, lots: &[AreaId]) -> Self {
        // Both are plain data with text keys, which is always JSON.
        let data = serde_json::to_string(&states).unwrap_or_else(|_| "[]".to_owned());
        let are_lots = states.iter().filter(|state| lots.contains(&state.area));
        let lots: Vec<LotState> = are_lots.map(lot).collect();
        let mut said = vec![ToScreen::Areas { areas: states }];
        if !lots.is_empty() {
            said.push(ToScreen::Lots { lots });
        }
        let frames = said
            .iter()
            .map(|frame| serde_json::to_string(frame).unwrap_or_default().into());
        Self {
            event: Bytes::from(format!("event: areas\ndata: {data}\n\n")),
            frames: frames.collect(),
        }
    }
}

/// A car park, of whose places so many are free as its cars leave.
fn lot(state: &AreaState) -> LotState {
    LotState {
        lot: state.area.to_string(),
        free: state.count.map(|cars| state.capacity.saturating_sub(cars)),
        places: state.capacity,
        at: state.observed_at.unwrap_or(state.changed_at),
    }
}

/// What is known of all areas.
#[derive(Debug)]
pub(crate) struct Feed {
    areas: Vec<Area>,
    lots: Vec<AreaId>,
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
            lots: (config.cameras.iter())
                .filter(|camera| camera.role == CameraRole::Parking)
                .map(|camera| camera.area.get_ref().clone())
                .collect(),
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
        Update::new(self.states(now), &self.lots)
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
            let _ = self.news.send(Update::new(changed, &self.lots));
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
    fn a_car_park_is_told_to_screens_by_its_free_places() {
        let demo = include_str!("../../../configs/demo.toml");
        let area =
            "\n[[area]]\nid = \"lot\"\nname = { ja = \"駐車場\" }\ncapacity = 5\nmoderate_from = 2\nbusy_from = 4\n";
        let camera = "[[camera]]\nid = \"roof\"\narea = \"lot\"\nsource = \"/dev/video0\"\nrole = \"parking\"\n\
                      bay = [{ id = \"1\", polygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]] }]\n";
        let config = Config::parse(std::path::Path::new("demo.toml"), &format!("{demo}{area}{camera}"));
        let feed = Feed::new(&config.expect("sound"));
        let now = UnixMillis(100_000);
        let state = feed.states(now).into_iter().find(|state| state.area.as_str() == "lot");
        let state = state.expect("the lot");
        let frames = |feed: &Feed| feed.all(now).frames;
        let unknown = "{\"type\":\"lots\",\"lots\":[{\"lot\":\"lot\",\"places\":5,\"at\":0}]}";
        assert_eq!(frames(&feed)[1].as_str(), unknown);
        feed.take([AreaState {
            count: Some(3),
            observed_at: Some(now),
            version: 1,
            ..state
        }]);
        let known = "{\"type\":\"lots\",\"lots\":[{\"lot\":\"lot\",\"free\":2,\"places\":5,\"at\":100000}]}";
        assert_eq!(frames(&feed)[1].as_str(), known);
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
        assert!(told.frames[0].as_str().starts_with("{\"type\":\"areas\",\"areas\":["));
        assert_eq!(told.frames.len(), 1, "a hall is no car park");

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
