//! How long to wait before a part is started again. Pure: time is an argument.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);
/// A part that ran so long was well: its next fall is a first one again.
const WELL_AFTER: Duration = Duration::from_secs(30);

/// Doubles from 0.2 s to 10 s while a part keeps falling.
#[derive(Debug, Default)]
pub struct Backoff {
    falls: u32,
}

impl Backoff {
    /// The part fell after running for `ran`: how long to wait now.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran >= WELL_AFTER {
            self.falls = 0;
        }
        let wait = FIRST.saturating_mul(1 << self.falls.min(10)).min(LONGEST);
        self.falls = self.falls.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_while_a_part_keeps_falling_and_start_over_when_it_was_well() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8)
            .map(|_| backoff.after(Duration::from_secs(1)).as_millis())
            .collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(backoff.after(Duration::from_secs(31)).as_millis(), 200);
    }
}
