//! What the packets carry: VP8- and Opus-looking payloads that say whose they are, and prove that nothing of
//! them was changed.
//!
//! Invariant: a payload is accepted only when every byte after the codec's own header is what its publisher
//! wrote.

use std::sync::OnceLock;

/// An RTP payload of video, in bytes.
pub const VIDEO: usize = 1100;

/// An RTP payload of sound, in bytes: 20 ms of Opus at 40 kbit/s.
pub const AUDIO: usize = 100;

/// The tag, in bytes.
const TAG: usize = 32;

/// Marks a tag.
const MAGIC: [u8; 4] = *b"mdgc";

/// VP8's payload descriptor as it is written: X, then I, then a picture id of 15 bits. (RFC 7741 §4.2)
const DESCRIPTOR: usize = 4;

/// A VP8 frame's head: three bytes of tag, and in a key frame the start code and the size. (RFC 7741 §4.3)
const FRAME_HEAD: usize = 10;

/// An Opus TOC byte: one 20 ms frame, stereo. (RFC 6716 §3.1)
const OPUS_TOC: u8 = 0xfc;

/// The filling repeats after so many bytes; a prime, so that it is in step with nothing.
const PERIOD: usize = 4093;

/// Whose a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The publisher's number.
    pub publisher: u32,
    /// Whether it is of the video track.
    pub is_video: bool,
    /// Counts the track's packets.
    pub counter: u32,
    /// When it was made, in nanoseconds of the bench's clock.
    pub sent_ns: u64,
}

/// Where in a video frame a packet is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Counts frames.
    pub picture: u16,
    /// Whether it begins the frame.
    pub is_first: bool,
    /// Whether the frame is a key frame.
    pub is_key: bool,
}

