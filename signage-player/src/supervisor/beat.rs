//! Signs of life: a part writes lines `beat NUMBER` to its standard output, which the supervisor reads. The picture's
//! number is the count of frames that left; a number that doesn't grow is no sign of life.

use std::io::Write as _;
use std::time::Duration;

use runtime::Shutdown;

/// How often a part gives a sign of life.
pub const EVERY: Duration = Duration::from_millis(500);

/// Gives one. Where nobody reads any more, this program is to end too.
///
/// # Errors
/// When nobody reads.
pub fn give(number: u64) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "beat {number}")?;
    out.flush()
}

/// Gives them as long as tasks of this runtime run.
pub async fn alive(shutdown: Shutdown) {
    let mut number = 0;
    loop {
        number += 1;
        let given = tokio::task::spawn_blocking(move || give(number)).await;
        if !matches!(given, Ok(Ok(()))) {
            return shutdown.start();
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.started() => return,
        }
    }
}

/// The number of a line.
#[must_use]
pub fn number(line: &str) -> Option<u64> {
    line.strip_prefix("beat ")?.trim().parse().ok()
}

/// Whether somebody lives, by their numbers and the time.
#[derive(Debug)]
pub struct Pulse {
    number: u64,
    due: Duration,
    limit: Duration,
}

impl Pulse {
    /// Begins at `now`: the first number must come within `first`, later ones within `limit` each.
    #[must_use]
    pub fn new(now: Duration, first: Duration, limit: Duration) -> Self {
        Self {
            number: 0,
            due: now + first,
            limit,
        }
    }

    /// A number came at `now`. Gives whether it is a sign of life.
    pub fn hear(&mut self, number: u64, now: Duration) -> bool {
        let is_growing = number > self.number;
        if is_growing {
            self.number = number;
            self.due = now + self.limit;
        }
        is_growing
    }

    /// When it counts as dead, unless it is heard before.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_grow_are_signs_of_life() {
        let at = Duration::from_secs;
        let mut pulse = Pulse::new(at(10), at(60), at(8));
        assert_eq!(pulse.due(), at(70), "the start takes its time");
        assert!(pulse.hear(1, at(30)));
        assert_eq!(pulse.due(), at(38));
        assert!(!pulse.hear(1, at(37)));
        assert_eq!(pulse.due(), at(38), "a timer alone keeps nobody alive");
        assert!(pulse.hear(2, at(37)));
        assert_eq!(pulse.due(), at(45));
    }

    #[test]
    fn other_words_are_no_numbers() {
        assert_eq!(number("beat 17\n"), Some(17));
        for other in ["", "beat", "beat x", "beat -1", "Xlib: beat 3"] {
            assert_eq!(number(other), None, "{other:?}");
        }
    }
}
