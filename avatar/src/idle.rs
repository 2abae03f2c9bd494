//! What the avatar does when it does nothing: it breathes, blinks, sways a little and looks about.
//!
//! Invariant: everything is a pure function of the seed and of the time asked for; asking twice, or
//! out of order, gives the same answer.

use std::time::Duration;

use protocol::pose::Pose;

/// How long one blink takes.
pub const BLINK: Duration = Duration::from_millis(150);

/// Each span of this length holds one blink, at most 1 s after the middle or before: 2 to 6 s apart.
const BLINK_SPAN: f64 = 4.0;
const BLINK_STRAY: f64 = 1.0;
/// A gaze is held for this long, less or more by the next two figures, all in seconds.
const GAZE_SPAN: f64 = 3.5;
const GAZE_STRAY: f64 = 1.2;
const GAZE_SHIFT: f64 = 0.18;

/// Idle behaviour, told apart from another's by its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    seed: u64,
}

/// The series of chance an idle figure draws from; each has its own numbers.
#[derive(Clone, Copy)]
enum Series {
    Blink = 1,
    GazeTime,
    GazeAcross,
    GazeDown,
    Phase,
}

impl Idle {
    /// Idle behaviour of this seed (two screens side by side should differ: use the screen's number).
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The pose at `now`: breath, lids, head and gaze are set, the mouth is closed, the face neutral.
    pub fn at(&self, now: Duration) -> Pose {
        let t = now.as_secs_f64();
        let gaze = self.gaze(t);
        Pose {
            eyes_shut: self.eyes_shut(t),
            gaze,
            head_roll: (1.1 * self.wave(t, 7.3, 0) + 0.6 * self.wave(t, 11.9, 1)) as f32,
            head_turn: (1.4 * self.wave(t, 9.7, 2) + 0.7 * self.wave(t, 4.9, 3)) as f32 + 2.0 * gaze.0,
            head_nod: (0.7 * self.wave(t, 8.3, 4) + 0.4 * self.wave(t, 5.3, 5)) as f32 + 1.0 * gaze.1,
            breath: breath(t + 3.6 * self.chance(Series::Phase, 9)),
            ..Pose::default()
        }
    }

    fn eyes_shut(&self, t: f64) -> f32 {
        let span = (t / BLINK_SPAN).floor();
        let stray = (self.chance(Series::Blink, span as i64) * 2.0 - 1.0) * BLINK_STRAY;
        blink_at(t - (span + 0.5) * BLINK_SPAN - stray)
    }

    /// Mostly at the visitor, at times aside; the eyes jump rather than glide.
    fn gaze(&self, t: f64) -> (f32, f32) {
        let span = (t / GAZE_SPAN).floor() as i64;
        let jump = |span: i64| {
            let stray = (self.chance(Series::GazeTime, span) * 2.0 - 1.0) * GAZE_STRAY;
            (span as f64 + 0.5) * GAZE_SPAN + stray
        };
        let latest = if t < jump(span) { span - 1 } else { span };
        let moved = smooth((t - jump(latest)) / GAZE_SHIFT);
        let (from, to) = (self.gaze_target(latest - 1), self.gaze_target(latest));
        (
            (from.0 + (to.0 - from.0) * moved) as f32,
            (from.1 + (to.1 - from.1) * moved) as f32,
        )
    }

    fn gaze_target(&self, span: i64) -> (f64, f64) {
        // Cubed, chance stays near the middle most of the time.
        let drift = |series| (self.chance(series, span) * 2.0 - 1.0).powi(3);
        (drift(Series::GazeAcross) * 0.7, drift(Series::GazeDown) * 0.4)
    }

    /// A slow wave of this period in seconds, -1 to 1, its phase by the seed.
    fn wave(&self, t: f64, period: f64, which: i64) -> f64 {
        let phase = self.chance(Series::Phase, which);
        (std::f64::consts::TAU * (t / period + phase)).sin()
    }

