//! What goes over the socket: a letter, then what belongs to it; numbers are little-endian.

use std::time::Duration;

use crate::{End, Format, MAX_SIDE, Picture};

/// A text is at most so long, in bytes; what is longer is cut.
pub(crate) const LONGEST_TEXT: usize = 4096;
/// The longest datagram, in bytes.
pub(crate) const LONGEST: usize = 1 + LONGEST_TEXT;

/// How many pictures the memory may hold.
const SLOTS: std::ops::RangeInclusive<u64> = 2..=16;

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Comes first, with the memory: so many pictures, each in so many bytes.
    Memory { slots: u64, stride: u64 },
    /// A picture is there, the writer's `number`th, from 1.
    Picture { number: u64, picture: Picture },
    /// A text: the reader's order, or why the writer gives up.
    Text(String),
}

impl Said {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Memory { slots, stride } => {
                out.push(b'M');
                out.extend(slots.to_le_bytes());
                out.extend(stride.to_le_bytes());
            }
            Self::Picture { number, picture } => {
                out.push(b'P');
                out.extend(number.to_le_bytes());
                out.push(match picture.format {
                    Format::Bgrx => 0,
                    Format::Bgr => 1,
                });
                out.extend(picture.width.to_le_bytes());
                out.extend(picture.height.to_le_bytes());
                let at = u64::try_from(picture.at.as_nanos()).unwrap_or(u64::MAX);
                out.extend(at.to_le_bytes());
                out.extend(picture.taken_ms.to_le_bytes());
            }
            Self::Text(text) => {
                out.push(b'T');
                let end = text.floor_char_boundary(LONGEST_TEXT);
                out.extend(&text.as_bytes()[..end]);
            }
        }
        out
    }

    /// # Errors
    /// [`End::Nonsense`].
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, End> {
        let (&letter, mut rest) = bytes.split_first().ok_or(End::Nonsense("nothing"))?;
        let said = match letter {
            b'M' => {
                let (slots, stride) = (take(&mut rest)?, take(&mut rest)?);
                let most = (u64::from(MAX_SIDE) * u64::from(MAX_SIDE)) * 4 + 8;
                if !SLOTS.contains(&slots) || !(9..=most).contains(&stride) {
                    return Err(End::Nonsense("a memory of no sensible size"));
                }
                Self::Memory { slots, stride }
            }
            b'P' => {
                let number = take(&mut rest)?;
                let format = match part::<1>(&mut rest)? {
                    [0] => Format::Bgrx,
                    [1] => Format::Bgr,
                    _ => return Err(End::Nonsense("an unknown format")),
                };
                let mut side = || Ok::<_, End>(u32::from_le_bytes(part(&mut rest)?));
                let (width, height) = (side()?, side()?);
                if number == 0 || ![width, height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
                    return Err(End::Nonsense("a picture of no sensible size"));
                }
                let at = Duration::from_nanos(take(&mut rest)?);
                let picture = Picture {
                    format,
                    width,
                    height,
                    at,
                    taken_ms: take(&mut rest)?,
                };
                Self::Picture { number, picture }
            }
            b'T' => Self::Text(String::from_utf8_lossy(std::mem::take(&mut rest)).into_owned()),
            _ => return Err(End::Nonsense("an unknown word")),
        };
        if rest.is_empty() {
            Ok(said)
        } else {
            Err(End::Nonsense("too long a word"))
        }
    }
}

fn take(rest: &mut &[u8]) -> Result<u64, End> {
    Ok(u64::from_le_bytes(part(rest)?))
}

fn part<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], End> {
    let (first, after) = rest.split_first_chunk().ok_or(End::Nonsense("too short a word"))?;
    *rest = after;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Said; 3] {
        let picture = Picture {
            format: Format::Bgr,
            width: 640,
            height: 361,
            at: Duration::from_millis(70),
            taken_ms: 1_700_000_000_000,
        };
        [
            Said::Memory { slots: 4, stride: 4096 },
            Said::Picture { number: 7, picture },
            Said::Text("接続が切れました".to_owned()),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for said in all() {
            assert_eq!(Said::read(&said.write()).expect("read"), said);
        }
    }

    #[test]
    fn a_word_of_another_length_or_with_impossible_numbers_is_nonsense() {
        for said in &all()[..2] {
            let whole = said.write();
            for length in 0..whole.len() {
                assert!(
                    matches!(Said::read(&whole[..length]), Err(End::Nonsense(_))),
                    "{said:?} {length}"
                );
            }
            Said::read(&[&whole[..], &[0]].concat()).expect_err("too long");
        }
        let [_, Said::Picture { picture, .. }, _] = all() else {
            unreachable!("as above")
        };
        for (number, width, height) in [(0, 1, 1), (1, 0, 1), (1, 1, MAX_SIDE + 1)] {
            let picture = Picture {
                width,
                height,
                ..picture
            };
            Said::read(&Said::Picture { number, picture }.write()).expect_err("impossible");
        }
        for (slots, stride) in [(0, 4096), (1, 4096), (17, 4096), (4, 8), (4, u64::MAX)] {
            Said::read(&Said::Memory { slots, stride }.write()).expect_err("impossible");
        }
        Said::read(b"x").expect_err("unknown");
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let written = Said::Text("窓".repeat(2000)).write();
        assert!(written.len() <= LONGEST);
        assert_eq!(Said::read(&written).expect("read"), Said::Text("窓".repeat(1365)));
    }
}
