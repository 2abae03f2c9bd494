//! H.264 in RTP (RFC 6184): where frames and key frames begin, and how large the picture is.
//!
//! Invariant: only NAL unit headers, a slice's first bit and the sequence parameter set are looked at.

use super::bits::Bits;

const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Of a parameter set so many bytes are read: scaling lists included, the size is never farther behind.
const MAX_SPS: usize = 512;

/// Profiles whose parameter sets say more about colour. (H.264 §7.3.2.1.1)
const WITH_CHROMA: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// The largest picture in macroblocks each way that is believed: 16,384 pixels. Level 6.2 allows fewer.
const MAX_MACROBLOCKS: u32 = 1024;

/// What a payload is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outline {
    /// It has a sequence parameter set in it.
    pub has_parameters: bool,
    /// It begins an IDR picture.
    pub starts_idr: bool,
    /// It begins a NAL unit that may be a frame's first: a slice with macroblock 0, or what stands before slices.
    pub may_start_frame: bool,
    /// Width and height in pixels, cropped, where a whole sequence parameter set is in it.
    pub size: Option<(u16, u16)>,
}

impl Outline {
    /// Reads an RTP payload: a single NAL unit, STAP-A or FU-A, the three that packetization modes 0 and 1 have
    /// (RFC 6184 §5.4). None: another kind, or cut off.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut outline = Self::default();
        match kind(*payload.first()?) {
            1..=23 => outline.add(payload)?,
            STAP_A => outline.add_all(&payload[1..])?,
            FU_A => outline.add_fragment(payload)?,
            _ => return None,
        }
        Some(outline)
    }

    /// Whether a decoder can begin with this packet. Where the parameters come in a packet of their own, this
    /// one and the IDR picture's both say so; they have the same RTP time.
    #[must_use]
    pub fn starts_key_frame(&self) -> bool {
        self.has_parameters || self.starts_idr
    }

    /// A NAL unit, whole.
    fn add(&mut self, unit: &[u8]) -> Option<()> {
        let (header, body) = unit.split_first()?;
        let first = *body.first()?;
        self.begin(kind(*header), first);
        if kind(*header) == SPS {
            self.size = size(body).or(self.size);
        }
        Some(())
    }

    /// NAL units, each behind its length.
    fn add_all(&mut self, mut rest: &[u8]) -> Option<()> {
        loop {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (unit, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            // An end-of-sequence unit is one byte long and says nothing here.
            if unit.len() > 1 {
                self.add(unit)?;
            } else if unit.is_empty() {
                return None;
            }
            rest = behind;
            if rest.is_empty() {
                return Some(());
            }
        }
    }

    /// A part of a NAL unit.
    fn add_fragment(&mut self, payload: &[u8]) -> Option<()> {
        let [_, header, first, ..] = *payload else {
            return None;
        };
        if header & 0x80 != 0 {
            self.begin(kind(header), first);
        }
        Some(())
    }

    /// A NAL unit begins; `first` is the byte behind its header.
    fn begin(&mut self, kind: u8, first: u8) {
        // `first_mb_in_slice` is an Exp-Golomb number: 0 is a single one bit. (H.264 §7.3.3)
        let is_first_slice = first & 0x80 != 0;
        self.has_parameters |= kind == SPS;
        self.starts_idr |= kind == IDR_SLICE && is_first_slice;
        self.may_start_frame |= match kind {
            1 | 2 | IDR_SLICE => is_first_slice,
            // Supplemental information, parameter sets, delimiter, prefix. (H.264 §7.4.1.2.3)
            6..=9 | 14..=18 => true,
            _ => false,
        };
    }
}

fn kind(header: u8) -> u8 {
    header & 0x1f
}

