//! The whole of the avatar's behaviour at a moment: idle, expression and speech in one pose.

use std::sync::Arc;
use std::time::Duration;

use protocol::pose::{Expression, Pose};

use crate::idle::Idle;
use crate::lipsync::Timeline;

/// Plays the avatar: told what to say and how to look, it answers with a pose for any moment from then on.
#[derive(Debug, Clone)]
pub struct Actor {
    idle: Idle,
    speech: Option<(Duration, Arc<Timeline>)>,
}

impl Actor {
    /// An avatar at rest. Give each screen its own seed.
    pub fn new(seed: u64) -> Self {
        Self { idle: Idle::new(seed), speech: None }
    }

    /// The sound of this timeline begins to play at `start`; it replaces what was being said.
    /// `start` may lie ahead (the sound's latency).
    pub fn say(&mut self, start: Duration, timeline: Arc<Timeline>) {
        self.speech = Some((start, timeline));
    }

    /// Stops speaking at once: the mouth closes.
    pub fn hush(&mut self) {
        self.speech = None;
    }

    /// Whether the timeline still runs at `now`.
    pub fn is_speaking(&self, now: Duration) -> bool {
        todo!("{now:?}")
    }

    /// Changes the face at `now`, behind a blink.
    pub fn express(&mut self, now: Duration, expression: Expression) {
        todo!("{now:?} {expression:?}")
    }

    /// The pose at `now`.
    pub fn pose(&self, now: Duration) -> Pose {
        todo!("{:?}", self.idle.at(now))
    }
}
