//! VP8 in RTP (RFC 7741): what a packet is, and giving it another place in its stream.
//!
//! Invariant: only the payload descriptor and the first ten bytes of a frame are looked at, which stay clear
//! when frames are encrypted end to end. A patched payload is as long as before.

/// Where the optional fields begin.
const FIXED: usize = 2;

/// A frame's tag, start code, width and height. (RFC 6386 §9.1)
const KEY_FRAME_HEADER: usize = 10;
const KEY_FRAME_START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// Width and height are 14 bits each; above them is how to scale what is shown.
const DIMENSION_MASK: u16 = 0x3fff;

/// A payload descriptor. (RFC 7741 §4.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// `PictureID`, of 7 or 15 bits.
    pub picture_id: Option<PictureId>,
    /// `TL0PICIDX`: counts the frames of the lowest temporal layer, modulo 256.
    pub tl0_pic_idx: Option<u8>,
    /// The temporal layer.
    pub layer: Option<Layer>,
    /// `KEYIDX`: counts the key frames, modulo 32.
    pub key_idx: Option<u8>,
    /// `N`: no other frame needs this one.
    pub is_non_reference: bool,
    /// `S` of partition 0: the packet begins a frame.
    pub starts_frame: bool,
    /// Its length in bytes: where the VP8 data begins.
    pub len: usize,
}

/// A picture's number, as wide as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureId {
    /// Modulo 128.
    Short(u8),
    /// Modulo 32,768.
    Long(u16),
}

impl PictureId {
    /// The number.
    #[must_use]
    pub fn value(self) -> u16 {
        match self {
            Self::Short(value) => u16::from(value),
            Self::Long(value) => value,
        }
    }

    /// The number at the beginning of `bytes`, and how many bytes it takes.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let high = *bytes.first()?;
        if high & 0x80 == 0 {
            return Some((Self::Short(high), 1));
        }
        let low = *bytes.get(1)?;
        Some((Self::Long(u16::from_be_bytes([high & 0x7f, low])), 2))
    }

    /// Writes another number of the same width over this one, which is at the beginning of `bytes`. Gives
    /// how many bytes it takes.
    pub(super) fn write(self, value: u16, bytes: &mut [u8]) -> usize {
        match self {
            Self::Short(_) => {
                bytes[0] = value as u8 & 0x7f;
                1
            }
            Self::Long(_) => {
                bytes[..2].copy_from_slice(&(value | 0x8000).to_be_bytes());
                2
            }
        }
    }
}

/// A temporal layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// `TID`: 0 is the lowest rate.
    pub temporal: u8,
    /// `Y`: the frame needs only frames of layer 0, so a decoder that had only those can begin with it.
    pub is_sync: bool,
}

