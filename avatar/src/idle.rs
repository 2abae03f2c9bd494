//! What the avatar does when it does nothing: it breathes, blinks, sways a little and looks about.
//!
//! Invariant: everything is a pure function of the seed and of the time asked for; asking twice, or
//! out of order, gives the same answer.

use std::time::Duration;

use protocol::pose::Pose;

/// Idle behaviour, told apart from another's by its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    seed: u64,
}

impl Idle {
    /// Idle behaviour of this seed (two screens side by side should differ: use the screen's number).
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The pose at `now`: breath, lids, head and gaze are set, the mouth is closed, the face neutral.
    pub fn at(&self, now: Duration) -> Pose {
        todo!("{now:?} {}", self.seed)
    }
}
