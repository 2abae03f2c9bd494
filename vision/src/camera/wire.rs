//! What a capture process says on its standard output, and what it is told on its standard input.
//!
//! A message is a head of [`HEAD`] bytes and a body. Numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | `MDGv` |
//! | 4–7 | 1: a picture; 2: why there are no more |
//! | 8–11, 12–15 | a picture's width and height, in pixels |
//! | 16–23 | when it was taken, µs, as [`super::Frame::at`] |
//! | 24–31 | bytes of the body: of a picture, rows of 8-bit blue, green, red; else UTF-8 |
//! | 32–39 | when it was read, ms since 1970, as [`super::Frame::taken`] |
//!
//! Invariant: nobody sets memory aside for a body whose head hasn't been checked.

use std::path::PathBuf;
use std::time::Duration;

use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// Bytes of a head.
pub const HEAD: usize = 40;

const MARK: [u8; 4] = *b"MDGv";
const PICTURE: u32 = 1;
const FAILURE: u32 = 2;

/// Pictures are between one pixel and so many wide and high.
const LONGEST_SIDE: u32 = super::MOST_SIDE.cast_unsigned();

/// A reason is at most so many bytes long.
pub const LONGEST_REASON: usize = 1000;

/// A checked head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A picture follows, of `width` × `height` × 3 bytes.
    Picture {
        /// Pixels wide.
        width: u32,
        /// Pixels high.
        height: u32,
        /// When it was taken, by the source's clock,
        at: Duration,
        /// and when it was read, by the machine's.
        taken: UnixMillis,
    },
    /// The reason follows why there are no more pictures, so many bytes.
    Failure(usize),
}

/// A head that makes no sense: the other end is not a capture process, or out of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message that makes no sense")]
pub struct Nonsense;

impl Head {
    /// Reads and checks a head.
    ///
    /// # Errors
    /// [`Nonsense`] for a wrong mark or kind, a size out of range, or a length that isn't the size's.
    pub fn read(bytes: &[u8; HEAD]) -> Result<Self, Nonsense> {
        let long = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        let short = |at: usize| {
            let mut number = [0; 4];
            number.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(number)
        };
        let (kind, width, height, length) = (short(4), short(8), short(12), long(24));
        let sides = 1..=LONGEST_SIDE;
        let head = match kind {
            PICTURE if sides.contains(&width) && sides.contains(&height) => Self::Picture {
                width,
                height,
                at: Duration::from_micros(long(16)),
                taken: UnixMillis(long(32)),
            },
            FAILURE => Self::Failure(usize::try_from(length).map_err(|_| Nonsense)?),
            _ => return Err(Nonsense),
        };
        let is_whole =
            head.body() as u64 == length && !matches!(head, Self::Failure(length) if length > LONGEST_REASON);
        if bytes[..4] == MARK && is_whole {
            Ok(head)
        } else {
            Err(Nonsense)
        }
    }

    /// The head's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEAD] {
        let (kind, width, height, at, taken) = match self {
            Self::Picture {
                width,
                height,
                at,
                taken,
            } => (PICTURE, width, height, at, taken),
            Self::Failure(_) => (FAILURE, 0, 0, Duration::ZERO, UnixMillis(0)),
        };
        let mut bytes = [0; HEAD];
        bytes[..4].copy_from_slice(&MARK);
        bytes[4..8].copy_from_slice(&kind.to_le_bytes());
        bytes[8..12].copy_from_slice(&width.to_le_bytes());
        bytes[12..16].copy_from_slice(&height.to_le_bytes());
        // 584,000 years of microseconds fit.
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        bytes[16..24].copy_from_slice(&at.to_le_bytes());
        bytes[24..32].copy_from_slice(&(self.body() as u64).to_le_bytes());
        bytes[32..40].copy_from_slice(&taken.0.to_le_bytes());
        bytes
    }

    /// Bytes of the body.
    #[must_use]
    pub fn body(self) -> usize {
        match self {
            Self::Picture { width, height, .. } => width as usize * height as usize * 3,
            Self::Failure(length) => length,
        }
    }
}

/// What a capture process is to do: one line of JSON. The address may carry a password, so it stands in no argument
/// and no log.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Where pictures come from, as [`super::address::Address::new`] reads it.
    pub source: String,
    /// The screen's folder, where a screen's player shares the pictures.
    pub screen_home: Option<PathBuf>,
    /// A film's true speed in pictures a second, where it claims another.
    pub film_speed: Option<f64>,
    /// From one picture handed on to the next.
    pub every: Duration,
    /// A film as fast as it is counted, no picture left out.
    pub is_at_full_speed: bool,
    /// The process that ordered it: without it nobody wants pictures.
    pub parent: i32,
}

impl std::fmt::Debug for Order {
    /// Without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    const PICTURE_HEAD: Head = Head::Picture {
        width: 640,
        height: 480,
        at: Duration::from_micros(1_234_567),
        taken: UnixMillis(1_793_545_200_000),
    };

    #[test]
    fn heads_round_trip() {
        for head in [PICTURE_HEAD, Head::Failure(0), Head::Failure(LONGEST_REASON)] {
            assert_eq!(Head::read(&head.to_bytes()), Ok(head));
        }
        assert_eq!(PICTURE_HEAD.body(), 640 * 480 * 3);
    }

    #[test]
    fn a_head_is_believed_only_if_all_of_it_fits() {
        let good = PICTURE_HEAD.to_bytes();
        for at in (0..4).chain(4..8).chain(24..32) {
            let mut bad = good;
            bad[at] ^= 0x40;
            assert_eq!(Head::read(&bad), Err(Nonsense), "byte {at}");
        }
        let huge = Head::Picture {
            width: 100_000,
            height: 100_000,
            at: Duration::ZERO,
            taken: UnixMillis(0),
        };
        assert_eq!(Head::read(&huge.to_bytes()), Err(Nonsense), "no memory for 30 GB");
        assert_eq!(Head::read(&Head::Failure(1 << 40).to_bytes()), Err(Nonsense));
    }

    #[test]
    fn noise_is_no_head() {
        let mut random = Random::new(7);
        for _ in 0..100_000 {
            let mut bytes = [0; HEAD];
            bytes.fill_with(|| random.below(256) as u8);
            assert_eq!(Head::read(&bytes), Err(Nonsense));
        }
    }

    #[test]
    fn an_order_round_trips_and_shows_no_address() {
        let order = Order {
            source: "rtsp://office:secret@192.0.2.7/1".to_owned(),
            screen_home: None,
            film_speed: None,
            every: Duration::from_millis(200),
            is_at_full_speed: false,
            parent: 7,
        };
        let line = serde_json::to_string(&order).expect("json");
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Order>(&line).expect("json"), order);
        assert!(!format!("{order:?}").contains("secret"));
    }
}
