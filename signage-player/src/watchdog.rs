//! Ends the picture's process when no frame leaves the stage any more, so that the supervisor starts it anew, and tells
//! the supervisor how many have left.
//!
//! Invariant: it looks at frames that reached the output, not at a timer of its own that a stuck stage
//! would keep alive.

use std::sync::Arc;
use std::time::Duration;

use runtime::EXIT_STALLED;

use crate::stage::output::Counters;
use crate::supervisor::beat;

/// Without a frame for so long the picture stands still.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Sees whether frames leave.
#[derive(Debug)]
pub struct Watch {
    frames: u64,
    moved: Duration,
}

impl Watch {
    /// Begins at `now`.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self { frames: 0, moved: now }
    }

    /// Whether, with so many frames in all at `now`, the picture stands still.
    pub fn is_stalled(&mut self, frames: u64, now: Duration) -> bool {
        if frames != self.frames {
            (self.frames, self.moved) = (frames, now);
        }
        now.saturating_sub(self.moved) >= LIMIT
    }
}

/// Watches from a thread of its own until the program ends.
///
/// # Errors
/// When there is no thread.
pub fn start(counters: Arc<Counters>) -> std::io::Result<()> {
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        let start = std::time::Instant::now();
        let mut watch = Watch::new(Duration::ZERO);
        loop {
            let frames = counters.left();
            if watch.is_stalled(frames, start.elapsed()) {
                break;
            }
            // Nobody reads: the supervisor is gone, and the system ends this process too.
            let _ = beat::give(frames);
            std::thread::sleep(beat::EVERY);
        }
        tracing::error!("no frame for {} s: ending, to be started anew", LIMIT.as_secs());
        std::process::exit(i32::from(EXIT_STALLED));
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_stands_still_is_noticed_and_a_slow_one_is_not() {
        let at = Duration::from_secs;
        let mut watch = Watch::new(at(10));
        assert!(!watch.is_stalled(0, at(14)), "the start takes its time");
        assert!(!watch.is_stalled(1, at(14)));
        assert!(!watch.is_stalled(2, at(18)));
        assert!(!watch.is_stalled(2, at(22)));
        assert!(watch.is_stalled(2, at(23)));
    }
}
