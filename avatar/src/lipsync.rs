//! The mouth over a spoken text: visemes from phonemes with their times, or from loudness alone.
//!
//! Invariant: a [`Timeline`] is sorted and never overlaps; outside its span the mouth is closed.

use std::time::Duration;

use protocol::pose::Viseme;

/// One phoneme of a spoken text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phoneme {
    /// When it begins, from the start of the sound.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
    /// Its name as Open JTalk writes it (`a`, `k`, `N`, `cl`, `pau`, `sil`, ...; upper case: devoiced).
    pub name: String,
}

/// The mouth's movements over one sound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {}

impl Timeline {
    /// From phonemes with times.
    pub fn from_phonemes(phonemes: &[Phoneme]) -> Self {
        todo!("{phonemes:?}")
    }

    /// From the sound alone, for voices that give no phonemes: the mouth opens with loudness, its
    /// shape follows brightness. `rate` in samples a second.
    pub fn from_pcm(samples: &[i16], rate: u32) -> Self {
        todo!("{samples:?} {rate}")
    }

    /// The mouth at `t` from the start of the sound: the shape, and how far it is taken (0 to 1).
    pub fn at(&self, t: Duration) -> (Viseme, f32) {
        todo!("{t:?}")
    }

    /// When the last movement ends.
    pub fn duration(&self) -> Duration {
        todo!()
    }
}