impl Descriptor {
    /// Reads the descriptor of an RTP payload. None: cut off, or with nothing behind it.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut descriptor = Self {
            picture_id: None,
            tl0_pic_idx: None,
            layer: None,
            key_idx: None,
            is_non_reference: first & 0x20 != 0,
            starts_frame: first & 0x10 != 0 && first & 0x07 == 0,
            len: 1,
        };
        if first & 0x80 != 0 {
            descriptor.read_extension(payload)?;
        }
        (payload.len() > descriptor.len).then_some(descriptor)
    }

    fn read_extension(&mut self, payload: &[u8]) -> Option<()> {
        let present = *payload.get(1)?;
        self.len = FIXED;
        if present & 0x80 != 0 {
            let (id, width) = PictureId::read(payload.get(self.len..)?)?;
            self.picture_id = Some(id);
            self.len += width;
        }
        let mut next = || {
            let byte = payload.get(self.len).copied();
            self.len += 1;
            byte
        };
        if present & 0x40 != 0 {
            self.tl0_pic_idx = Some(next()?);
        }
        let (has_layer, has_key_idx) = (present & 0x20 != 0, present & 0x10 != 0);
        if has_layer || has_key_idx {
            let byte = next()?;
            self.layer = has_layer.then_some(Layer {
                temporal: byte >> 6,
                is_sync: byte & 0x20 != 0,
            });
            self.key_idx = has_key_idx.then_some(byte & 0x1f);
        }
        Some(())
    }

    /// Whether the packet begins a key frame. `payload` is what the descriptor was read from.
    #[must_use]
    pub fn starts_key_frame(&self, payload: &[u8]) -> bool {
        self.starts_frame && payload.get(self.len).is_some_and(|tag| tag & 0x01 == 0)
    }

    /// Width and height in pixels, when the packet begins a key frame. `payload` as above.
    #[must_use]
    pub fn size(&self, payload: &[u8]) -> Option<(u16, u16)> {
        if !self.starts_key_frame(payload) {
            return None;
        }
        let header = payload.get(self.len..self.len + KEY_FRAME_HEADER)?;
        let pixels = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]) & DIMENSION_MASK;
        (header[3..6] == KEY_FRAME_START_CODE).then(|| (pixels(6), pixels(8)))
    }

    /// Gives a copy of the payload another picture id and `TL0PICIDX`. A field that isn't there stays away,
    /// and a picture id keeps its width: of `picture_id` as many low bits are taken as fit.
    ///
    /// `payload` is a copy of what the descriptor was read from; one that is shorter than the descriptor is
    /// left as it is.
    pub fn patch(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        let Some(descriptor) = payload.get_mut(..self.len) else {
            return;
        };
        let mut at = FIXED;
        if let Some(id) = self.picture_id {
            at += id.write(picture_id, &mut descriptor[at..]);
        }
        if self.tl0_pic_idx.is_some() {
            descriptor[at] = tl0_pic_idx;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X, S; I, L, T, K; a 15-bit picture id; the frame's first bytes.
    const KEY: [u8; 16] = [
        0x90, 0xf0, 0x92, 0x34, 0x56, 0x6b, 0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0xc1,
    ];

    #[test]
    fn every_field_is_read() {
        let descriptor = Descriptor::read(&KEY).expect("sound");
        assert_eq!(
            descriptor,
            Descriptor {
                picture_id: Some(PictureId::Long(0x1234)),
                tl0_pic_idx: Some(0x56),
                layer: Some(Layer {
                    temporal: 1,
                    is_sync: true
                }),
                key_idx: Some(0x0b),
                is_non_reference: false,
                starts_frame: true,
                len: 6,
            }
        );
        assert!(descriptor.starts_key_frame(&KEY));
        assert_eq!(descriptor.size(&KEY), Some((640, 360)), "without the two bits of scale");
    }

    #[test]
    fn fields_that_are_not_there_are_none() {
        let plain = Descriptor::read(&[0x10, 0x01]).expect("sound");
        assert!(plain.picture_id.is_none() && plain.tl0_pic_idx.is_none());
        assert!(plain.layer.is_none() && plain.key_idx.is_none());
        assert!(plain.starts_frame && !plain.starts_key_frame(&[0x10, 0x01]) && plain.len == 1);

        let short = Descriptor::read(&[0xb0, 0x80, 0x7f, 0x01]).expect("sound");
        assert_eq!(short.picture_id, Some(PictureId::Short(127)));
        assert!(short.is_non_reference && short.len == 3);

        // T without K, and K without T: the byte is there, half of it says nothing.
        let layer = Descriptor::read(&[0x90, 0x20, 0x9f, 0x01]).expect("sound");
        assert_eq!((layer.layer.map(|it| it.temporal), layer.key_idx), (Some(2), None));
        let key_idx = Descriptor::read(&[0x90, 0x10, 0xff, 0x01]).expect("sound");
        assert_eq!((key_idx.layer, key_idx.key_idx), (None, Some(31)));
    }

    #[test]
    fn only_the_first_partitions_first_packet_starts_a_frame() {
        for (first, starts) in [(0x10, true), (0x00, false), (0x11, false), (0x07, false), (0x50, true)] {
            let payload = [first, 0x00, 0x00];
            let descriptor = Descriptor::read(&payload).expect("sound");
            assert_eq!(descriptor.starts_frame, starts, "{first:#04x}");
            assert_eq!(descriptor.starts_key_frame(&payload), starts, "{first:#04x}");
        }
    }

    #[test]
    fn what_is_cut_off_is_refused_or_has_no_size() {
        for len in 0..KEY.len() {
            let cut = &KEY[..len];
            let descriptor = Descriptor::read(cut);
            assert_eq!(descriptor.is_some(), len > 6, "{len}");
            assert_eq!(descriptor.and_then(|it| it.size(cut)), None, "{len}");
        }
        let mut other_code = KEY;
        other_code[9] = 0;
        let descriptor = Descriptor::read(&other_code).expect("sound");
        assert!(descriptor.starts_key_frame(&other_code) && descriptor.size(&other_code).is_none());
    }

    #[test]
    fn a_patch_changes_two_fields_and_no_length() {
        let descriptor = Descriptor::read(&KEY).expect("sound");
        let mut copy = KEY;
        descriptor.patch(&mut copy, 0xffff, 0x99);
        let patched = Descriptor::read(&copy).expect("sound");
        assert_eq!(patched.picture_id, Some(PictureId::Long(0x7fff)));
        assert_eq!(patched.tl0_pic_idx, Some(0x99));
        assert_eq!((patched.layer, patched.key_idx), (descriptor.layer, descriptor.key_idx));
        assert_eq!(copy[5..], KEY[5..]);

        // A 7-bit id stays one; without an id the index has another place; without both nothing is written.
        for (before, after) in [
            ([0x90, 0xc0, 0x05, 0x06, 0x01], [0x90, 0xc0, 0x01, 0x99, 0x01]),
            ([0x90, 0x40, 0x06, 0x01, 0x01], [0x90, 0x40, 0x99, 0x01, 0x01]),
            ([0x90, 0x20, 0x40, 0x01, 0x01], [0x90, 0x20, 0x40, 0x01, 0x01]),
            ([0x10, 0x40, 0x06, 0x01, 0x01], [0x10, 0x40, 0x06, 0x01, 0x01]),
        ] {
            let mut copy = before;
            let descriptor = Descriptor::read(&copy).expect("sound");
            descriptor.patch(&mut copy, 0x0181, 0x99);
            assert_eq!(copy, after);
        }
        descriptor.patch(&mut [], 1, 1);
        descriptor.patch(&mut [0; 5], 1, 1);
    }
}
