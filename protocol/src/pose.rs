//! How the avatar holds itself at one moment. Small enough to travel thirty times a second.

use serde::{Deserialize, Serialize};

/// The shape of the mouth: the five Japanese vowels, the closed mouth, and the two between them that a
/// viewer notices (lips pressed for m, b, p; the syllabic ん).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Viseme {
    /// Relaxed, closed.
    #[default]
    Closed,
    /// Lips pressed: m, b, p.
    Pressed,
    /// あ
    A,
    /// い
    I,
    /// う
    U,
    /// え
    E,
    /// お
    O,
    /// ん
    N,
}

/// What the face says besides the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// At rest, friendly.
    #[default]
    Neutral,
    /// A smile.
    Smile,
    /// Listening: a little forward, brows up.
    Listening,
    /// Sorry.
    Sorry,
}

/// One moment of the avatar. Angles in degrees, shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Pose {
    /// The mouth's shape.
    pub viseme: Viseme,
    /// How far the mouth takes that shape, 0 to 1.
    pub mouth_open: f32,
    /// How far the lids are down, 0 (open) to 1 (shut).
    pub eyes_shut: f32,
    /// Where the eyes look, -1 (its right, up) to 1 (its left, down).
    pub gaze: (f32, f32),
    /// The head's tilt to its left in degrees, about -8 to 8.
    pub head_roll: f32,
    /// The head's turn to its left in degrees, about -12 to 12.
    #[serde(default)]
    pub head_turn: f32,
    /// The head's nod in degrees, about -6 to 12 (down).
    pub head_nod: f32,
    /// Breath: 0 (out) to 1 (in).
    pub breath: f32,
    /// The face.
    pub expression: Expression,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pose_round_trips() {
        let pose = Pose {
            viseme: Viseme::O,
            mouth_open: 0.5,
            gaze: (-1.0, 0.25),
            ..Pose::default()
        };
        let json = serde_json::to_string(&pose).expect("json");
        assert_eq!(serde_json::from_str::<Pose>(&json).expect("json"), pose);
    }
}
