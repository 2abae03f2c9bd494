//! AV1's dependency descriptors: what agrees on them, and what reads them.
//!
//! Invariant: they are agreed on only where AV1 is what will be sent: Chromium's VP8 leaves picture ids and layers out of its own
//! header wherever they are, and only a receiver that has them all could follow then.

use std::borrow::Cow;
use std::sync::Arc;

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::core::codec::dependency::{Frame, Structures};

const URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The longest that is taken, in bytes: what the two-byte form can hold. (RFC 8285 §4.3)
const MAX_BYTES: usize = 255;

/// The extension, for str0m.
pub(super) fn extension() -> Extension {
    Extension::with_serializer(URI, Reader)
}

/// A descriptor as it came.
#[derive(Debug, Clone)]
struct Bytes(Arc<[u8]>);

#[derive(Debug)]
struct Reader;

impl ExtensionSerializer for Reader {
    // What goes out passes around str0m.
    fn write_to(&self, _: &mut [u8], _: &ExtensionValues) -> usize {
        0
    }

    fn parse_value(&self, bytes: &[u8], values: &mut ExtensionValues) -> bool {
        let is_one = (1..=MAX_BYTES).contains(&bytes.len());
        if is_one {
            values.user_values.set(Bytes(bytes.into()));
        }
        is_one
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

/// The descriptor's bytes that came with a packet.
pub(super) fn bytes(values: &ExtensionValues) -> Option<Arc<[u8]>> {
    values.user_values.get::<Bytes>().map(|it| Arc::clone(&it.0))
}

/// Reads the descriptors of a connection's streams.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    /// By source; as many as have described packets, so not more than layers.
    streams: Vec<(u32, Structures)>,
}

impl Descriptions {
    /// None: it can't be read, most likely because the packet that brings its structure is missing.
    pub(super) fn read(&mut self, ssrc: u32, bytes: &[u8]) -> Option<Frame> {
        let index = match self.streams.iter().position(|it| it.0 == ssrc) {
            Some(index) => index,
            None => {
                self.streams.push((ssrc, Structures::default()));
                self.streams.len() - 1
            }
        };
        self.streams[index].1.read(bytes).ok()
    }

    /// Only these sources go on.
    pub(super) fn retain(&mut self, is_there: impl Fn(u32) -> bool) {
        self.streams.retain(|(ssrc, _)| is_there(*ssrc));
    }
}

/// An offer in which only those sections propose descriptors of which AV1 will be sent: where VP8 is offered too, the answer
/// has it first.
pub(super) fn only_for_av1(offer: &str) -> Cow<'_, str> {
    if !offer.contains(URI) {
        return Cow::Borrowed(offer);
    }
    let mut out = String::with_capacity(offer.len());
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in offer.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    for section in sections {
        let has = |codec: &str| {
            section
                .iter()
                .filter_map(|it| it.strip_prefix("a=rtpmap:")?.split_once(' '))
                .any(|(_, name)| name.split('/').next().is_some_and(|it| it.eq_ignore_ascii_case(codec)))
        };
        let is_av1 = has("AV1") && !has("VP8");
        let is_kept = |line: &&&str| is_av1 || !(line.starts_with("a=extmap:") && line.contains(URI));
        for line in section.iter().filter(is_kept) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_av1_is_described() {
        let extmap = format!("a=extmap:12 {URI}\r\n");
        let section = |mid: u32, codecs: &[&str]| {
            let maps: String = codecs.iter().map(|it| format!("a=rtpmap:96 {it}/90000\r\n")).collect();
            format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\na=extmap:3 other\r\n{extmap}{maps}")
        };
        let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n";
        let (vp8, av1) = (section(0, &["VP8", "AV1"]), section(1, &["AV1", "rtx"]));
        let vp9 = section(2, &["VP9"]);
        let offer = format!("{head}{vp8}{av1}{vp9}");
        let plain = |it: &str| it.replace(&extmap, "");
        assert_eq!(
            only_for_av1(&offer),
            format!("{head}{}{av1}{}", plain(&vp8), plain(&vp9))
        );
        let without = plain(&offer);
        assert!(matches!(only_for_av1(&without), Cow::Borrowed(it) if it == without));
    }

    #[test]
    fn each_source_is_read_by_its_own_structure() {
        let mut descriptions = Descriptions::default();
        // As Chromium begins L1T3: a key frame that brings the structure, and the next frame.
        let key = 0x8000_f280_0214_eaa8_6041_4d14_1020_8427_u128.to_be_bytes();
        let key: Vec<u8> = key.into_iter().chain([0x02, 0x7f, 0x01, 0x67]).collect();
        let delta = [0x83, 0x00, 0xf3];
        assert!(descriptions.read(1, &delta).is_none(), "nothing is known yet");
        let begin = descriptions.read(1, &key).expect("sound");
        assert!(begin.starts_key_frame() && begin.size == Some((640, 360)), "{begin:?}");
        let next = descriptions.read(1, &delta).expect("sound");
        assert_eq!((next.number, next.spatial, next.temporal), (0xf3, 0, 2));
        assert!(descriptions.read(2, &delta).is_none(), "another source");
        descriptions.retain(|ssrc| ssrc == 2);
        assert!(descriptions.read(1, &delta).is_none(), "it is gone");
    }
}
