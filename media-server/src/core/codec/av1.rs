//! AV1 in RTP ("RTP Payload Format For AV1", Alliance for Open Media, v1.0.0): where frames and coded video
//! sequences begin, and how large the picture is. Layers and dependencies are in a header extension
//! ([`super::dependency`]).
//!
//! Invariant: only the aggregation header, the first element's OBU header and sequence headers are looked at.

use super::bits::Bits;

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const METADATA: u8 = 5;
const FRAME: u8 = 6;

/// The longest `leb128` that is taken, in bytes. (AV1 §4.10.5)
const MAX_LEB128: usize = 8;

/// What a payload is. (§4.4 of the RTP payload format; §5.3 of AV1)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outline {
    /// `N`: the first packet of a coded video sequence, which begins with a key frame.
    pub starts_sequence: bool,
    /// It begins with an OBU that may be a frame's first. With several in one temporal unit (spatial layers),
    /// or tile groups of their own, only the dependency descriptor says for certain.
    pub may_start_frame: bool,
    /// `spatial_id` of the first OBU, where it begins in this packet and says it.
    pub spatial: Option<u8>,
    /// `temporal_id`, as above.
    pub temporal: Option<u8>,
    /// Width and height in pixels of the largest frame, where a whole sequence header comes first.
    pub size: Option<(u16, u16)>,
}

impl Outline {
    /// Reads an RTP payload. None: cut off, or its lengths don't add up.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (&header, elements) = payload.split_first()?;
        let is_continued = header & 0x80 != 0;
        let continues = header & 0x40 != 0;
        let count = header >> 4 & 0x03;
        let starts_sequence = header & 0x08 != 0;
        // A new sequence can't begin in the middle of an OBU.
        if starts_sequence && is_continued {
            return None;
        }
        let first = check(elements, count)?;
        let mut outline = Self {
            starts_sequence,
            ..Self::default()
        };
        if !is_continued {
            let is_whole = !(continues && first.is_last);
            outline.begin(first.bytes, is_whole)?;
        }
        Some(outline)
    }

    /// An OBU begins the packet.
    fn begin(&mut self, obu: &[u8], is_whole: bool) -> Option<()> {
        let header = *obu.first()?;
        let kind = header >> 3 & 0x0f;
        let mut len = 1;
        if header & 0x04 != 0 {
            let layer = *obu.get(1)?;
            self.temporal = Some(layer >> 5);
            self.spatial = Some(layer >> 3 & 0x03);
            len = 2;
        }
        let mut body = obu.get(len..)?;
        // Senders leave the size out; it is allowed all the same.
        if header & 0x02 != 0 {
            let (_, width) = leb128(body)?;
            body = &body[width..];
        }
        self.may_start_frame = matches!(kind, SEQUENCE_HEADER | FRAME_HEADER | METADATA | FRAME);
        if kind == SEQUENCE_HEADER && is_whole {
            self.size = size(body);
        }
        Some(())
    }
}

/// The first OBU element of a packet.
struct First<'a> {
    bytes: &'a [u8],
    /// No other is behind it.
    is_last: bool,
}

/// Checks that the elements' lengths add up. `count` is `W`: of so many elements the last has no length; 0: all
/// have one.
fn check(mut rest: &[u8], count: u8) -> Option<First<'_>> {
    let mut first = None;
    for index in 1_usize.. {
        let is_unsized = usize::from(count) == index;
        let element = if is_unsized {
            std::mem::take(&mut rest)
        } else {
            let (len, width) = leb128(rest)?;
            let (element, behind) = rest[width..].split_at_checked(usize::try_from(len).ok()?)?;
            rest = behind;
            element
        };
        let first = first.get_or_insert(element);
        if is_unsized || (count == 0 && rest.is_empty()) {
            // Something must be in it.
            return (!first.is_empty() && !element.is_empty()).then_some(First {
                bytes: first,
                is_last: index == 1,
            });
        }
    }
    None
}

/// A number in groups of seven bits, the lowest first; and its width in bytes. (AV1 §4.10.5)
fn leb128(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(MAX_LEB128).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// The largest frame that a sequence header allows. (AV1 §5.5.1)
fn size(body: &[u8]) -> Option<(u16, u16)> {
    let mut bits = Bits::new(body);
    // Profile, still picture.
    bits.skip(4)?;
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.skip(5)?;
    } else {
        skip_operating_points(&mut bits)?;
    }
    let width_bits = bits.read(4)? + 1;
    let height_bits = bits.read(4)? + 1;
    let width = bits.read(width_bits)? + 1;
    let height = bits.read(height_bits)? + 1;
    Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
}

