//! An RTP packet's header with its extensions. (RFC 3550 §5.1, RFC 8285)
//!
//! Invariant: what is written is a whole number of 32-bit words, and holds an extension only where one was agreed on.

use crate::core::engine::Extensions;

/// The identifiers under which a section's header extensions were agreed on; none: it wasn't.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExtensionIds {
    /// The section's name. (RFC 9143)
    pub(crate) mid: Option<u8>,
    /// Transport-wide sequence number. (draft-holmer-rmcat-transport-wide-cc-extensions-01)
    pub(crate) transport_seq: Option<u8>,
    /// When the packet left, 24 bits of 6.18 seconds.
    pub(crate) send_time: Option<u8>,
    /// How loud the packet's sound is. (RFC 6464)
    pub(crate) audio_level: Option<u8>,
    /// How the camera was held.
    pub(crate) orientation: Option<u8>,
    /// When the content was captured.
    pub(crate) capture_time: Option<u8>,
    /// How long a player is to wait.
    pub(crate) playout_delay: Option<u8>,
    /// Whether the picture is of a screen.
    pub(crate) content_type: Option<u8>,
    /// What depends on what. (AV1 RTP specification, appendix A)
    pub(crate) dependency: Option<u8>,
}

/// The fixed part of a header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) has_padding: bool,
    pub(crate) seq: u16,
    pub(crate) time: u32,
    pub(crate) ssrc: u32,
}

/// What concerns a packet's way, and so is new toward each subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Way<'a> {
    pub(crate) mid: Option<&'a str>,
    pub(crate) transport_seq: Option<u16>,
    pub(crate) send_time: u32,
    /// The frame's number in its dependency descriptor; none: as it came.
    pub(crate) frame_number: Option<u16>,
}

const ONE_BYTE: [u8; 2] = [0xbe, 0xde];
const TWO_BYTES: [u8; 2] = [0x10, 0x00];
/// The longest value that the one-byte form can hold, in bytes.
const ONE_BYTE_MAX: usize = 16;

/// Appends a header. Gives its length in bytes.
pub(crate) fn write_header(out: &mut Vec<u8>, head: Head, ids: &ExtensionIds, way: Way<'_>, of: &Extensions) -> usize {
    let start = out.len();
    out.push(0x80 | u8::from(head.has_padding) << 5);
    out.push(u8::from(head.marker) << 7 | head.payload_type & 0x7f);
    out.extend_from_slice(&head.seq.to_be_bytes());
    out.extend_from_slice(&head.time.to_be_bytes());
    out.extend_from_slice(&head.ssrc.to_be_bytes());

    let dependency = of.dependency.as_deref().filter(|_| ids.dependency.is_some());
    let is_long = dependency.is_some_and(|it| it.len() > ONE_BYTE_MAX);
    out.extend_from_slice(if is_long { &TWO_BYTES } else { &ONE_BYTE });
    out.extend_from_slice(&[0, 0]);
    let first = out.len();
    let mut writer = Writer { out, is_long };
    writer.write(ids.transport_seq, way.transport_seq.map(u16::to_be_bytes));
    writer.write(
        ids.send_time,
        Some(way.send_time.to_be_bytes()).map(|it| [it[1], it[2], it[3]]),
    );
    if let (Some(id), Some(mid)) = (ids.mid, way.mid) {
        writer.write_slice(id, mid.as_bytes());
    }
    if let Some(level) = of.audio_level {
        // A level is 0 to 127 below full scale.
        let level = level.unsigned_abs() & 0x7f | u8::from(of.has_voice) << 7;
        writer.write(ids.audio_level, Some([level]));
    }
    writer.write(ids.orientation, of.orientation.map(|it| [it]));
    writer.write(ids.content_type, of.content_type.map(|it| [it]));
    writer.write(ids.playout_delay, of.playout_delay);
    if let (Some(id), Some((time, offset))) = (ids.capture_time, of.capture_time) {
        match offset {
            None => writer.write(Some(id), Some(time.to_be_bytes())),
            Some(offset) => {
                let mut both = [0; 16];
                both[..8].copy_from_slice(&time.to_be_bytes());
                both[8..].copy_from_slice(&offset.to_be_bytes());
                writer.write(Some(id), Some(both));
            }
        }
    }
    if let (Some(id), Some(dependency)) = (ids.dependency, dependency)
        && writer.write_slice(id, dependency)
        && let Some(number) = way.frame_number
    {
        writer.number_frame(dependency.len(), number);
    }
    if out.len() == first {
        out.truncate(first - 4);
    } else {
        let len = (out.len() - first).next_multiple_of(4);
        out.resize(first + len, 0);
        out[start] |= 0x10;
        out[first - 2..first].copy_from_slice(&((len / 4) as u16).to_be_bytes());
    }
    out.len() - start
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    is_long: bool,
}

