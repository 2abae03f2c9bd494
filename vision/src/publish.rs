//! Telling the office: readings out as observations of the area, to Redis.
//!
//! A new count goes out at once, an old one every two seconds, so that everybody knows how fresh it is. While
//! Redis is away counting goes on and nothing is queued: when it is back it hears the newest reading.

use std::sync::Arc;
use std::time::Duration;

use protocol::config::Area;
use protocol::congestion::{CameraReport, Observation};
use protocol::ids::{CameraId, OfficeId};
use protocol::time::UnixMillis;
use store::Db;
use tokio::sync::{Notify, watch};

use crate::area::watch::{AreaWatch, Readings};

/// A count is told again when it has been seen for so long, though it is the same; reports of cameras as often.
const REPEAT: Duration = Duration::from_secs(2);

/// Redis is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_millis(250);

/// How long the last word may take when the program ends.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What there is to tell of an area.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// People there; `None` when that can't be told.
    pub count: Option<u32>,
    /// When that was so.
    pub at: UnixMillis,
    /// Its cameras.
    pub cameras: Vec<(CameraId, CameraReport)>,
}

impl News {
    /// Whether something has changed that somebody waits for.
    fn is_other_than(&self, other: &Self) -> bool {
        let matters = |news: &Self| -> Vec<_> {
            let reports = news.cameras.iter().map(|(_, report)| report);
            reports
                .map(|report| (report.status, report.is_alive, report.somebody))
                .collect()
        };
        self.count != other.count || matters(self) != matters(other)
    }
}

/// What is to be told when. Pure: it is told the time.
#[derive(Debug, Default)]
pub struct Due {
    told: Option<News>,
    reported_at: Option<UnixMillis>,
    failed_at: Option<UnixMillis>,
}

impl Due {
    /// Whether it is to be told at `now`.
    #[must_use]
    pub fn is_due(&self, news: &News, now: UnixMillis) -> bool {
        if self.failed_at.is_some_and(|failed| now.since(failed) < RETRY) {
            return false;
        }
        match &self.told {
            None => true,
            Some(told) if told.is_other_than(news) => true,
            // By the time of what was seen: so the next picture brings it, and no tick later.
            Some(told) => news.at.since(told.at) >= REPEAT,
        }
    }

    /// Whether the cameras' reports are to be told at `now`, for themselves: they fade, also those of cameras that look
    /// every ten seconds only.
    #[must_use]
    pub fn is_report_due(&self, now: UnixMillis) -> bool {
        let is_trying_later = self.failed_at.is_some_and(|failed| now.since(failed) < RETRY);
        !is_trying_later && self.reported_at.is_some_and(|reported| now.since(reported) >= REPEAT)
    }

    /// The reports were told.
    pub fn reported(&mut self, now: UnixMillis) -> Recovered {
        self.reported_at = Some(now);
        Recovered(self.failed_at.take().is_some())
    }

    /// It was told.
    pub fn told(&mut self, news: News, now: UnixMillis) -> Recovered {
        self.told = Some(news);
        self.reported(now)
    }

    /// It couldn't be told. True: it could the last time, so this is news.
    pub fn failed(&mut self, now: UnixMillis) -> bool {
        self.failed_at.replace(now).is_none()
    }
}

/// Whether telling had failed before and now works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered(pub bool);

/// Publishes what an area's cameras say.
#[derive(Debug)]
pub struct Publisher {
    /// Redis' `live`.
    pub live: Db,
    /// The office.
    pub office: OfficeId,
    /// The area.
    pub area: Area,
    /// What its cameras make of it.
    pub state: AreaWatch,
    /// Woken when somebody has left a word on how many people are there.
    pub word: Arc<Notify>,
}

impl Publisher {
    /// Publishes until `readings` ends, and then the last word once more.
    pub async fn run(mut self, mut readings: watch::Receiver<Readings>) {
        let mut due = Due::default();
        let mut is_word_left = false;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_open = tokio::select! {
                changed = readings.changed() => changed.is_ok(),
                _ = tick.tick() => true,
                () = self.word.notified() => {
                    is_word_left = true;
                    true
                }
            };
            let mut now = runtime::now();
            let mut news = self.state.news(&readings.borrow_and_update(), now);
            // Left where it lies while it wouldn't hold: who left it withdraws it soon, and knows then that it wasn't taken.
            if is_word_left && self.state.holds_words() {
                is_word_left = false;
                self.hear().await;
                now = runtime::now();
                news = self.state.news(&readings.borrow_and_update(), now);
            }
            if !is_open {
                let _ = tokio::time::timeout(LAST_WORD, self.tell(&mut due, news)).await;
                return;
            }
            if due.is_due(&news, now) {
                self.tell(&mut due, news).await;
            } else if due.is_report_due(now) {
                let told = self.report(&news).await;
                let now = runtime::now();
                Self::log(
                    told.map(|()| due.reported(now))
                        .map_err(|error| (error, due.failed(now))),
                );
            }
        }
    }

    /// Takes the word that somebody has left, if there is one.
    async fn hear(&mut self) {
        match store::corrections::take(&self.live, &self.office, &self.area.id).await {
            Ok(Some(people)) => {
                if self.state.correct(people, runtime::now()) {
                    tracing::info!(people, "set right by staff");
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "what staff say can't be read"),
        }
    }

    async fn report(&self, news: &News) -> Result<(), store::StoreError> {
        for (camera, report) in &news.cameras {
            store::cameras::report(&self.live, &self.office, camera, report).await?;
        }
        Ok(())
    }

    /// Says it once when telling fails, and when it works again.
    fn log(told: Result<Recovered, (store::StoreError, bool)>) {
        match told {
            Ok(Recovered(true)) => tracing::info!("Redis is back: counts are published again"),
            Err((error, true)) => tracing::error!(%error, "counts can't be published; counting goes on"),
            Ok(_) | Err(_) => {}
        }
    }

    async fn tell(&self, due: &mut Due, news: News) {
        let observation = Observation {
            area: self.area.id.clone(),
            source: self.state.source(),
            at: news.at,
            count: news.count,
        };
        let told = async {
            let state =
                store::areas::observe(&self.live, &self.office, &self.area, &observation, runtime::now()).await?;
            self.report(&news).await?;
            Ok::<_, store::StoreError>(state)
        };
        let told = told.await;
        let now = runtime::now();
        Self::log(match told {
            Ok(state) => {
                tracing::debug!(count = ?news.count, level = ?state.level, "told");
                Ok(due.told(news, now))
            }
            Err(error) => Err((error, due.failed(now))),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(count: u32, at: u64) -> News {
        News {
            count: Some(count),
            at: UnixMillis(at),
            cameras: Vec::new(),
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
    fn a_camera_that_looks_seldom_is_reported_between_its_looks() {
        let mut due = Due::default();
        assert!(!due.is_report_due(UnixMillis(0)), "there is nothing to report yet");
        due.told(reading(3, 0), UnixMillis(0));
        assert!(!due.is_due(&reading(3, 0), UnixMillis(4000)), "its count is no newer");
        assert!(due.is_report_due(UnixMillis(4000)));
        due.reported(UnixMillis(4000));
        assert!(!due.is_report_due(UnixMillis(5999)));
        due.failed(UnixMillis(6000));
        assert!(!due.is_report_due(UnixMillis(6500)) && due.is_report_due(UnixMillis(7000)));
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
