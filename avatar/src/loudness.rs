//! The mouth from a running sound with no text: how a live voice moves the avatar's lips.

use protocol::pose::Viseme;

/// Follows a sound block by block.
#[derive(Debug, Clone)]
pub struct Follower {
    rate: u32,
}

impl Follower {
    /// For a sound of `rate` samples a second.
    pub fn new(rate: u32) -> Self {
        Self { rate }
    }

    /// Takes the next samples (10 to 30 ms suit) and says how the mouth is now.
    pub fn push(&mut self, samples: &[i16]) -> (Viseme, f32) {
        todo!("{samples:?} {}", self.rate)
    }
}
