//! VP9 in RTP (RFC 9628): what a packet is, and giving it another place in its stream.
//!
//! Invariant: only the payload descriptor is looked at. A patched payload is as long as before.

use super::vp8::PictureId;

/// Layers that `SID` can name.
const MAX_SPATIAL: usize = 8;

/// Reference indices that a descriptor can hold.
const MAX_REFERENCES: usize = 3;

/// A payload descriptor. (RFC 9628 §4.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// `I`: the picture's number; all layers of a picture share it.
    pub picture_id: Option<PictureId>,
    /// `P`: the frame needs earlier pictures.
    pub is_inter_picture: bool,
    /// `L`: which layer the frame is of.
    pub layer: Option<Layer>,
    /// `F`: frames name their references themselves.
    pub is_flexible: bool,
    /// `B`: the packet begins a frame (of its layer).
    pub starts_frame: bool,
    /// `E`: the packet ends a frame (of its layer).
    pub ends_frame: bool,
    /// `Z`: no higher spatial layer of this picture needs the frame.
    pub is_not_for_upper: bool,
    /// `TL0PICIDX`, in non-flexible mode with layers.
    pub tl0_pic_idx: Option<u8>,
    /// In flexible mode: how many pictures back each reference is; zeros are none.
    pub references: [u8; MAX_REFERENCES],
    /// `V`: the scalability structure.
    pub structure: Option<Structure>,
    /// Its length in bytes: where the VP9 data begins.
    pub len: usize,
}

/// The layer of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// `TID`: 0 is the lowest rate.
    pub temporal: u8,
    /// `U`: pictures behind this one that are of higher temporal layers need nothing of those layers from
    /// before this one.
    pub is_switching_up_point: bool,
    /// `SID`: 0 is the smallest.
    pub spatial: u8,
    /// `D`: the frame needs the next lower spatial layer of its picture.
    pub is_inter_layer: bool,
}

/// What layers a stream has. (RFC 9628 §4.2.1)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure {
    /// Spatial layers, 1 to 8.
    pub layers: u8,
    /// Width and height in pixels of each, where said.
    pub sizes: Option<[(u16, u16); MAX_SPATIAL]>,
    /// Pictures in the group whose references are described; 0: none is.
    pub pictures: u8,
}

impl Descriptor {
    /// Reads the descriptor of an RTP payload. None: cut off, or with nothing behind it.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut rest = Rest { payload, at: 0 };
        let first = rest.byte()?;
        let is = |bit: u8| first & bit != 0;
        let mut descriptor = Self {
            picture_id: None,
            is_inter_picture: is(0x40),
            layer: None,
            is_flexible: is(0x10),
            starts_frame: is(0x08),
            ends_frame: is(0x04),
            is_not_for_upper: is(0x01),
            tl0_pic_idx: None,
            references: [0; MAX_REFERENCES],
            structure: None,
            len: 0,
        };
        if is(0x80) {
            descriptor.picture_id = Some(rest.picture_id()?);
        }
        if is(0x20) {
            descriptor.layer = Some(rest.layer()?);
            if !descriptor.is_flexible {
                descriptor.tl0_pic_idx = Some(rest.byte()?);
            }
        }
        if descriptor.is_flexible && descriptor.is_inter_picture {
            descriptor.references = rest.references()?;
        }
        if is(0x02) {
            descriptor.structure = Some(rest.structure()?);
        }
        descriptor.len = rest.at;
        (payload.len() > descriptor.len).then_some(descriptor)
    }

    /// The spatial layer; 0 without layers.
    #[must_use]
    pub fn spatial(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.spatial)
    }

    /// The temporal layer; 0 without layers.
    #[must_use]
    pub fn temporal(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.temporal)
    }

    /// Whether the packet begins a key picture: the lowest spatial layer's frame, that needs nothing before it.
    #[must_use]
    pub fn starts_key_frame(&self) -> bool {
        self.starts_frame && !self.is_inter_picture && self.spatial() == 0
    }

    /// Width and height in pixels of the largest layer, where the packet says them.
    #[must_use]
    pub fn size(&self) -> Option<(u16, u16)> {
        let structure = self.structure?;
        structure
            .sizes?
            .get(usize::from(structure.layers).checked_sub(1)?)
            .copied()
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
        let mut at = 1;
        if let Some(id) = self.picture_id {
            at += id.write(picture_id, &mut descriptor[at..]);
        }
        if self.tl0_pic_idx.is_some() {
            // Behind the layer's own byte.
            descriptor[at + 1] = tl0_pic_idx;
        }
    }
}