/// Appends a video payload.
pub fn write_video(tag: &Tag, place: Place, out: &mut Vec<u8>) {
    let start = out.len();
    let picture = place.picture & 0x7fff;
    out.push(if place.is_first { 0x90 } else { 0x80 });
    out.extend_from_slice(&[0x80, 0x80 | (picture >> 8) as u8, picture as u8]);
    // 1280x720; a delta frame has only the first three bytes, the rest is filling that looks the same.
    let p_bit = u8::from(!(place.is_first && place.is_key));
    out.extend_from_slice(&[0x10 | p_bit, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
    write_tag(tag, VIDEO, out);
    fill(tag, start + VIDEO, out);
}

/// Appends a payload of sound.
pub fn write_audio(tag: &Tag, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(OPUS_TOC);
    write_tag(tag, AUDIO, out);
    fill(tag, start + AUDIO, out);
}

/// Reads and checks a payload. Nothing when a byte of it isn't as it was written.
#[must_use]
pub fn check(payload: &[u8], is_video: bool) -> Option<Tag> {
    let head = if is_video {
        descriptor_len(payload)? + FRAME_HEAD
    } else {
        1
    };
    let content = payload.get(head..)?;
    let (raw, filling) = content.split_first_chunk::<TAG>()?;
    let (tag, len) = read_tag(raw)?;
    // The descriptor may have been written anew in another length; the rest may not.
    let written = len.checked_sub(if is_video {
        DESCRIPTOR + FRAME_HEAD + TAG
    } else {
        1 + TAG
    })?;
    let at = offset(&tag);
    let is_whole = filling.len() == written && filling == pattern().get(at..at + written)?;
    (tag.is_video == is_video && is_whole).then_some(tag)
}

/// The length of a VP8 payload descriptor. (RFC 7741 §4.2)
fn descriptor_len(payload: &[u8]) -> Option<usize> {
    let first = *payload.first()?;
    if first & 0x80 == 0 {
        return Some(1);
    }
    let extended = *payload.get(1)?;
    let mut len = 2;
    if extended & 0x80 != 0 {
        len += if payload.get(2)? & 0x80 != 0 { 2 } else { 1 };
    }
    len += usize::from(extended & 0x40 != 0);
    len += usize::from(extended & 0x30 != 0);
    Some(len)
}

fn write_tag(tag: &Tag, len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&tag.publisher.to_be_bytes());
    out.extend_from_slice(&tag.counter.to_be_bytes());
    out.extend_from_slice(&tag.sent_ns.to_be_bytes());
    // Both sizes are far below 16 bits.
    out.extend_from_slice(&(len as u16).to_be_bytes());
    out.extend_from_slice(&[u8::from(tag.is_video), 0]);
    let sum = checksum(&out[start..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

fn read_tag(raw: &[u8; TAG]) -> Option<(Tag, usize)> {
    let (body, sum) = raw.split_last_chunk::<8>()?;
    if body[..4] != MAGIC || checksum(body) != u64::from_be_bytes(*sum) {
        return None;
    }
    let word = |at: usize| body[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    let tag = Tag {
        publisher: word(4),
        is_video: body[22] == 1,
        counter: word(8),
        sent_ns: u64::from(word(12)) << 32 | u64::from(word(16)),
    };
    Some((tag, usize::from(u16::from_be_bytes([body[20], body[21]]))))
}

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn fill(tag: &Tag, end: usize, out: &mut Vec<u8>) {
    let at = offset(tag);
    let missing = end - out.len();
    out.extend_from_slice(&pattern()[at..at + missing]);
}

/// Where in the pattern a packet's filling begins: another place for each.
fn offset(tag: &Tag) -> usize {
    let mixed = u64::from(tag.publisher) * 7919 + u64::from(tag.counter) * 31 + u64::from(tag.is_video);
    // Less than PERIOD.
    (mixed % PERIOD as u64) as usize
}

/// Bytes that look like noise, the same in every process.
fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(PERIOD + VIDEO)
        .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(is_video: bool) -> Tag {
        Tag {
            publisher: 31,
            is_video,
            counter: 1_000_003,
            sent_ns: 77_000_000_123,
        }
    }

    const PLACE: Place = Place {
        picture: 300,
        is_first: true,
        is_key: true,
    };

    #[test]
    fn what_was_written_is_accepted() {
        let mut video = Vec::new();
        write_video(&tag(true), PLACE, &mut video);
        assert_eq!(video.len(), VIDEO);
        assert_eq!(check(&video, true), Some(tag(true)));
        let mut audio = Vec::new();
        write_audio(&tag(false), &mut audio);
        assert_eq!(audio.len(), AUDIO);
        assert_eq!(check(&audio, false), Some(tag(false)));
        assert_eq!(check(&audio, true), None);
    }

    #[test]
    fn a_server_may_renumber_pictures_and_change_nothing_else() {
        let mut video = Vec::new();
        write_video(&tag(true), PLACE, &mut video);
        video[3] ^= 0x55;
        assert_eq!(check(&video, true), Some(tag(true)));
        // A picture id of seven bits: the descriptor is one byte shorter.
        let mut shorter = video.clone();
        shorter.remove(3);
        shorter[2] = 5;
        assert_eq!(check(&shorter, true), Some(tag(true)));
        for at in DESCRIPTOR + FRAME_HEAD..VIDEO {
            let mut changed = video.clone();
            changed[at] ^= 1;
            assert_eq!(check(&changed, true), None, "byte {at}");
        }
        assert_eq!(check(&video[..VIDEO - 1], true), None);
        video.push(0);
        assert_eq!(check(&video, true), None);
    }

    #[test]
    fn str0m_sees_a_key_frame_where_one_begins() {
        use str0m::rtp::Vp8Descriptor;
        for (is_first, is_key) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut video = Vec::new();
            let place = Place {
                picture: 1,
                is_first,
                is_key,
            };
            write_video(&tag(true), place, &mut video);
            let descriptor = Vp8Descriptor::parse(&video).expect("a descriptor");
            assert_eq!(descriptor.starts_keyframe(&video), is_first && is_key);
        }
    }
}
