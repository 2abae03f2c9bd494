//! The whole of the avatar's behaviour at a moment: idle, expression and speech in one pose.
//!
//! Invariant: between two calls that change it, an [`Actor`]'s pose depends on `now` alone.

use std::sync::Arc;
use std::time::Duration;

use protocol::pose::{Expression, Pose, Viseme};

use crate::idle::{BLINK, Idle, blink_at, smooth};
use crate::lipsync::Timeline;

/// How long the head takes to turn to the visitor when speech begins, and back after it ends.
const ATTEND: f64 = 0.6;

/// Plays the avatar: told what to say and how to look, it answers with a pose for any moment from then on.
#[derive(Debug, Clone)]
pub struct Actor {
    idle: Idle,
    speech: Option<Said>,
    from: Expression,
    to: Expression,
    /// When the face changes from `from` to `to`: a blink begins.
    changes: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Said {
    start: Duration,
    end: Duration,
    timeline: Arc<Timeline>,
}

impl Actor {
    /// An avatar at rest. Give each screen its own seed.
    pub fn new(seed: u64) -> Self {
        Self {
            idle: Idle::new(seed),
            speech: None,
            from: Expression::default(),
            to: Expression::default(),
            changes: None,
        }
    }

    /// The sound of this timeline begins to be heard at `start`; it replaces what was being said.
    /// `start` may lie ahead by the latency of the sound's output.
    pub fn say(&mut self, start: Duration, timeline: Arc<Timeline>) {
        self.speech = Some(Said {
            start,
            end: start.saturating_add(timeline.duration()),
            timeline,
        });
    }

    /// Stops speaking at `now`: the mouth closes.
    pub fn hush(&mut self, now: Duration) {
        if let Some(said) = &mut self.speech {
            said.end = said.end.min(now);
        }
    }

    /// Whether the mouth moves at `now`.
    pub fn is_speaking(&self, now: Duration) -> bool {
        self.speech
            .as_ref()
            .is_some_and(|said| said.start <= now && now < said.end)
    }

    /// Changes the face at `now`, behind a blink. The face it has already is left alone.
    pub fn express(&mut self, now: Duration, expression: Expression) {
        if expression == self.to {
            return;
        }
        self.from = self.expression(now);
        self.to = expression;
        self.changes = Some(now);
    }

    /// The pose at `now`.
    pub fn pose(&self, now: Duration) -> Pose {
        let mut pose = self.idle.at(now);
        pose.expression = self.expression(now);
        if let Some(begin) = self.changes {
            pose.eyes_shut = pose.eyes_shut.max(blink_at(seconds(now, begin)));
        }
        match pose.expression {
            Expression::Listening => {
                pose.head_nod += 2.0;
                pose.head_roll += 1.5;
            }
            Expression::Sorry => pose.head_nod += 4.0,
            Expression::Neutral | Expression::Smile => {}
        }
        if let Some(said) = &self.speech {
            said.act(now, &mut pose);
        }
        pose
    }

    fn expression(&self, now: Duration) -> Expression {
        // The lids are down from a third to a half of the blink.
        match self.changes {
            Some(begin) if now < begin + BLINK.mul_f64(0.4) => self.from,
            _ => self.to,
        }
    }
}

impl Said {
    /// Who speaks looks at the visitor, moves the lips, and nods a little with the voice.
    fn act(&self, now: Duration, pose: &mut Pose) {
        let attention =
            (smooth(seconds(now, self.start) / ATTEND + 1.0) * smooth(1.0 - seconds(now, self.end) / ATTEND)) as f32;
        pose.gaze.0 *= 1.0 - 0.8 * attention;
        pose.gaze.1 *= 1.0 - 0.8 * attention;
        pose.head_turn *= 1.0 - 0.5 * attention;
        pose.head_nod += 1.6 * attention * self.stress(now);
        if self.start <= now && now < self.end {
            (pose.viseme, pose.mouth_open) = self.timeline.at(now - self.start);
        }
    }

    /// How much is said around `now`, 0 to 1: a slow mean of the mouth's opening moves the head.
    fn stress(&self, now: Duration) -> f32 {
        const REACH: u32 = 6;
        const STEP: Duration = Duration::from_millis(60);
        let sum: f32 = (0..=2 * REACH)
            .map(|n| {
                match (now + STEP * n)
                    .checked_sub(self.start + STEP * REACH)
                    .map(|t| self.timeline.at(t))
                {
                    Some((Viseme::Closed | Viseme::Pressed, _)) | None => 0.0,
                    Some((_, open)) => open,
                }
            })
            .sum();
        sum / (2 * REACH + 1) as f32
    }
}

/// From `begin` to `now`, negative before it.
fn seconds(now: Duration, begin: Duration) -> f64 {
    now.as_secs_f64() - begin.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lipsync::Phoneme;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn ahh() -> Arc<Timeline> {
        Arc::new(Timeline::from_phonemes(&[Phoneme {
            start: ms(0),
            end: ms(1000),
            name: "a".into(),
        }]))
    }

    #[test]
    fn the_mouth_moves_while_it_speaks_and_only_then() {
        let mut actor = Actor::new(1);
        actor.say(ms(5000), ahh());
        assert_eq!(actor.pose(ms(4990)).mouth_open, 0.0);
        assert!(!actor.is_speaking(ms(4990)) && actor.is_speaking(ms(5500)));
        let pose = actor.pose(ms(5500));
        assert_eq!((pose.viseme, pose.mouth_open), (Viseme::A, 1.0));
        assert_eq!(actor.pose(ms(6200)).mouth_open, 0.0);
        actor.hush(ms(5300));
        assert_eq!(actor.pose(ms(5500)).mouth_open, 0.0);
        assert!(!actor.is_speaking(ms(5500)));
    }

    #[test]
    fn the_face_changes_while_the_eyes_are_shut() {
        let mut actor = Actor::new(1);
        actor.express(ms(10_000), Expression::Smile);
        assert_eq!(actor.pose(ms(10_000)).expression, Expression::Neutral);
        let change = (10_000..10_200)
            .find(|t| actor.pose(ms(*t)).expression == Expression::Smile)
            .expect("it smiles");
        assert!(actor.pose(ms(change)).eyes_shut > 0.95);
        assert!(actor.pose(ms(change - 1)).eyes_shut > 0.95);
    }

    #[test]
    fn the_head_moves_smoothly_into_and_out_of_speech() {
        let mut actor = Actor::new(4);
        actor.say(ms(3000), ahh());
        let poses: Vec<Pose> = (0..6000).step_by(10).map(|t| actor.pose(ms(t))).collect();
        for pair in poses.windows(2) {
            assert!((pair[0].head_nod - pair[1].head_nod).abs() < 0.15);
            assert!((pair[0].head_turn - pair[1].head_turn).abs() < 0.3);
        }
    }
}
