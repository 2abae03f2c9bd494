//! Looks at every frame that leaves the stage: whether it is black, and for how long nothing has moved.
//!
//! A grid of points is looked at, not the whole frame: some microseconds. A frame counts as black when every
//! point is nearly black; no layout of ours looks so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Points from left to right and from top to bottom.
const GRID: (u32, u32) = (48, 27);
/// A channel up to this is nearly black.
const BLACK: u8 = 12;

/// What was seen so far. Read by anybody.
#[derive(Debug, Default)]
pub struct Seen {
    black: AtomicU64,
    still_ms: AtomicU64,
    last_sum: AtomicU64,
    changed_at_ms: AtomicU64,
    /// Black is what is meant.
    is_dark: AtomicBool,
}

impl Seen {
    /// Black frames since the start that weren't meant to be.
    #[must_use]
    pub fn black(&self) -> u64 {
        self.black.load(Ordering::Relaxed)
    }

    /// From now on black is what is meant, or isn't.
    pub fn expect_dark(&self, is_dark: bool) {
        self.is_dark.store(is_dark, Ordering::Relaxed);
    }

    /// How long the picture has stood still by now, as far as the points tell.
    #[must_use]
    pub fn still(&self) -> Duration {
        Duration::from_millis(self.still_ms.load(Ordering::Relaxed))
    }

    /// Looks at a frame (BGRx without gaps) that is shown at `at`. Called from one thread.
    pub fn look(&self, frame: &[u8], (width, height): (u32, u32), at: Duration) {
        let (mut sum, mut is_black) = (0xcbf2_9ce4_8422_2325_u64, true);
        for row in 0..GRID.1 {
            let y = (height * (row * 2 + 1) / (GRID.1 * 2)) as usize;
            for column in 0..GRID.0 {
                let x = (width * (column * 2 + 1) / (GRID.0 * 2)) as usize;
                let start = (y * width as usize + x) * 4;
                let Some(pixel) = frame.get(start..start + 3) else {
                    continue;
                };
                is_black &= pixel.iter().all(|channel| *channel <= BLACK);
                // FNV-1a.
                for byte in pixel {
                    sum = (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
                }
            }
        }
        if is_black && !self.is_dark.load(Ordering::Relaxed) {
            self.black.fetch_add(1, Ordering::Relaxed);
        }
        let now_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        if self.last_sum.swap(sum, Ordering::Relaxed) != sum {
            self.changed_at_ms.store(now_ms, Ordering::Relaxed);
        }
        let changed_at = self.changed_at_ms.load(Ordering::Relaxed);
        self.still_ms
            .store(now_ms.saturating_sub(changed_at), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_still_frames_are_seen() {
        let seen = Seen::default();
        let frame = |level: u8| vec![level; 96 * 54 * 4];
        let look = |level, ms| seen.look(&frame(level), (96, 54), Duration::from_millis(ms));
        look(200, 0);
        look(200, 100);
        assert_eq!((seen.black(), seen.still()), (0, Duration::from_millis(100)));
        look(0, 133);
        assert_eq!((seen.black(), seen.still()), (1, Duration::ZERO));
        seen.expect_dark(true);
        look(0, 150);
        assert_eq!(seen.black(), 1, "it is meant to be");
        // A frame that is shorter than it says harms nobody.
        seen.look(&[1, 2, 3], (96, 54), Duration::from_millis(166));
    }
}
