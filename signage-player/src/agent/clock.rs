//! How this machine's clock stands to the server's, by round trips, as NTP does it (RFC 5905 §8 and §10): of the last ones the
//! quickest counts, as it leaves the least room for error. Only reported: nothing is set by it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::time::UnixMillis;

/// So many round trips are looked at; with more, the oldest is forgotten.
const KEPT: usize = 8;
/// One that took longer says too little.
const LONGEST: Duration = Duration::from_secs(2);

/// What was measured. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct ServerClock(Arc<Mutex<VecDeque<(Duration, i64)>>>);

impl ServerClock {
    /// A round trip took so long; the server's clock was `theirs` in it, ours is `ours` now.
    pub fn measured(&self, took: Duration, theirs: UnixMillis, ours: UnixMillis) {
        if took > LONGEST {
            return;
        }
        let signed = |time: UnixMillis| i64::try_from(time.0).unwrap_or(i64::MAX);
        let half = i64::try_from(took.as_millis() / 2).unwrap_or(0);
        let offset = signed(ours).saturating_sub(half).saturating_sub(signed(theirs));
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((took, offset));
    }

    /// This machine's clock minus the server's, in milliseconds; `None`: nothing was measured.
    #[must_use]
    pub fn offset_ms(&self) -> Option<i64> {
        let kept = self.lock();
        kept.iter().min_by_key(|(took, _)| *took).map(|(_, offset)| *offset)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Duration, i64)>> {
        // Nobody panics while holding it; and if so, a list is a list.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_of_the_last_round_trips_counts() {
        let clock = ServerClock::default();
        assert_eq!(clock.offset_ms(), None);
        let millis = Duration::from_millis;
        // Ours is 500 ms ahead; the way back took longer than the way there.
        clock.measured(millis(300), UnixMillis(10_000), UnixMillis(10_700));
        assert_eq!(clock.offset_ms(), Some(550));
        clock.measured(millis(10), UnixMillis(20_000), UnixMillis(20_505));
        assert_eq!(clock.offset_ms(), Some(500));
        clock.measured(millis(400), UnixMillis(30_000), UnixMillis(30_000));
        assert_eq!(clock.offset_ms(), Some(500));
        // Somebody sets the clock: what was measured before is forgotten in time.
        for _ in 0..KEPT {
            clock.measured(millis(20), UnixMillis(40_000), UnixMillis(40_010));
        }
        assert_eq!(clock.offset_ms(), Some(0));
        clock.measured(millis(5_000), UnixMillis(0), UnixMillis(9));
        assert_eq!(clock.offset_ms(), Some(0), "what took too long says nothing");
    }
}
