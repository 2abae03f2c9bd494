//! What the bench must know of a session description (RFC 8866, RFC 8829): it reads, str0m agrees.
//!
//! Invariant: what isn't understood is passed over.

/// A codec, as far as the bench cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 7741.
    Vp8,
    /// RFC 7587.
    Opus,
    /// Resent packets. (RFC 4588)
    Rtx,
}

/// Header extensions by what they tell.
pub const TRANSPORT_WIDE: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// RFC 6464.
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// RFC 8843 §15.
pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// A media section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub mid: String,
    /// Whether it is of video.
    pub is_video: bool,
    /// Payload types, as listed.
    pub codecs: Vec<(u8, Codec)>,
    /// Ids of header extensions.
    pub extensions: Vec<(u8, String)>,
    /// Sources that are announced.
    pub ssrcs: Vec<u32>,
    /// The source and its resent packets'. (RFC 5576 §4.2, `FID`)
    pub resent: Option<(u32, u32)>,
}

impl Section {
    /// The payload type of a codec.
    #[must_use]
    pub fn payload_type(&self, codec: Codec) -> Option<u8> {
        self.codecs.iter().find(|(_, it)| *it == codec).map(|(pt, _)| *pt)
    }

    /// The id of a header extension.
    #[must_use]
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|(_, it)| it == uri).map(|(id, _)| *id)
    }
}

/// All media sections of a description, in order.
#[must_use]
pub fn sections(sdp: &str) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            all.push(Section {
                is_video: media.starts_with("video"),
                ..Section::default()
            });
        } else if let (Some(section), Some(attribute)) = (all.last_mut(), line.strip_prefix("a=")) {
            read(section, attribute);
        }
    }
    all
}

fn read(section: &mut Section, attribute: &str) {
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    let mut words = value.split([' ', '/']);
    match name {
        "mid" => value.trim().clone_into(&mut section.mid),
        "rtpmap" => {
            let number = words.next().and_then(|it| it.parse().ok());
            let codec = match words.next().map(str::to_ascii_lowercase).as_deref() {
                Some("vp8") => Codec::Vp8,
                Some("opus") => Codec::Opus,
                Some("rtx") => Codec::Rtx,
                _ => return,
            };
            section.codecs.extend(number.map(|it| (it, codec)));
        }
        "extmap" => {
            let id = words.next().and_then(|it| it.parse().ok());
            let uri = value.split(' ').nth(1).unwrap_or_default();
            section.extensions.extend(id.map(|it| (it, uri.to_owned())));
        }
        "ssrc" => {
            if let Some(ssrc) = words.next().and_then(|it| it.parse().ok())
                && !section.ssrcs.contains(&ssrc)
            {
                section.ssrcs.push(ssrc);
            }
        }
        "ssrc-group" if words.next() == Some("FID") => {
            let mut pair = words.filter_map(|it| it.parse().ok());
            section.resent = pair.next().zip(pair.next());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bench_needs_is_found() {
        let sdp = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
            a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtpmap:111 opus/48000/2\r\n\
            a=ssrc:5 cname:x\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
            a=extmap:3/sendonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
            a=ssrc-group:FID 7 8\r\na=ssrc:7 cname:x\r\na=ssrc:7 msid:a b\r\na=ssrc:8 cname:x\r\n";
        let all = sections(sdp);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].mid.as_str(), all[0].is_video), ("0", false));
        assert_eq!(all[0].payload_type(Codec::Opus), Some(111));
        assert_eq!(all[0].extension(AUDIO_LEVEL), Some(1));
        assert_eq!(all[0].ssrcs, [5]);
        assert_eq!((all[1].mid.as_str(), all[1].is_video), ("1", true));
        assert_eq!(all[1].payload_type(Codec::Vp8), Some(96));
        assert_eq!(all[1].payload_type(Codec::Rtx), Some(97));
        assert_eq!(all[1].extension(TRANSPORT_WIDE), Some(3));
        assert_eq!(
            (all[1].ssrcs.as_slice(), all[1].resent),
            ([7, 8].as_slice(), Some((7, 8)))
        );
    }
}