/// What of a payload isn't read yet.
struct Rest<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.payload.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn two_bytes(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn picture_id(&mut self) -> Option<PictureId> {
        let (id, width) = PictureId::read(self.payload.get(self.at..)?)?;
        self.at += width;
        Some(id)
    }

    fn layer(&mut self) -> Option<Layer> {
        let byte = self.byte()?;
        Some(Layer {
            temporal: byte >> 5,
            is_switching_up_point: byte & 0x10 != 0,
            spatial: byte >> 1 & 0x07,
            is_inter_layer: byte & 0x01 != 0,
        })
    }

    fn references(&mut self) -> Option<[u8; MAX_REFERENCES]> {
        let mut references = [0; MAX_REFERENCES];
        for reference in &mut references {
            let byte = self.byte()?;
            *reference = byte >> 1;
            if byte & 0x01 == 0 {
                return Some(references);
            }
        }
        // The last one says that there is a fourth.
        None
    }

    fn structure(&mut self) -> Option<Structure> {
        let head = self.byte()?;
        let layers = (head >> 5) + 1;
        let mut sizes = None;
        if head & 0x10 != 0 {
            let sizes = sizes.insert([(0, 0); MAX_SPATIAL]);
            for size in sizes.iter_mut().take(usize::from(layers)) {
                *size = (self.two_bytes()?, self.two_bytes()?);
            }
        }
        let mut pictures = 0;
        if head & 0x08 != 0 {
            pictures = self.byte()?;
            for _ in 0..pictures {
                let references = self.byte()? >> 2 & 0x03;
                for _ in 0..references {
                    self.byte()?;
                }
            }
        }
        Some(Structure {
            layers,
            sizes,
            pictures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I, P, L, non-flexible, B; 15-bit id; layer byte; TL0PICIDX; data.
    const NON_FLEXIBLE: [u8; 6] = [0b1110_1000, 0x92, 0x34, 0b0101_0100, 0x56, 0xaa];
    /// I, L, F, B, E, V, Z; 7-bit id; layer byte; two layers with sizes, a group of two pictures.
    const KEY: [u8; 18] = [
        0b1011_1111,
        0x05,
        0b0000_0000,
        0b0011_1000,
        0x01,
        0x40,
        0x00,
        0xb4,
        0x02,
        0x80,
        0x01,
        0x68,
        2,
        0b0001_0000,
        0b0010_1000,
        1,
        2,
        0xaa,
    ];
    /// I, P, L, F, E; 7-bit id; layer byte; three references; data.
    const FLEXIBLE: [u8; 7] = [0b1111_0100, 0x7f, 0b1110_1111, 0x03, 0x09, 0xfe, 0xaa];

    #[test]
    fn non_flexible_mode_is_read() {
        let descriptor = Descriptor::read(&NON_FLEXIBLE).expect("sound");
        assert_eq!(
            descriptor,
            Descriptor {
                picture_id: Some(PictureId::Long(0x1234)),
                is_inter_picture: true,
                layer: Some(Layer {
                    temporal: 2,
                    is_switching_up_point: true,
                    spatial: 2,
                    is_inter_layer: false,
                }),
                is_flexible: false,
                starts_frame: true,
                ends_frame: false,
                is_not_for_upper: false,
                tl0_pic_idx: Some(0x56),
                references: [0; 3],
                structure: None,
                len: 5,
            }
        );
        assert!(!descriptor.starts_key_frame());
    }

    #[test]
    fn flexible_mode_is_read() {
        let descriptor = Descriptor::read(&FLEXIBLE).expect("sound");
        assert_eq!(descriptor.picture_id, Some(PictureId::Short(127)));
        assert_eq!((descriptor.temporal(), descriptor.spatial()), (7, 7));
        assert_eq!(descriptor.layer.map(|it| it.is_inter_layer), Some(true));
        assert_eq!((descriptor.tl0_pic_idx, descriptor.references), (None, [1, 4, 127]));
        assert!(descriptor.ends_frame && !descriptor.starts_frame && descriptor.len == 6);
        // A fourth reference is against the rules.
        let mut fourth = FLEXIBLE;
        fourth[5] |= 1;
        assert_eq!(Descriptor::read(&fourth), None);
    }

    #[test]
    fn the_structure_is_read() {
        let descriptor = Descriptor::read(&KEY).expect("sound");
        let structure = descriptor.structure.expect("is there");
        assert_eq!((structure.layers, structure.pictures), (2, 2));
        let sizes = structure.sizes.expect("are there");
        assert_eq!(sizes[..2], [(320, 180), (640, 360)]);
        assert_eq!(descriptor.size(), Some((640, 360)));
        assert!(descriptor.starts_key_frame() && descriptor.is_not_for_upper && descriptor.ends_frame);
        // Without sizes and group.
        let bare = Descriptor::read(&[0b0000_1010, 0b1110_0000, 0xaa]).expect("sound");
        assert_eq!(
            bare.structure.map(|it| (it.layers, it.sizes, it.pictures)),
            Some((8, None, 0))
        );
        assert_eq!(bare.size(), None);
    }

    #[test]
    fn only_the_lowest_layers_first_packet_without_references_starts_a_key_frame() {
        for (first, layer, starts) in [
            (0b0010_1000, 0b0000_0000, true),
            (0b0010_1000, 0b0000_0011, false),
            (0b0010_0000, 0b0000_0000, false),
            (0b0110_1000, 0b0000_0000, false),
        ] {
            let descriptor = Descriptor::read(&[first, layer, 0x00, 0xaa]).expect("sound");
            assert_eq!(descriptor.starts_key_frame(), starts, "{first:#010b} {layer:#010b}");
        }
        assert!(Descriptor::read(&[0b0000_1000, 0xaa]).is_some_and(|it| it.starts_key_frame()));
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for whole in [&NON_FLEXIBLE[..], &KEY[..], &FLEXIBLE[..]] {
            for len in 0..whole.len() {
                assert_eq!(Descriptor::read(&whole[..len]), None, "{len} of {whole:?}");
            }
        }
    }

    #[test]
    fn a_patch_changes_two_fields_and_no_length() {
        let patched = |whole: &[u8]| {
            let descriptor = Descriptor::read(whole).expect("sound");
            let mut copy = whole.to_vec();
            descriptor.patch(&mut copy, 0x0281, 0x99);
            copy
        };
        assert_eq!(
            patched(&NON_FLEXIBLE),
            [0b1110_1000, 0x82, 0x81, 0b0101_0100, 0x99, 0xaa]
        );
        assert_eq!(patched(&FLEXIBLE)[..3], [0b1111_0100, 0x01, 0b1110_1111]);
        assert_eq!(patched(&FLEXIBLE)[3..], FLEXIBLE[3..]);
        // Layers without a number, and neither.
        assert_eq!(patched(&[0b0010_0000, 0, 1, 2]), [0b0010_0000, 0, 0x99, 2]);
        assert_eq!(patched(&[0b0000_1000, 1, 2]), [0b0000_1000, 1, 2]);
        Descriptor::read(&NON_FLEXIBLE).expect("sound").patch(&mut [0; 4], 1, 1);
    }
}
