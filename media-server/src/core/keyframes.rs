//! Key-frame requests of one track, merged and limited.
//!
//! Invariant: at most one request goes to the publisher in [`INTERVAL`]; while somebody still needs a key
//! frame, one goes every [`INTERVAL`] (requests and key frames get lost too).

use std::time::{Duration, Instant};

/// The shortest time between two requests.
pub(crate) const INTERVAL: Duration = Duration::from_millis(500);

/// One track's.
#[derive(Debug, Default)]
pub(crate) struct KeyFrames {
    is_wanted: bool,
    last: Option<Instant>,
}

impl KeyFrames {
    /// Somebody needs a key frame.
    pub(crate) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// A key frame is on its way to everybody.
    pub(crate) fn came(&mut self) {
        self.is_wanted = false;
    }

    /// When the next request may go; none: nobody needs one.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.is_wanted
            .then(|| self.last.map_or(now, |last| now.max(last + INTERVAL)))
    }

    /// Whether a request goes now; if so, it counts as gone.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.due(now).is_some_and(|due| due <= now);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_merged_limited_and_repeated_until_a_key_frame_comes() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut track = KeyFrames::default();
        assert!(!track.take(at(0)), "nobody asked");
        track.want();
        track.want();
        assert!(track.take(at(0)), "the first goes at once");
        assert!(!track.take(at(499)));
        assert_eq!(track.due(at(499)), Some(at(500)));
        assert!(track.take(at(500)), "none came: again");
        track.came();
        assert_eq!(track.due(at(2000)), None);
        track.want();
        assert!(!track.take(at(700)), "within the interval");
        assert!(track.take(at(1000)));
    }
}
