//! The door chime that plays where there is no voice: made by arithmetic, so there is no file to carry.

use crate::pcm::Pcm;

/// A soft two-note chime (E5, then C5), about 1.6 s long, peak below -6 dB of full scale.
///
/// `rate` is in samples a second; below 8000 it is taken as 8000.
pub fn chime(rate: u32) -> Pcm {
    todo!("{rate}")
}
