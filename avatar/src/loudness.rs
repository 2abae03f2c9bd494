//! The mouth from a running sound with no text: how a live voice, or one without phonemes, moves the lips.
//!
//! Invariant: below the noise floor the mouth is closed, and the level that counts as loud follows the speaker.

use protocol::pose::Viseme;

/// Below this level (full scale is 1) a sound is silence whatever came before: -50 dB.
const FLOOR: f32 = 0.003;
/// The level that counts as loud at the beginning, and never less than a quarter of it: -16 dB.
const LOUD: f32 = 0.16;
/// How fast the loud level forgets, in seconds.
const FORGET: f32 = 4.0;
/// How fast the mouth opens and closes, in seconds.
const OPENING: f32 = 0.025;
const CLOSING: f32 = 0.060;
/// A shape is kept for at least this long, in seconds.
const HOLD: f32 = 0.09;

/// Follows a sound block by block.
#[derive(Debug, Clone)]
pub struct Follower {
    rate: f32,
    loud: f32,
    open: f32,
    viseme: Viseme,
    held: f32,
    last: i16,
}

impl Follower {
    /// For a sound of `rate` samples a second (0 is taken as 1).
    pub fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1) as f32,
            loud: LOUD,
            open: 0.0,
            viseme: Viseme::Closed,
            held: 0.0,
            last: 0,
        }
    }

    /// Takes the next samples (10 to 30 ms suit) and says how the mouth is now: its shape and how far it is
    /// taken, 0 to 1. An empty block changes nothing.
    pub fn push(&mut self, samples: &[i16]) -> (Viseme, f32) {
        if samples.is_empty() {
            return (self.viseme, self.open);
        }
        let seconds = samples.len() as f32 / self.rate;
        let level = rms(samples);
        self.loud += (LOUD / 4.0 - self.loud) * (1.0 - (-seconds / FORGET).exp());
        self.loud = self.loud.max(level);

        let floor = FLOOR.max(self.loud * 0.06);
        // The square root makes soft vowels visible.
        let target = if level <= floor {
            0.0
        } else {
            ((level - floor) / (self.loud - floor).max(FLOOR)).sqrt()
        };
        let time = if target > self.open { OPENING } else { CLOSING };
        self.open += (target.min(1.0) - self.open) * (1.0 - (-seconds / time).exp());
        if target == 0.0 && self.open < 0.03 {
            self.open = 0.0;
        }

        self.held += seconds;
        let shape = self.shape(samples);
        if self.open == 0.0 {
            self.viseme = Viseme::Closed;
        } else if self.viseme == Viseme::Closed || (self.held >= HOLD && shape != self.viseme) {
            self.viseme = shape;
            self.held = 0.0;
        }
        self.last = samples[samples.len() - 1];
        (self.viseme, self.open)
    }

    /// Bright sounds (many zero crossings) spread the lips, dark ones round them.
    fn shape(&self, samples: &[i16]) -> Viseme {
        let mut before = self.last;
        let mut crossings = 0_u32;
        for sample in samples {
            crossings += u32::from((before < 0) != (*sample < 0));
            before = *sample;
        }
        let brightness = crossings as f32 * self.rate / (2.0 * samples.len() as f32);
        match brightness {
            hz if hz < 350.0 => Viseme::U,
            hz if hz < 600.0 => Viseme::O,
            hz if hz < 1300.0 => Viseme::A,
            hz if hz < 2200.0 => Viseme::E,
            _ => Viseme::I,
        }
    }
}

/// The level of a sound, full scale 1.
pub(crate) fn rms(samples: &[i16]) -> f32 {
    let sum: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
    ((sum / samples.len().max(1) as f64).sqrt() / f64::from(i16::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, level: f32, seconds: f32) -> Vec<i16> {
        let count = (seconds * 16000.0) as usize;
        (0..count)
            .map(|n| (level * 32767.0 * (std::f32::consts::TAU * hz * n as f32 / 16000.0).sin()) as i16)
            .collect()
    }

    fn follow(follower: &mut Follower, samples: &[i16]) -> (Viseme, f32) {
        samples
            .chunks(320)
            .map(|block| follower.push(block))
            .last()
            .expect("blocks")
    }

    #[test]
    fn the_mouth_opens_with_sound_and_closes_in_silence() {
        let mut follower = Follower::new(16000);
        assert_eq!(follow(&mut follower, &[0; 3200]), (Viseme::Closed, 0.0));
        assert!(follow(&mut follower, &tone(800.0, 0.3, 0.2)).1 > 0.8);
        assert_eq!(follow(&mut follower, &[0; 8000]), (Viseme::Closed, 0.0));
        assert_eq!(
            follow(&mut follower, &tone(800.0, 0.002, 0.2)),
            (Viseme::Closed, 0.0),
            "noise"
        );
    }

    #[test]
    fn a_quiet_speaker_moves_the_mouth_too_after_a_while() {
        let mut follower = Follower::new(16000);
        assert!(follow(&mut follower, &tone(800.0, 0.06, 10.0)).1 > 0.7);
    }

    #[test]
    fn brightness_gives_the_shape() {
        for (hz, viseme) in [
            (250.0, Viseme::U),
            (500.0, Viseme::O),
            (900.0, Viseme::A),
            (1800.0, Viseme::E),
        ] {
            assert_eq!(
                follow(&mut Follower::new(16000), &tone(hz, 0.3, 0.3)).0,
                viseme,
                "{hz} Hz"
            );
        }
    }

    #[test]
    fn odd_input_does_no_harm() {
        let mut follower = Follower::new(0);
        assert_eq!(follower.push(&[]), (Viseme::Closed, 0.0));
        let (_, open) = follower.push(&[i16::MIN; 10]);
        assert!((0.0..=1.0).contains(&open));
    }
}
