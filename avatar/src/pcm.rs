//! Sound as the avatar makes it: mono, 16 bit, at a stated rate.

use std::time::Duration;

/// Mono sound, signed 16 bit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pcm {
    /// The samples, -32768 to 32767.
    pub samples: Vec<i16>,
    /// Samples a second (open_jtalk's `mei` voice: 48000; espeak-ng: 22050; never 0 from this crate).
    pub rate: u32,
}

impl Pcm {
    /// How long the sound lasts.
    pub fn duration(&self) -> Duration {
        if self.rate == 0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate))
    }
}