/// The cropped size that a sequence parameter set says; `body` is behind the NAL unit's header.
/// (H.264 §7.3.2.1.1, §7.4.2.1.1)
fn size(body: &[u8]) -> Option<(u16, u16)> {
    let mut plain = [0; MAX_SPS];
    let len = unescape(body, &mut plain);
    let mut bits = Bits::new(&plain[..len]);
    let profile = bits.read(8)?;
    // Constraints and level.
    bits.skip(16)?;
    bits.unsigned()?;
    let chroma = if WITH_CHROMA.contains(&profile) {
        skip_chroma(&mut bits)?
    } else {
        Chroma::Halved
    };
    bits.unsigned()?;
    skip_order_count(&mut bits)?;
    // Reference frames, and whether gaps are allowed.
    bits.unsigned()?;
    bits.flag()?;
    let width = side(bits.unsigned()?)?;
    let map_height = side(bits.unsigned()?)?;
    let is_progressive = bits.flag()?;
    if !is_progressive {
        bits.flag()?;
    }
    bits.flag()?;
    let rows = if is_progressive { 1 } else { 2 };
    let height = map_height * rows;
    let (mut crop_x, mut crop_y) = (0, 0);
    if bits.flag()? {
        let (unit_x, unit_y) = chroma.crop_unit();
        let mut edges = || bits.unsigned()?.checked_add(bits.unsigned()?);
        crop_x = edges()?.checked_mul(unit_x)?;
        crop_y = edges()?.checked_mul(unit_y * rows)?;
    }
    let cropped = |whole: u32, crop: u32| u16::try_from(whole.checked_sub(crop)?).ok().filter(|it| *it > 0);
    Some((cropped(width, crop_x)?, cropped(height, crop_y)?))
}

/// A side in pixels, of its macroblocks less one.
fn side(macroblocks_less_one: u32) -> Option<u32> {
    (macroblocks_less_one < MAX_MACROBLOCKS).then(|| (macroblocks_less_one + 1) * 16)
}

/// How colour is sampled. (H.264 table 6-1)
#[derive(Clone, Copy)]
enum Chroma {
    /// None, or as finely as light; or three planes of their own.
    Full,
    /// Half as finely each way: 4:2:0.
    Halved,
    /// Half as finely across: 4:2:2.
    HalvedAcross,
}

impl Chroma {
    /// What one step of cropping is, in pixels.
    fn crop_unit(self) -> (u32, u32) {
        match self {
            Self::Full => (1, 1),
            Self::Halved => (2, 2),
            Self::HalvedAcross => (2, 1),
        }
    }
}

fn skip_chroma(bits: &mut Bits<'_>) -> Option<Chroma> {
    let format = bits.unsigned()?;
    let chroma = match format {
        0 | 3 => Chroma::Full,
        1 => Chroma::Halved,
        2 => Chroma::HalvedAcross,
        _ => return None,
    };
    if format == 3 {
        bits.flag()?;
    }
    // Bit depths, and whether zero is lossless.
    bits.unsigned()?;
    bits.unsigned()?;
    bits.flag()?;
    if bits.flag()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma)
}

fn skip_scaling_list(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    let mut last = 8_i64;
    for _ in 0..entries {
        let next = (last + bits.signed()?).rem_euclid(256);
        if next == 0 {
            // The rest is as the last.
            break;
        }
        last = next;
    }
    Some(())
}

