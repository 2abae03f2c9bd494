//! Telling the office: readings out as observations of the area, to Redis.
//!
//! A new count goes out at once, an old one every two seconds, so that everybody knows how fresh it is. While
//! Redis is away counting goes on and nothing is queued: when it is back it hears the newest reading.

use std::time::Duration;

use protocol::config::Area;
use protocol::congestion::{CameraReport, Observation, Source};
use protocol::ids::{CameraId, OfficeId};
use protocol::time::UnixMillis;
use store::Db;
use tokio::sync::watch;

use crate::worker::Reading;

/// A reading is told again after so long, though it is the same.
const REPEAT: Duration = Duration::from_secs(2);

/// Redis is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_millis(250);

/// How long the last word may take when the program ends.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What is to be told when. Pure: it is told the time.
#[derive(Debug, Default)]
pub struct Due {
    told: Option<(Reading, UnixMillis)>,
    failed_at: Option<UnixMillis>,
}

impl Due {
    /// Whether a reading is to be told at `now`.
    #[must_use]
    pub fn is_due(&self, reading: &Reading, now: UnixMillis) -> bool {
        if self.failed_at.is_some_and(|failed| now.since(failed) < RETRY) {
            return false;
        }
        match &self.told {
            None => true,
            Some((told, _)) if (told.count, told.status) != (reading.count, reading.status) => true,
            Some((told, told_at)) => reading.at > told.at && now.since(*told_at) >= REPEAT,
        }
    }

    /// It was told.
    pub fn told(&mut self, reading: Reading, now: UnixMillis) -> Recovered {
        self.told = Some((reading, now));
        Recovered(self.failed_at.take().is_some())
    }

    /// It couldn't be told. True: it could the last time, so this is news.
    pub fn failed(&mut self, now: UnixMillis) -> bool {
        self.failed_at.replace(now).is_none()
    }
}

/// Whether telling had failed before and now works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered(pub bool);

/// Publishes one camera's readings.
#[derive(Debug)]
pub struct Publisher {
    /// Redis' `live`.
    pub live: Db,
    /// The office.
    pub office: OfficeId,
    /// The area that the camera sees.
    pub area: Area,
    /// The camera.
    pub camera: CameraId,
}

impl Publisher {
    /// Publishes until `readings` ends, and then the last word once more.
    pub async fn run(self, mut readings: watch::Receiver<Reading>) {
        let mut due = Due::default();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_open = tokio::select! {
                changed = readings.changed() => changed.is_ok(),
                _ = tick.tick() => true,
            };
            let reading = *readings.borrow_and_update();
            if !is_open {
                let _ = tokio::time::timeout(LAST_WORD, self.tell(&mut due, reading)).await;
                return;
            }
            if due.is_due(&reading, runtime::now()) {
                self.tell(&mut due, reading).await;
            }
        }
    }

    async fn tell(&self, due: &mut Due, reading: Reading) {
        let observation = Observation {
            area: self.area.id.clone(),
            source: Source::Camera(self.camera.to_string()),
            at: reading.at,
            count: reading.count,
        };
        let report = CameraReport {
            frames_counted: reading.frames_counted,
            is_alive: reading.count.is_some(),
            status: reading.status,
            losses: reading.losses,
        };
        let told = async {
            let state =
                store::areas::observe(&self.live, &self.office, &self.area, &observation, runtime::now()).await?;
            store::cameras::report(&self.live, &self.office, &self.camera, &report)
                .await
                .map(|()| state)
        };
        let told = told.await;
        let now = runtime::now();
        match told {
            Ok(state) => {
                tracing::debug!(count = ?reading.count, level = ?state.level, "told");
                if due.told(reading, now) == Recovered(true) {
                    tracing::info!("Redis is back: counts are published again");
                }
            }
            Err(error) => {
                if due.failed(now) {
                    tracing::error!(%error, "counts can't be published; counting goes on");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::congestion::CameraStatus;

    fn reading(count: u32, at: u64) -> Reading {
        Reading {
            count: Some(count),
            ..Reading::unknown(UnixMillis(at), CameraStatus::Seeing)
        }
    }

    #[test]
    fn a_change_is_told_at_once_and_the_same_every_two_seconds() {
        let mut due = Due::default();
        assert!(due.is_due(&reading(3, 0), UnixMillis(0)), "the first one");
        due.told(reading(3, 0), UnixMillis(0));
        assert!(!due.is_due(&reading(3, 200), UnixMillis(200)));
        assert!(due.is_due(&reading(4, 400), UnixMillis(400)));
        due.told(reading(4, 400), UnixMillis(400));
        assert!(!due.is_due(&reading(4, 2200), UnixMillis(2399)));
        assert!(due.is_due(&reading(4, 2400), UnixMillis(2400)));
    }

    #[test]
    fn an_old_reading_is_not_made_fresh_by_telling_it_again() {
        let mut due = Due::default();
        due.told(reading(3, 0), UnixMillis(0));
        assert!(!due.is_due(&reading(3, 0), UnixMillis(60_000)));
    }

    #[test]
    fn a_failure_is_news_once_and_only_the_newest_is_told_afterwards() {
        let mut due = Due::default();
        assert!(due.failed(UnixMillis(0)));
        assert!(!due.is_due(&reading(5, 900), UnixMillis(999)), "Redis gets a second");
        assert!(due.is_due(&reading(5, 900), UnixMillis(1000)));
        assert!(!due.failed(UnixMillis(1000)), "the same outage");
        assert_eq!(due.told(reading(7, 1900), UnixMillis(2000)), Recovered(true));
        assert_eq!(due.told(reading(8, 2100), UnixMillis(2100)), Recovered(false));
        assert!(due.failed(UnixMillis(2200)), "another outage");
    }
}