impl Writer<'_> {
    fn write<const N: usize>(&mut self, id: Option<u8>, value: Option<[u8; N]>) {
        if let (Some(id), Some(value)) = (id, value) {
            self.write_slice(id, &value);
        }
    }

    /// Gives the descriptor that was written last another frame number. (AV1 RTP specification, A.8.2: its second and third
    /// byte.)
    fn number_frame(&mut self, len: usize, number: u16) {
        let start = self.out.len() - len;
        if let Some(bytes) = self.out.get_mut(start + 1..start + 3) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
    }

    /// False: it can't be said.
    fn write_slice(&mut self, id: u8, value: &[u8]) -> bool {
        if value.is_empty() || value.len() > 255 {
            return false;
        }
        if self.is_long {
            self.out.extend_from_slice(&[id, value.len() as u8]);
        } else if value.len() <= ONE_BYTE_MAX && id < 15 {
            self.out.push(id << 4 | (value.len() - 1) as u8);
        } else {
            return false;
        }
        self.out.extend_from_slice(value);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        payload_type: 96,
        marker: true,
        has_padding: false,
        seq: 0x0102,
        time: 0x0304_0506,
        ssrc: 0x0708_090a,
    };

    #[test]
    fn a_header_without_extensions_has_twelve_bytes() {
        let mut out = vec![9];
        let len = write_header(
            &mut out,
            HEAD,
            &ExtensionIds::default(),
            Way::default(),
            &Extensions::default(),
        );
        assert_eq!((len, &out[1..]), (12, &[0x80, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..]));
    }

    #[test]
    fn agreed_extensions_are_written_and_padded() {
        let ids = ExtensionIds {
            transport_seq: Some(3),
            mid: Some(4),
            audio_level: Some(1),
            ..ExtensionIds::default()
        };
        let way = Way {
            mid: Some("0"),
            transport_seq: Some(0xabcd),
            send_time: 7,
            frame_number: None,
        };
        let of = Extensions {
            audio_level: Some(-37),
            has_voice: true,
            orientation: Some(1),
            ..Extensions::default()
        };
        let mut out = Vec::new();
        let len = write_header(&mut out, HEAD, &ids, way, &of);
        assert_eq!((len, out[0]), (24, 0x90));
        assert_eq!(
            out[12..],
            [0xbe, 0xde, 0, 2, 0x31, 0xab, 0xcd, 0x40, b'0', 0x10, 0x80 | 37, 0],
            "what wasn't agreed on isn't there"
        );
    }

    #[test]
    fn a_long_value_takes_the_two_byte_form() {
        let ids = ExtensionIds {
            transport_seq: Some(3),
            dependency: Some(9),
            ..ExtensionIds::default()
        };
        let way = Way {
            transport_seq: Some(1),
            ..Way::default()
        };
        let of = Extensions {
            dependency: Some(vec![5; 20].into()),
            ..Extensions::default()
        };
        let mut out = Vec::new();
        let len = write_header(&mut out, HEAD, &ids, way, &of);
        assert_eq!(len % 4, 0);
        assert_eq!(out[12..16], [0x10, 0x00, 0, 7]);
        assert_eq!(out[16..22], [3, 2, 0, 1, 9, 20]);
    }

    #[test]
    fn a_frame_s_number_is_changed_and_nothing_else_of_its_descriptor() {
        let ids = ExtensionIds {
            dependency: Some(9),
            ..ExtensionIds::default()
        };
        for len in [3, 20] {
            let of = Extensions {
                dependency: Some(vec![5; len].into()),
                ..Extensions::default()
            };
            let header = |frame_number| {
                let mut out = Vec::new();
                let way = Way {
                    frame_number,
                    ..Way::default()
                };
                write_header(&mut out, HEAD, &ids, way, &of);
                out
            };
            let (plain, changed) = (header(None), header(Some(0xabcd)));
            let descriptor = plain[12..].windows(len).position(|it| it.iter().all(|byte| *byte == 5));
            let at = 12 + descriptor.expect("is there");
            assert_eq!(changed[at..at + 3], [5, 0xab, 0xcd], "{len}");
            assert_eq!(
                (&changed[..=at], &changed[at + 3..]),
                (&plain[..=at], &plain[at + 3..]),
                "{len}"
            );
        }
    }
}