fn skip_order_count(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.flag()?;
            bits.unsigned()?;
            bits.unsigned()?;
            let cycle = bits.unsigned()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.unsigned()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

/// Takes out the bytes that keep a start code from appearing by chance (H.264 §7.4.1). Gives how many are left.
fn unescape(body: &[u8], plain: &mut [u8; MAX_SPS]) -> usize {
    let (mut len, mut zeros) = (0, 0);
    for &byte in body {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        let Some(place) = plain.get_mut(len) else {
            break;
        };
        *place = byte;
        len += 1;
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes parameter sets bit by bit.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn bits(mut self, value: u32, count: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn unsigned(self, value: u32) -> Self {
            let width = (value + 1).ilog2();
            self.bits(0, width).bits(value + 1, width + 1)
        }

        fn all_unsigned(self, values: &[u32]) -> Self {
            values.iter().fold(self, |writer, value| writer.unsigned(*value))
        }

        /// A NAL unit with the bytes that keep start codes away.
        fn unit(self) -> Vec<u8> {
            let bits = self.bits(1, 1).0;
            let mut unit = vec![0x67];
            let mut zeros = 0;
            for chunk in bits.chunks(8) {
                let byte = (0..8).fold(0, |byte, at| byte << 1 | u8::from(chunk.get(at) == Some(&true)));
                if zeros >= 2 && byte <= 3 {
                    unit.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                unit.push(byte);
            }
            unit
        }
    }

    fn beginning(profile: u32) -> Writer {
        Writer::default().bits(profile, 8).bits(0xc0, 8).bits(31, 8).unsigned(0)
    }

    /// From the frame number's width on: order count 0, one reference, no gaps; then the size.
    fn sized(writer: Writer, width: u32, height: u32) -> Writer {
        let writer = writer.all_unsigned(&[0, 0, 4, 1]).bits(0, 1);
        writer.all_unsigned(&[width / 16 - 1, height / 16 - 1])
    }

    fn size_of(unit: &[u8]) -> Option<(u16, u16)> {
        let outline = Outline::read(unit).expect("sound");
        assert!(outline.has_parameters && outline.starts_key_frame() && outline.may_start_frame);
        outline.size
    }

    #[test]
    fn a_baseline_size_is_read_with_cropping() {
        let plain = sized(beginning(66), 640, 368).bits(0b110, 3).unit();
        assert_eq!(size_of(&plain), Some((640, 368)));
        let cropped = sized(beginning(66), 640, 368)
            .bits(0b111, 3)
            .all_unsigned(&[0, 0, 0, 4]);
        assert_eq!(size_of(&cropped.unit()), Some((640, 360)));
        let all_sides = sized(beginning(77), 640, 368)
            .bits(0b111, 3)
            .all_unsigned(&[1, 2, 3, 4]);
        assert_eq!(size_of(&all_sides.unit()), Some((634, 354)));
        let too_much = sized(beginning(77), 640, 368)
            .bits(0b111, 3)
            .all_unsigned(&[0, 320, 0, 0]);
        assert_eq!(size_of(&too_much.unit()), None);
        // Fields: the map's rows count twice, and so does cropping.
        let fields = sized(beginning(77), 1920, 544)
            .bits(0b0011, 4)
            .all_unsigned(&[0, 0, 0, 2]);
        assert_eq!(size_of(&fields.unit()), Some((1920, 1080)));
    }

    #[test]
    fn a_high_size_is_read_behind_colour_and_scaling_lists() {
        for (format, expected) in [(0, (639, 367)), (1, (638, 366)), (2, (638, 367)), (3, (639, 367))] {
            let mut writer = beginning(100).unsigned(format);
            if format == 3 {
                writer = writer.bits(0, 1);
            }
            // 8 bits each, not lossless, with lists: the first ends at once, the seventh is whole.
            writer = writer.all_unsigned(&[0, 0]).bits(0, 1).bits(1, 1);
            // -8 makes the next scale 0: "as the last from here on".
            writer = writer.bits(1, 1).unsigned(16).bits(0, 5).bits(1, 1);
            writer = (0..64).fold(writer, |writer, at| writer.unsigned(at % 3)).bits(0, 1);
            if format == 3 {
                writer = writer.bits(0, 4);
            }
            let unit = sized(writer, 640, 368)
                .bits(0b111, 3)
                .all_unsigned(&[0, 1, 0, 1])
                .unit();
            assert_eq!(size_of(&unit), Some(expected), "chroma format {format}");
        }
    }

    #[test]
    fn every_kind_of_order_count_is_passed_over() {
        let size = |writer: Writer| {
            let writer = writer.unsigned(1).bits(0, 1).all_unsigned(&[39, 22]).bits(0b110, 3);
            size_of(&writer.unit())
        };
        let kind_1 = beginning(66)
            .all_unsigned(&[0, 1])
            .bits(0, 1)
            .all_unsigned(&[5, 6, 2, 7, 8]);
        assert_eq!(size(kind_1), Some((640, 368)));
        assert_eq!(size(beginning(66).all_unsigned(&[0, 2])), Some((640, 368)));
        assert_eq!(size(beginning(66).all_unsigned(&[0, 3])), None);
    }

    #[test]
    fn bytes_that_keep_start_codes_away_are_taken_out() {
        // A large id in front leaves a run of zeros.
        let writer = Writer::default().bits(66, 8).bits(0, 16).unsigned((1 << 24) - 1);
        let unit = sized(writer, 640, 368).bits(0b110, 3).unit();
        assert!(unit.windows(3).any(|it| it == [0, 0, 3]), "{unit:?}");
        assert_eq!(size_of(&unit), Some((640, 368)));
    }

    #[test]
    fn frames_begin_with_the_first_slice() {
        for (unit, key, frame) in [
            (&[0x65, 0x88][..], true, true),
            (&[0x65, 0x48], false, false),
            (&[0x41, 0x9a], false, true),
            (&[0x41, 0x5a], false, false),
            (&[0x68, 0xce], false, true),
            (&[0x09, 0x10], false, true),
            (&[0x7c, 0x85, 0x88], true, true),
            (&[0x7c, 0x05, 0x88], false, false),
            (&[0x7c, 0x45, 0x88], false, false),
            (&[0x7c, 0x81, 0x9a], false, true),
            (&[0x7c, 0x81, 0x5a], false, false),
        ] {
            let outline = Outline::read(unit).expect("sound");
            let read = (outline.starts_key_frame(), outline.may_start_frame);
            assert_eq!(read, (key, frame), "{unit:02x?}");
        }
    }

    #[test]
    fn units_in_one_packet_are_read_one_by_one() {
        let sps = sized(beginning(66), 640, 368).bits(0b110, 3).unit();
        let mut stap = vec![0x78, 0, sps.len() as u8];
        stap.extend(&sps);
        stap.extend([0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88]);
        let outline = Outline::read(&stap).expect("sound");
        assert!(outline.has_parameters && outline.starts_idr && outline.may_start_frame);
        assert_eq!(outline.size, Some((640, 368)));
        let ends: Vec<usize> = (0..=stap.len())
            .filter(|len| Outline::read(&stap[..*len]).is_some())
            .collect();
        assert_eq!(ends, [3 + sps.len(), stap.len() - 4, stap.len()], "only between units");
        assert_eq!(Outline::read(&[0x78, 0, 0]), None);
        assert!(Outline::read(&[0x78, 0, 1, 0x0a]).is_some_and(|it| !it.may_start_frame));
    }

    #[test]
    fn what_is_cut_off_or_of_another_kind_is_refused() {
        for bad in [
            &[][..],
            &[0x65],
            &[0x7c, 0x85],
            &[0x78],
            &[0x78, 0],
            &[0x78, 0, 2, 0x65],
        ] {
            assert_eq!(Outline::read(bad), None, "{bad:02x?}");
        }
        for kind in [0, 25, 26, 27, 29, 30, 31] {
            assert_eq!(Outline::read(&[kind, 0x80, 0x80, 0x80, 0x80]), None, "{kind}");
        }
        let sps = sized(beginning(66), 640, 368).bits(0b110, 3).unit();
        for len in 2..sps.len() {
            // The last byte is there for the closing bit only.
            let read = Outline::read(&sps[..len]).expect("a parameter set all the same");
            assert!(read.size.is_none() || len >= sps.len() - 1, "{len}");
        }
        let mut long = sps;
        long.resize(MAX_SPS * 3, 0xff);
        assert_eq!(size_of(&long), Some((640, 368)));
    }
}
