//! How long to wait before a process that fell is started again.

use std::time::Duration;

/// The first wait: a screen should not stand still for long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(10);
/// Who lived for so long is well again.
const WELL: Duration = Duration::from_secs(30);

/// Growing waits.
#[derive(Debug, Default)]
pub struct Backoff {
    falls: u32,
}

impl Backoff {
    /// The wait after a fall, when it had lived for `lived`.
    pub fn after(&mut self, lived: Duration) -> Duration {
        if lived >= WELL {
            self.falls = 0;
        }
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.falls)).min(LONGEST);
        self.falls = self.falls.saturating_add(1).min(16);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_begin_anew_when_it_was_well() {
        let mut backoff = Backoff::default();
        let short = Duration::from_secs(1);
        let waits: Vec<_> = (0..3).map(|_| backoff.after(short)).collect();
        assert_eq!(waits, [FIRST, FIRST * 2, FIRST * 4]);
        assert_eq!((0..40).map(|_| backoff.after(short)).max(), Some(LONGEST));
        assert_eq!(backoff.after(WELL), FIRST);
    }
}
