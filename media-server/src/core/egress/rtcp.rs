//! RTCP toward and from a subscriber. (RFC 3550 §6, RFC 4585)
//!
//! Invariant: a report that can't be read ends the reading of its compound packet; what stood before it counts.

use std::time::Duration;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const GENERIC_NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;

/// What a subscriber reports.
#[derive(Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// How one source is received. (RFC 3550 §6.4.1)
    Reception {
        /// The source.
        ssrc: u32,
        /// Lost since the last report, in 256ths.
        lost: u8,
        /// The middle of the NTP time of the sender report that came last; 0: none came.
        last_report: u32,
        /// How long ago that was.
        since: Duration,
    },
    /// Packets of a source are missing: this sequence number, and for each set bit n of the mask the one n + 1 later.
    /// (RFC 4585 §6.2.1)
    Missing {
        /// The source.
        ssrc: u32,
        /// The first.
        seq: u16,
        /// Which of those behind it.
        mask: u16,
    },
    /// A decoder can't go on without a key frame. (RFC 4585 §6.3.1, RFC 5104 §4.3.1)
    KeyFrame {
        /// The source.
        ssrc: u32,
    },
    /// When which packets came, to be read by [`super::feedback`].
    Transport(&'a [u8]),
}

/// Reads a compound packet.
pub fn read<'a>(compound: &'a [u8], mut each: impl FnMut(Report<'a>)) {
    let mut rest = compound;
    while let Some((head, kind, body)) = take_packet(&mut rest) {
        let count = head & 0x1f;
        match (kind, count) {
            (SENDER_REPORT, _) => receptions(body.get(24..), count, &mut each),
            (RECEIVER_REPORT, _) => receptions(body.get(4..), count, &mut each),
            (TRANSPORT_FEEDBACK, GENERIC_NACK) => {
                let Some(ssrc) = word(body, 4) else { return };
                for entry in body[8..].chunks_exact(4) {
                    each(Report::Missing {
                        ssrc,
                        seq: u16::from_be_bytes([entry[0], entry[1]]),
                        mask: u16::from_be_bytes([entry[2], entry[3]]),
                    });
                }
            }
            (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) if body.len() > 8 => each(Report::Transport(&body[8..])),
            (PAYLOAD_FEEDBACK, PICTURE_LOSS) => {
                if let Some(ssrc) = word(body, 4) {
                    each(Report::KeyFrame { ssrc });
                }
            }
            (PAYLOAD_FEEDBACK, FULL_INTRA) if body.len() >= 8 => {
                for entry in body[8..].chunks_exact(8) {
                    each(Report::KeyFrame {
                        ssrc: u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]),
                    });
                }
            }
            _ => {}
        }
    }
}

/// The first packet of a compound: its first byte, its type, and what follows its first word.
fn take_packet<'a>(rest: &mut &'a [u8]) -> Option<(u8, u8, &'a [u8])> {
    let head = rest.get(..4)?;
    let len = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    let body = rest.get(4..4 + len)?;
    if head[0] >> 6 != 2 {
        return None;
    }
    let (first, kind) = (head[0], head[1]);
    *rest = &rest[4 + len..];
    let is_padded = first & 0x20 != 0;
    let padding = if is_padded { usize::from(*body.last()?) } else { 0 };
    Some((first, kind, &body[..body.len().checked_sub(padding)?]))
}

