//! What was played and isn't in the journal yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::screen::report::Play;
use protocol::time::UnixMillis;
use tokio::sync::Notify;

/// So many wait for the agent: some hours of a full playlist. When full, the oldest is lost.
pub const WAITING: usize = 4096;

/// A live picture's hash: it has none, and is known by its name.
pub const LIVE: &str = "";

/// 2020: a clock that says less was never set.
const CLOCK_SET: UnixMillis = UnixMillis(1_577_836_800_000);

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    waiting: VecDeque<(u64, Play)>,
}

/// The queue. Cheap to clone; all clones are one, each with the page whose zones it hears.
#[derive(Debug, Clone, Default)]
pub struct Plays {
    inner: Arc<Mutex<Inner>>,
    news: Arc<Notify>,
    layout: Arc<str>,
    page: Arc<str>,
}

impl Plays {
    /// The same queue, for a page of a layout.
    #[must_use]
    pub fn on_page(&self, layout: &str, page: &str) -> Self {
        Self {
            layout: layout.into(),
            page: page.into(),
            ..self.clone()
        }
    }

    /// An item was on show in a zone, from when to when by the time of day. What isn't known by its hash, or as
    /// [`LIVE`], and what was shown while the clock was not set, is no proof of anything. Takes some microseconds.
    pub fn shown(
        &self,
        zone: &str,
        content: &str,
        sha256: Option<&str>,
        span: (UnixMillis, UnixMillis),
        is_whole: bool,
    ) {
        let (from, to) = span;
        let Some(sha256) = sha256.filter(|_| from >= CLOCK_SET) else {
            return;
        };
        self.push(Play {
            from,
            shown_ms: u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX),
            layout: (*self.layout).to_owned(),
            page: (*self.page).to_owned(),
            zone: zone.to_owned(),
            content: content.to_owned(),
            sha256: sha256.to_owned(),
            is_whole,
        });
    }

    /// One more was played.
    pub fn push(&self, played: Play) {
        let mut inner = self.lock();
        inner.last += 1;
        let number = inner.last;
        inner.waiting.push_back((number, played));
        if inner.waiting.len() > WAITING {
            inner.waiting.pop_front();
        }
        drop(inner);
        self.news.notify_one();
    }

    /// The first one after `number`.
    #[must_use]
    pub fn after(&self, number: u64) -> Option<(u64, Play)> {
        let inner = self.lock();
        inner.waiting.iter().find(|(it, _)| *it > number).cloned()
    }

    /// The journal has all up to `through`.
    pub fn noted(&self, through: u64) {
        self.lock().waiting.retain(|(number, _)| *number > through);
    }

    /// Waits until there may be one more.
    pub async fn changed(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nobody panics while holding it; and if so, a list is a list.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(at: u64) -> Play {
        Play {
            from: UnixMillis(at),
            shown_ms: 1,
            layout: "lobby".into(),
            page: "home".into(),
            zone: "main".into(),
            content: "a.png".into(),
            sha256: "0".repeat(64),
            is_whole: true,
        }
    }

    #[test]
    fn only_what_is_known_by_its_hash_at_a_known_time_is_proof() {
        let plays = Plays::default();
        let span = |from: u64| (UnixMillis(from), UnixMillis(from + 8_000));
        let on_page = plays.on_page("lobby", "home");
        on_page.shown("main", "a.png", None, span(CLOCK_SET.0), true);
        on_page.shown("main", "a.png", Some("00"), span(5), true);
        on_page.shown("main", "the hall", Some(LIVE), span(5), true);
        assert_eq!(plays.after(0), None);
        on_page.shown("main", "a.png", Some("00"), span(CLOCK_SET.0), true);
        let (_, play) = plays.after(0).expect("one");
        assert_eq!(
            (play.layout.as_str(), play.page.as_str(), play.shown_ms),
            ("lobby", "home", 8_000)
        );
        plays.noted(1);
        on_page.shown("main", "the hall", Some(LIVE), span(CLOCK_SET.0), false);
        let (_, play) = plays.after(1).expect("one");
        assert_eq!((play.content.as_str(), play.sha256.as_str()), ("the hall", ""));
    }

    #[test]
    fn they_wait_until_noted_and_the_oldest_is_lost_first() {
        let plays = Plays::default();
        assert_eq!(plays.after(0), None);
        (1..=3).for_each(|at| plays.push(played(at)));
        assert_eq!(plays.after(1), Some((2, played(2))));
        plays.noted(2);
        assert_eq!(plays.after(0), Some((3, played(3))));
        (4..=WAITING as u64 + 10).for_each(|at| plays.push(played(at)));
        assert_eq!(plays.after(0).map(|(number, _)| number), Some(11));
    }
}
