//! Sound as the avatar makes it: mono, 16 bit, at a stated rate.

use std::time::Duration;

/// Mono sound, signed 16 bit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pcm {
    /// The samples, -32768 to 32767.
    pub samples: Vec<i16>,
    /// Samples a second (Open JTalk's `mei` voice: 48000; eSpeak NG: 22050; never 0 from this crate).
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

    /// Reads a RIFF/WAVE file of 16-bit mono PCM. A `data` chunk that claims more than there is, as programs
    /// that write to a pipe leave it, is read to the end of the bytes.
    ///
    /// # Errors
    /// A sentence saying what was expected.
    pub fn from_wav(bytes: &[u8]) -> Result<Self, &'static str> {
        let rest = bytes
            .strip_prefix(b"RIFF")
            .and_then(|rest| rest.get(4..))
            .ok_or("not a RIFF file")?;
        let mut rest = rest.strip_prefix(b"WAVE").ok_or("not a WAVE file")?;
        let mut rate = None;
        while let Some((header, body)) = rest.split_at_checked(8) {
            let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let chunk = &body[..size.min(body.len())];
            match &header[..4] {
                b"fmt " => rate = Some(format(chunk)?),
                b"data" => {
                    let rate = rate.ok_or("the sound comes before its format")?;
                    let samples = chunk
                        .chunks_exact(2)
                        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                        .collect();
                    return Ok(Self { samples, rate });
                }
                _ => {}
            }
            // Chunks are padded to an even size.
            rest = body.get(size.saturating_add(size & 1)..).unwrap_or_default();
        }
        Err("there is no sound in it")
    }
}

/// Samples a second, if the format is 16-bit mono PCM.
fn format(chunk: &[u8]) -> Result<u32, &'static str> {
    let word = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    match (word(0), word(2), word(14)) {
        (Some(1), Some(1), Some(16)) => {}
        _ => return Err("the sound must be 16-bit mono PCM"),
    }
    match chunk.get(4..8).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])) {
        None | Some(0) => Err("the sound has no sample rate"),
        Some(rate) => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(channels: u8, claimed: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        bytes.extend([channels, 0, 0x22, 0x56, 0, 0, 0x44, 0xac, 0, 0, 2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend(claimed.to_le_bytes());
        bytes.extend([1, 0, 0xff, 0xff]);
        bytes
    }

    #[test]
    fn a_wave_file_is_read_also_when_its_length_is_a_guess() {
        for claimed in [4, 0x7fff_f000] {
            let pcm = Pcm::from_wav(&wav(1, claimed)).expect("wave");
            assert_eq!((pcm.samples.as_slice(), pcm.rate), ([1, -1].as_slice(), 22050));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let stereo = wav(2, 4);
        for bytes in [
            b"".as_slice(),
            b"RIFF",
            b"RIFF\0\0\0\0WAVE",
            b"OggS\0\0\0\0\0\0\0\0",
            &stereo,
            &stereo[..30],
        ] {
            assert!(Pcm::from_wav(bytes).is_err(), "{bytes:?}");
        }
    }
}