fn receptions<'a>(blocks: Option<&[u8]>, count: u8, each: &mut impl FnMut(Report<'a>)) {
    for block in blocks.unwrap_or_default().chunks_exact(24).take(count.into()) {
        let (Some(ssrc), Some(last_report), Some(since)) = (word(block, 0), word(block, 16), word(block, 20)) else {
            return;
        };
        each(Report::Reception {
            ssrc,
            lost: block[4],
            last_report,
            since: Duration::from_secs_f64(f64::from(since) / 65_536.0),
        });
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// What a sender report says of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// NTP time, 32.32 bits of seconds since 1900.
    pub(crate) ntp: u64,
    /// The RTP time of the same moment.
    pub(crate) time: u32,
    /// Packets sent.
    pub(crate) packets: u32,
    /// Payload bytes sent.
    pub(crate) bytes: u32,
}

/// Appends a sender report without reception blocks.
pub(crate) fn write_sender_report(out: &mut Vec<u8>, report: SenderReport) {
    out.extend_from_slice(&[0x80, SENDER_REPORT, 0, 6]);
    out.extend_from_slice(&report.ssrc.to_be_bytes());
    out.extend_from_slice(&report.ntp.to_be_bytes());
    for word in [report.time, report.packets, report.bytes] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Appends a source's canonical name, of at most 255 bytes. (RFC 3550 §6.5.1)
pub(crate) fn write_name(out: &mut Vec<u8>, ssrc: u32, name: &str) {
    let name = &name.as_bytes()[..name.len().min(255)];
    // The source, the item's head and text, and at least one zero byte at the end.
    let words = (4 + 2 + name.len() + 1).div_ceil(4);
    let end = out.len() + 4 + 4 * words;
    out.extend_from_slice(&[0x81, SOURCE_DESCRIPTION, 0, words as u8]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feedback(kind: u8, format: u8, entries: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            0x80 | format,
            kind,
            0,
            (2 + entries.len() / 4) as u8,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            9,
        ];
        bytes.extend_from_slice(entries);
        bytes
    }

    fn all(bytes: &[u8]) -> Vec<Report<'_>> {
        let mut found = Vec::new();
        read(bytes, |it| found.push(it));
        found
    }

    #[test]
    fn a_compound_is_read_report_by_report() {
        let mut bytes = vec![0x81, RECEIVER_REPORT, 0, 7, 0, 0, 0, 1];
        bytes.extend_from_slice(&[
            0, 0, 0, 9, 64, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 1, 0x80, 0,
        ]);
        bytes.extend(feedback(TRANSPORT_FEEDBACK, GENERIC_NACK, &[0, 5, 0, 3]));
        bytes.extend(feedback(PAYLOAD_FEEDBACK, PICTURE_LOSS, &[]));
        bytes.extend(feedback(PAYLOAD_FEEDBACK, FULL_INTRA, &[0, 0, 0, 8, 1, 0, 0, 0]));
        bytes.extend(feedback(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, &[1, 2, 3, 4]));
        let reception = Report::Reception {
            ssrc: 9,
            lost: 64,
            last_report: 0x0102_0304,
            since: Duration::from_millis(1500),
        };
        let missing = Report::Missing {
            ssrc: 9,
            seq: 5,
            mask: 3,
        };
        let (ours, full) = (Report::KeyFrame { ssrc: 9 }, Report::KeyFrame { ssrc: 8 });
        let transport = Report::Transport(&[1, 2, 3, 4]);
        assert_eq!(all(&bytes), [reception, missing, ours, full, transport]);
    }

    #[test]
    fn cut_off_and_lying_reports_end_the_reading() {
        let whole = feedback(TRANSPORT_FEEDBACK, GENERIC_NACK, &[0, 5, 0, 3]);
        for len in 0..whole.len() {
            assert_eq!(all(&whole[..len]), []);
        }
        let mut padded = whole.clone();
        padded[0] |= 0x20;
        *padded.last_mut().expect("bytes") = 200;
        assert_eq!(all(&padded), []);
        for kind in [SENDER_REPORT, RECEIVER_REPORT, TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK] {
            for format in 0..32 {
                assert_eq!(all(&[0x80 | format, kind, 0, 0]), []);
                drop(all(&[0x80 | format, kind, 0, 1, 1, 2, 3, 4]));
            }
        }
    }

    #[test]
    fn reports_and_names_have_whole_words() {
        for name in ["", "a", "abcdefg", "abcdefghijklmnop"] {
            let mut out = Vec::new();
            write_name(&mut out, 7, name);
            assert_eq!(out.len(), 4 + 4 * usize::from(out[3]), "{name:?}");
            assert_eq!(out.last(), Some(&0));
        }
        let mut out = Vec::new();
        let report = SenderReport {
            ssrc: 1,
            ntp: 2,
            time: 3,
            packets: 4,
            bytes: 5,
        };
        write_sender_report(&mut out, report);
        assert_eq!((out.len(), out[27]), (28, 5));
    }
}