fn skip_operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let delay_bits = skip_timing(bits)?;
    let has_display_delays = bits.flag()?;
    let points = bits.read(5)? + 1;
    for _ in 0..points {
        bits.skip(12)?;
        let level = bits.read(5)?;
        if level > 7 {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            // Two delays and the low-delay flag.
            bits.skip(2 * delay_bits as usize + 1)?;
        }
        if has_display_delays && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

/// Gives how wide the decoder model's delays are, where there is one.
fn skip_timing(bits: &mut Bits<'_>) -> Option<Option<u32>> {
    let has_timing = bits.flag()?;
    if !has_timing {
        return Some(None);
    }
    bits.skip(64)?;
    let has_equal_pictures = bits.flag()?;
    if has_equal_pictures {
        bits.unsigned()?;
    }
    let has_decoder_model = bits.flag()?;
    if !has_decoder_model {
        return Some(None);
    }
    let delay_bits = bits.read(5)? + 1;
    bits.skip(32 + 5 + 5)?;
    Some(Some(delay_bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(bits: &str) -> Vec<u8> {
        let digits: Vec<u8> = bits.bytes().filter(|it| *it != b' ').map(|it| it - b'0').collect();
        digits
            .chunks(8)
            .map(|chunk| (0..8).fold(0, |byte, at| byte << 1 | chunk.get(at).copied().unwrap_or(0)))
            .collect()
    }

    /// A sequence header's OBU, without a size field, of 640x360.
    fn sequence_header(middle: &str) -> Vec<u8> {
        let mut obu = vec![SEQUENCE_HEADER << 3];
        obu.extend(bytes(&format!("000 0 {middle} 1001 1001 1001111111 0101100111 1")));
        obu
    }

    /// No timing, no display delays, one operating point of level 5.
    fn plain_header() -> Vec<u8> {
        sequence_header("0 0 0 00000 000000000000 00101")
    }

    #[test]
    fn a_sequence_begins_with_its_header() {
        // N, W = 2: the header behind its length, then a frame to the end.
        let mut payload = vec![0x28, plain_header().len() as u8];
        payload.extend(plain_header());
        payload.extend([FRAME << 3, 0x10, 0x20]);
        let outline = Outline::read(&payload).expect("sound");
        assert!(outline.starts_sequence && outline.may_start_frame);
        assert_eq!(outline.size, Some((640, 360)));
        assert_eq!((outline.spatial, outline.temporal), (None, None));
        // A header that goes on in the next packet says nothing yet.
        let mut part = vec![0x58];
        part.extend(plain_header());
        assert_eq!(Outline::read(&part).expect("sound").size, None);
    }

    #[test]
    fn the_size_is_found_behind_every_optional_part() {
        let size = |middle: &str| size(&sequence_header(middle)[1..]);
        assert_eq!(size("1 00101"), Some((640, 360)), "reduced");
        // A level with a tier; two operating points; display delays, one of them there.
        assert_eq!(size("0 0 0 00000 000000000000 01000 1"), Some((640, 360)));
        assert_eq!(
            size("0 0 1 00001 000000000000 00101 1 1010 000000000000 00101 0"),
            Some((640, 360))
        );
        let zeros = |count: usize| "0".repeat(count);
        let timing = format!("0 1 {} 1 00101", zeros(64));
        assert_eq!(
            size(&format!("{timing} 0 0 00000 000000000000 00101")),
            Some((640, 360)),
            "timing"
        );
        let model = format!("{timing} 1 00011 {}", zeros(42));
        assert_eq!(
            size(&format!("{model} 0 00000 000000000000 00101 1 {}", zeros(9))),
            Some((640, 360)),
            "decoder model"
        );
        for len in 0..6 {
            assert_eq!(super::size(&plain_header()[1..=len]), None, "{len}");
        }
    }

    #[test]
    fn layers_are_read_from_the_first_obu() {
        // W = 1; a frame with the extension byte and a size field: temporal 2, spatial 1.
        let outline = Outline::read(&[0x10, FRAME << 3 | 0x06, 0b0100_1000, 0x01, 0xff]).expect("sound");
        assert_eq!((outline.spatial, outline.temporal), (Some(1), Some(2)));
        assert!(outline.may_start_frame && !outline.starts_sequence);
        // A tile group begins no frame, nor does what is continued.
        assert!(!Outline::read(&[0x10, 4 << 3, 0xff]).expect("sound").may_start_frame);
        let continued = Outline::read(&[0x90, FRAME << 3 | 0x04, 0x48]).expect("sound");
        assert!(!continued.may_start_frame && continued.spatial.is_none());
    }

    #[test]
    fn lengths_must_add_up() {
        let sound = |payload: &[u8]| Outline::read(payload).is_some();
        // W = 0: every element behind its length.
        assert!(sound(&[0x00, 2, FRAME << 3, 1, 1, 0x20]));
        assert!(!sound(&[0x00, 2, FRAME << 3, 1, 1]));
        assert!(!sound(&[0x00, 3, FRAME << 3, 1]));
        // W = 3: two lengths, and the rest.
        assert!(sound(&[0x30, 1, FRAME << 3, 1, 0x20, 0x20]));
        assert!(!sound(&[0x30, 1, FRAME << 3, 1, 0x20]));
        assert!(!sound(&[0x30, 1, FRAME << 3]));
        // Nothing in it; a length without end; N together with Z.
        assert!(!sound(&[]) && !sound(&[0x10]) && !sound(&[0x00]) && !sound(&[0x00, 0]));
        assert!(!sound(&[0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]));
        assert!(!sound(&[0x98, FRAME << 3]));
        // An OBU header that is cut off by its own flags.
        assert!(!sound(&[0x10, FRAME << 3 | 0x04]));
        assert!(!sound(&[0x10, FRAME << 3 | 0x02]));
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26]), Some((624_485, 3)));
    }
}
