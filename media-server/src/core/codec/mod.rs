//! What an SFU must read of a video payload: where frames and key frames begin, and of which layer they are.
//!
//! Invariant: pure functions over bytes from the network. Nothing is decoded, nothing is allocated for a
//! packet, and no input panics: what can't be read is None.

pub mod av1;
mod bits;
pub mod dependency;
pub mod h264;
pub mod red;
pub mod svc;
pub mod vp8;
pub mod vp9;

use dependency::Frame;

/// The kinds of video whose payloads are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Video {
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184, packetization modes 0 and 1.
    H264,
    /// "RTP Payload Format For AV1" v1.0.0.
    Av1,
}

/// What the forwarder needs to know of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The packet begins a frame with which a decoder can begin (of the lowest spatial layer, where there are
    /// more). H.264 says it of the parameter sets and of the IDR picture: where these come in packets of their
    /// own, with the same RTP time, the first is the beginning.
    pub starts_key_frame: bool,
    /// The packet begins a frame; with spatial layers, each layer of a picture is a frame. H.264, and AV1
    /// without a dependency descriptor: it may be the beginning, if none of this RTP time was before it.
    pub starts_frame: bool,
    /// The packet ends a frame (of its layer). Where the payload doesn't say it: RTP's marker bit.
    pub ends_frame: bool,
    /// Spatial layer; 0 is the smallest, and what is taken where nothing is said.
    pub spatial: u8,
    /// Temporal layer; 0 is the lowest rate, and what is taken where nothing is said.
    pub temporal: u8,
    /// The frame is known to need none of the layers between 0 and `temporal`: a subscriber that was given only
    /// layer 0 can be given `temporal` from this frame on. Always so where `temporal` is 0. (VP9 and dependency
    /// descriptors say such things of what follows a frame: see [`svc`].)
    pub can_switch_up_to: bool,
    /// Width and height in pixels (of the largest spatial layer), where this packet says them.
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
    /// VP9's payload descriptor.
    Vp9(vp9::Descriptor),
    /// Of H.264's NAL units.
    H264(h264::Outline),
    /// Of AV1's OBUs.
    Av1(av1::Outline),
}

impl Facts {
    /// Gives a copy of the payload another picture id and `tl0_pic_idx`, in place and at the same length.
    /// Fields that aren't there stay away; of a number as many low bits are taken as the field has.
    pub fn patch(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
        match self.header {
            Header::Vp8(descriptor) => descriptor.patch(payload, picture_id, tl0_pic_idx),
            Header::Vp9(descriptor) => descriptor.patch(payload, picture_id, tl0_pic_idx),
            Header::H264(_) | Header::Av1(_) => {}
        }
    }
}

/// Reads an RTP payload. `marker` is RTP's marker bit. `dependency` is what the packet's dependency descriptor
/// says, where it has one: [`dependency::Structures::read`] gives it. It is AV1's, but where it was agreed on
/// Chromium describes VP8 and VP9 by it too, and leaves picture ids and layers out of VP8's own header.
///
/// None: malformed, or without any video in it (as padding is).
#[must_use]
pub fn read(video: Video, payload: &[u8], marker: bool, dependency: Option<&Frame>) -> Option<Facts> {
    match video {
        Video::Vp8 => vp8_facts(payload, marker, dependency),
        Video::Vp9 => vp9_facts(payload),
        Video::H264 => h264_facts(payload, marker),
        Video::Av1 => av1_facts(payload, marker, dependency),
    }
}

fn vp8_facts(payload: &[u8], marker: bool, dependency: Option<&Frame>) -> Option<Facts> {
    let descriptor = vp8::Descriptor::read(payload)?;
    let described = dependency.map_or(0, |frame| frame.temporal);
    let temporal = descriptor.layer.map_or(described, |layer| layer.temporal);
    Some(Facts {
        starts_key_frame: descriptor.starts_key_frame(payload),
        starts_frame: descriptor.starts_frame,
        ends_frame: marker,
        spatial: 0,
        temporal,
        can_switch_up_to: temporal == 0 || descriptor.layer.is_some_and(|layer| layer.is_sync),
        size: descriptor.size(payload),
        picture_id: descriptor.picture_id.map(vp8::PictureId::value),
        tl0_pic_idx: descriptor.tl0_pic_idx,
        header: Header::Vp8(descriptor),
    })
}

fn vp9_facts(payload: &[u8]) -> Option<Facts> {
    let descriptor = vp9::Descriptor::read(payload)?;
    Some(Facts {
        starts_key_frame: descriptor.starts_key_frame(),
        starts_frame: descriptor.starts_frame,
        ends_frame: descriptor.ends_frame,
        spatial: descriptor.spatial(),
        temporal: descriptor.temporal(),
        can_switch_up_to: descriptor.temporal() == 0 || !descriptor.is_inter_picture,
        size: descriptor.size(),
        picture_id: descriptor.picture_id.map(vp8::PictureId::value),
        tl0_pic_idx: descriptor.tl0_pic_idx,
        header: Header::Vp9(descriptor),
    })
}

fn h264_facts(payload: &[u8], marker: bool) -> Option<Facts> {
    let outline = h264::Outline::read(payload)?;
    Some(Facts {
        starts_key_frame: outline.starts_key_frame(),
        starts_frame: outline.may_start_frame,
        ends_frame: marker,
        spatial: 0,
        temporal: 0,
        can_switch_up_to: true,
        size: outline.size,
        picture_id: None,
        tl0_pic_idx: None,
        header: Header::H264(outline),
    })
}

fn av1_facts(payload: &[u8], marker: bool, dependency: Option<&Frame>) -> Option<Facts> {
    let outline = av1::Outline::read(payload)?;
    let temporal = dependency.map_or(outline.temporal.unwrap_or(0), |frame| frame.temporal);
    let brought = dependency.filter(|frame| frame.has_structure);
    Some(Facts {
        starts_key_frame: outline.starts_sequence || dependency.is_some_and(Frame::starts_key_frame),
        starts_frame: dependency.map_or(outline.may_start_frame, |frame| frame.starts),
        ends_frame: dependency.map_or(marker, |frame| frame.ends),
        spatial: dependency.map_or(outline.spatial.unwrap_or(0), |frame| frame.spatial),
        temporal,
        can_switch_up_to: temporal == 0,
        size: brought.and_then(|frame| frame.structure.size()).or(outline.size),
        picture_id: None,
        tl0_pic_idx: None,
        header: Header::Av1(outline),
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
        let facts = read(Video::Vp8, &payload, true, None).expect("sound");
        assert!(facts.starts_key_frame && facts.starts_frame && facts.ends_frame);
        assert_eq!((facts.spatial, facts.temporal, facts.can_switch_up_to), (0, 1, false));
        assert_eq!(facts.size, Some((640, 360)));
        assert_eq!((facts.picture_id, facts.tl0_pic_idx), (Some(0x1234), Some(0x56)));

        let mut copy = payload;
        facts.patch(&mut copy, 7, 8);
        let patched = read(Video::Vp8, &copy, false, None).expect("sound");
        assert_eq!((patched.picture_id, patched.tl0_pic_idx), (Some(7), Some(8)));
        assert!(!patched.ends_frame);

        for (layer, can_switch) in [(0x00, true), (0x20, true), (0x60, true), (0x40, false), (0x80, false)] {
            let payload = [0x90, 0x20, layer, 0x01];
            let facts = read(Video::Vp8, &payload, false, None).expect("sound");
            assert_eq!(facts.can_switch_up_to, can_switch, "{layer:#04x}");
        }
        assert_eq!(read(Video::Vp8, &[], true, None), None);
    }
}
