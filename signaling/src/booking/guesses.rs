//! Wrong short codes from everywhere: eight digits are few, so where many are guessed within some minutes, every attempt
//! waits, right or wrong. Nobody is locked out.
//!
//! Invariant: at most [`REMEMBERED`] guesses are remembered.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::time::UnixMillis;

/// How many are remembered; the oldest is forgotten when there are more.
const REMEMBERED: usize = 200;
const FOR: Duration = Duration::from_secs(600);
/// So many in [`FOR`] slow nobody.
const HARMLESS: usize = 20;
/// Each beyond that makes an attempt wait so much longer.
const STEP: Duration = Duration::from_millis(50);

/// When numbers were guessed wrong.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    wrong: Mutex<VecDeque<UnixMillis>>,
}

impl Guesses {
    /// Remembers a wrong one.
    pub(super) fn note(&self, now: UnixMillis) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() == REMEMBERED {
            wrong.pop_front();
        }
        wrong.push_back(now);
    }

    /// How long the next attempt waits.
    pub(super) fn delay(&self, now: UnixMillis) -> Duration {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = wrong.iter().filter(|at| now.since(**at) < FOR).count();
        STEP * u32::try_from(recent.saturating_sub(HARMLESS)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_guesses_slow_everybody_for_a_while_and_never_for_long() {
        let guesses = Guesses::default();
        let now = UnixMillis(1_700_000_000_000);
        for _ in 0..HARMLESS {
            guesses.note(now);
        }
        assert_eq!(guesses.delay(now), Duration::ZERO);
        for _ in 0..10_000 {
            guesses.note(now);
        }
        let longest = guesses.delay(now);
        assert_eq!(longest, STEP * 180);
        assert!(longest < Duration::from_secs(10), "the request's own limit is longer");
        assert_eq!(guesses.delay(now.plus(FOR)), Duration::ZERO);
    }
}