    /// A number from 0 up to 1 that belongs to (seed, series, index): the mixing of SplitMix64.
    fn chance(&self, series: Series, index: i64) -> f64 {
        let mut z = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (series as u64).wrapping_mul(0xd1b5_4a32_d192_ed03)
            ^ (index as u64).wrapping_mul(0x8cb9_2ba7_2f3d_8dd7);
        for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
            z = (z ^ (z >> 30)).wrapping_mul(factor);
        }
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How far the lids are down, `seconds` after a blink began: quick down, slower up.
pub(crate) fn blink_at(seconds: f64) -> f32 {
    let share = seconds / BLINK.as_secs_f64();
    match share {
        s if s <= 0.0 || s >= 1.0 => 0.0,
        s if s < 0.35 => smooth(s / 0.35) as f32,
        s if s < 0.5 => 1.0,
        s => smooth((1.0 - s) / 0.5) as f32,
    }
}

/// One breath takes 3.6 s: in for 1.4 s, out for the rest.
fn breath(t: f64) -> f32 {
    let at = t.rem_euclid(3.6);
    let share = if at < 1.4 {
        smooth(at / 1.4)
    } else {
        1.0 - smooth((at - 1.4) / 2.2)
    };
    share as f32
}

/// From 0 to 1 with soft ends; held outside.
pub(crate) fn smooth(share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: f64 = 1.0 / 60.0;

    fn poses(seed: u64, seconds: f64) -> Vec<(f64, Pose)> {
        let idle = Idle::new(seed);
        (0..(seconds / FRAME) as u32)
            .map(|frame| f64::from(frame) * FRAME)
            .map(|t| (t, idle.at(Duration::from_secs_f64(t))))
            .collect()
    }

    #[test]
    fn the_same_seed_and_time_give_the_same_pose_and_another_seed_another() {
        let t = Duration::from_millis(123_456);
        assert_eq!(Idle::new(7).at(t), Idle::new(7).at(t));
        assert_ne!(Idle::new(7).at(t), Idle::new(8).at(t));
    }

    #[test]
    fn blinks_are_irregular_two_to_six_seconds_apart_and_short() {
        for seed in 0..5 {
            let mut starts = Vec::new();
            let mut shut_for = 0.0;
            let mut before = 0.0;
            for (t, pose) in poses(seed, 600.0) {
                if pose.eyes_shut > 0.0 && before == 0.0 {
                    starts.push(t);
                }
                if pose.eyes_shut > 0.0 {
                    shut_for += FRAME;
                }
                before = pose.eyes_shut;
            }
            let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(
                gaps.iter().all(|gap| (1.95..6.05).contains(gap)),
                "seed {seed}: {gaps:?}"
            );
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let spread = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
            assert!(spread > 0.5, "seed {seed}: blinks come like clockwork, spread {spread}");
            let each = shut_for / starts.len() as f64;
            assert!((0.12..0.17).contains(&each), "seed {seed}: a blink takes {each} s");
        }
    }

    #[test]
    fn the_body_moves_a_little_and_never_jumps() {
        for seed in 0..5 {
            let poses = poses(seed, 120.0);
            for pair in poses.windows(2) {
                let (a, b) = (pair[0].1, pair[1].1);
                assert!((a.head_roll - b.head_roll).abs() < 0.1);
                assert!((a.head_nod - b.head_nod).abs() < 0.2);
                assert!((a.head_turn - b.head_turn).abs() < 0.5);
                assert!((a.breath - b.breath).abs() < 0.03);
            }
            let range = |pick: fn(&Pose) -> f32| {
                let all = poses.iter().map(|(_, pose)| pick(pose));
                (all.clone().fold(f32::MAX, f32::min), all.fold(f32::MIN, f32::max))
            };
            let (low, high) = range(|pose| pose.breath);
            assert!(low < 0.02 && high > 0.98, "breath {low} to {high}");
            let (low, high) = range(|pose| pose.head_roll);
            assert!(
                low < -0.8 && high > 0.8 && low > -2.0 && high < 2.0,
                "roll {low} to {high}"
            );
            let (low, high) = range(|pose| pose.gaze.0);
            assert!(low >= -1.0 && high <= 1.0 && high - low > 0.3, "gaze {low} to {high}");
            assert!(poses.iter().all(|(_, pose)| pose.mouth_open == 0.0));
        }
    }

    #[test]
    fn breathing_is_calm() {
        let poses = poses(3, 72.0);
        let rising = poses
            .windows(2)
            .filter(|pair| pair[0].1.breath < 0.5 && pair[1].1.breath >= 0.5)
            .count();
        assert_eq!(rising, 20, "one breath takes 3.6 s");
    }
}
