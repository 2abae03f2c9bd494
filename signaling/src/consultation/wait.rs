//! About how long somebody who waits will wait. Pure.
//!
//! Invariant: where too little is known nothing is said; what is said is never more exact than it can be.

use std::time::Duration;

use protocol::seats::MAX_WAIT_MINUTES;

/// So many of the last calls are looked at: the median of them bears one or two that lasted for ever.
pub(crate) const CALLS: usize = 15;
/// With fewer nobody can tell.
const CALLS_NEEDED: usize = 3;
/// A wait is told in steps of so many minutes, rounded up.
const STEP_MINUTES: u32 = 5;

/// The minutes that somebody with so many `ahead` of them waits, in steps of five; more than [`MAX_WAIT_MINUTES`]: longer
/// than that. `lasted`: how long the section's last calls took. `serving`: how many of its staff are in a call now.
pub(crate) fn minutes(ahead: u32, lasted: &[Duration], serving: u32) -> Option<u32> {
    if lasted.len() < CALLS_NEEDED || serving == 0 {
        return None;
    }
    let median = median(lasted);
    // Each of those who serve is in the middle of a call, as far as anybody knows: the first of `serving` is free after
    // about half of one, divided among them.
    let seconds = median.as_secs_f64() * (f64::from(ahead) + 0.5) / f64::from(serving);
    let steps = (seconds / 60.0 / f64::from(STEP_MINUTES)).ceil().max(1.0);
    if steps > f64::from(MAX_WAIT_MINUTES / STEP_MINUTES) {
        return Some(MAX_WAIT_MINUTES + STEP_MINUTES);
    }
    // Between 1 and 12.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(steps as u32 * STEP_MINUTES)
}

fn median(lasted: &[Duration]) -> Duration {
    let mut sorted = lasted.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(minutes: &[u64]) -> Vec<Duration> {
        minutes.iter().map(|it| Duration::from_secs(it * 60)).collect()
    }

    #[test]
    fn too_little_known_is_nothing_said() {
        assert_eq!(minutes(0, &calls(&[10, 10]), 1), None);
        assert_eq!(minutes(0, &calls(&[10, 10, 10]), 0), None, "nobody serves");
        assert_eq!(minutes(0, &[], 3), None);
    }

    #[test]
    fn a_wait_grows_with_the_line_and_shrinks_with_those_who_serve() {
        let lasted = calls(&[18, 20, 22]);
        assert_eq!(minutes(0, &lasted, 1), Some(10), "half a call");
        assert_eq!(minutes(1, &lasted, 1), Some(30));
        assert_eq!(minutes(1, &lasted, 3), Some(10));
        assert_eq!(minutes(0, &lasted, 4), Some(5), "never less than a step");
        assert!(minutes(9, &lasted, 1).is_some_and(|it| it > MAX_WAIT_MINUTES));
    }

    #[test]
    fn one_endless_call_and_one_that_was_none_change_little() {
        assert_eq!(minutes(1, &calls(&[1, 20, 20, 20, 240]), 1), Some(30));
    }
}
