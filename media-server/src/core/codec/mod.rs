//! What an SFU must read of a video payload: where frames and key frames begin, and of which layer they are.
//!
//! Invariant: pure functions over bytes from the network. Nothing is decoded, nothing is allocated for a
//! packet, and no input panics: what can't be read is None.

pub mod vp8;

/// The kinds of video whose payloads are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Video {
    /// RFC 7741.
    Vp8,
}

/// What the forwarder needs to know of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The packet begins a frame from which a decoder can begin (of the lowest spatial layer, where there
    /// are more).
    pub starts_key_frame: bool,
    /// The packet begins a frame; with spatial layers, each layer of a picture is a frame.
    pub starts_frame: bool,
    /// The packet ends a frame (of its layer). Where the payload doesn't say it: RTP's marker bit.
    pub ends_frame: bool,
    /// Spatial layer; 0 is the smallest.
    pub spatial: u8,
    /// Temporal layer; 0 is the lowest rate.
    pub temporal: u8,
    /// The frame needs none of the layers between 0 and `temporal`: a subscriber that was given only layer 0
    /// can be given `temporal` from this frame on. Always so where `temporal` is 0.
    pub can_switch_up_to: bool,
    /// Width and height in pixels, where this packet says them.
    pub size: Option<(u16, u16)>,
    /// The picture's number, where the payload says it; how wide it is, `header` knows.
    pub picture_id: Option<u16>,
    /// Counts the frames of temporal layer 0, modulo 256, where the payload says it.
    pub tl0_pic_idx: Option<u8>,
    /// The payload's own header.
    pub header: Header,
}

/// What is in front of the video in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// VP8's payload descriptor.
    Vp8(vp8::Descriptor),
}

impl Facts {
    /// Gives a copy of the payload another picture id and `tl0_pic_idx`, in place and at the same length.
    /// Fields that aren't there stay away; of a number as many low bits are taken as the field has.
    pub fn patch(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        match self.header {
            Header::Vp8(descriptor) => descriptor.patch(payload, picture_id, tl0_pic_idx),
        }
    }
}

/// Reads an RTP payload. `marker` is RTP's marker bit.
///
/// None: malformed, or without any video in it (as padding is).
#[must_use]
pub fn read(video: Video, payload: &[u8], marker: bool) -> Option<Facts> {
    match video {
        Video::Vp8 => vp8_facts(payload, marker),
    }
}

fn vp8_facts(payload: &[u8], marker: bool) -> Option<Facts> {
    let descriptor = vp8::Descriptor::read(payload)?;
    Some(Facts {
        starts_key_frame: descriptor.starts_key_frame(payload),
        starts_frame: descriptor.starts_frame,
        ends_frame: marker,
        spatial: 0,
        temporal: descriptor.layer.map_or(0, |layer| layer.temporal),
        can_switch_up_to: descriptor
            .layer
            .is_none_or(|layer| layer.is_sync || layer.temporal == 0),
        size: descriptor.size(payload),
        picture_id: descriptor.picture_id.map(vp8::PictureId::value),
        tl0_pic_idx: descriptor.tl0_pic_idx,
        header: Header::Vp8(descriptor),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vp8_is_told_in_the_common_words() {
        // X, S; I, L, T, K; picture id 0x1234, index 0x56, layer 1 without Y; a key frame of 640x360.
        let payload = [
            0x90, 0xf0, 0x92, 0x34, 0x56, 0x4b, 0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01,
        ];
        let facts = read(Video::Vp8, &payload, true).expect("sound");
        assert!(facts.starts_key_frame && facts.starts_frame && facts.ends_frame);
        assert_eq!((facts.spatial, facts.temporal, facts.can_switch_up_to), (0, 1, false));
        assert_eq!(facts.size, Some((640, 360)));
        assert_eq!((facts.picture_id, facts.tl0_pic_idx), (Some(0x1234), Some(0x56)));

        let mut copy = payload;
        facts.patch(&mut copy, 7, 8);
        let patched = read(Video::Vp8, &copy, false).expect("sound");
        assert_eq!((patched.picture_id, patched.tl0_pic_idx), (Some(7), Some(8)));
        assert!(!patched.ends_frame);

        for (layer, can_switch) in [(0x00, true), (0x20, true), (0x60, true), (0x40, false), (0x80, false)] {
            let payload = [0x90, 0x20, layer, 0x01];
            let facts = read(Video::Vp8, &payload, false).expect("sound");
            assert_eq!(facts.can_switch_up_to, can_switch, "{layer:#04x}");
        }
        assert_eq!(read(Video::Vp8, &[], true), None);
    }
}
