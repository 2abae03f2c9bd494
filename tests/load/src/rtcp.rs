//! RTCP as a browser speaks it: reports (RFC 3550 §6.4), NACK and PLI (RFC 4585 §6), and transport-wide
//! feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! Invariant: a packet that is written is a whole number of 32-bit words, and says so in its length.

pub mod transport;

/// Packet types.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

/// Formats of feedback.
const NACK: u8 = 1;
const PLI: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;

/// The most report blocks in one report.
const MAX_BLOCKS: usize = 31;

/// What the bench acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The other end can't decode what this source sends without a key frame.
    PictureLoss {
        /// The media's source.
        ssrc: u32,
    },
    /// The other end misses packets.
    Nack {
        /// The media's source.
        ssrc: u32,
        /// The sequence numbers.
        missing: Vec<u16>,
    },
    /// The sender's clock.
    SenderReport {
        /// Whose.
        ssrc: u32,
        /// The middle 32 bits of its NTP time.
        middle: u32,
    },
    /// How packets of this connection arrived.
    TransportFeedback {
        /// How many packets it tells of.
        packets: u16,
    },
}

/// Reads a compound packet in clear; what isn't known, or is cut off, is passed over.
pub fn read(mut bytes: &[u8], mut each: impl FnMut(Message)) {
    while let [first, kind, high, low, ..] = *bytes {
        let len = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let Some((packet, rest)) = bytes.split_at_checked(len) else {
            return;
        };
        if let Some(message) = read_one(first & 31, kind, packet) {
            each(message);
        }
        bytes = rest;
    }
}

fn read_one(format: u8, kind: u8, packet: &[u8]) -> Option<Message> {
    match (kind, format) {
        (PAYLOAD_FEEDBACK, PLI) => Some(Message::PictureLoss { ssrc: word(packet, 2)? }),
        (TRANSPORT_FEEDBACK, NACK) => Some(Message::Nack {
            ssrc: word(packet, 2)?,
            missing: packet[12.min(packet.len())..]
                .chunks_exact(4)
                .flat_map(missing)
                .collect(),
        }),
        (SENDER_REPORT, _) => Some(Message::SenderReport {
            ssrc: word(packet, 1)?,
            middle: word(packet, 2)? << 16 | word(packet, 3)? >> 16,
        }),
        (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) => Some(Message::TransportFeedback {
            packets: word(packet, 3)? as u16,
        }),
        _ => None,
    }
}

/// The sequence numbers of one generic NACK entry.
fn missing(entry: &[u8]) -> impl Iterator<Item = u16> {
    let first = u16::from_be_bytes([entry[0], entry[1]]);
    let more = u16::from_be_bytes([entry[2], entry[3]]);
    let following = (0..16).filter(move |bit| more & 1 << bit != 0);
    std::iter::once(first).chain(following.map(move |bit| first.wrapping_add(bit + 1)))
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    let bytes = packet.get(4 * at..4 * at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// What a receiver says of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Block {
    /// Which source.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths of what was expected.
    pub fraction_lost: u8,
    /// Lost since the beginning, 24 bits.
    pub lost: u32,
    /// The highest sequence number, with rounds.
    pub highest_seq: u32,
    /// In ticks of the codec's clock.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time.
    pub last_report: u32,
    /// How long ago that was, in 65,536ths of a second.
    pub since_report: u32,
}

/// Appends a receiver report.
pub fn write_receiver_report(own: u32, blocks: &[Block], out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    head(blocks.len() as u8, RECEIVER_REPORT, 1 + 6 * blocks.len(), out);
    put(own, out);
    for block in blocks {
        put(block.ssrc, out);
        put(u32::from(block.fraction_lost) << 24 | block.lost & 0xff_ffff, out);
        put(block.highest_seq, out);
        put(block.jitter, out);
        put(block.last_report, out);
        put(block.since_report, out);
    }
}

/// Appends a sender report without blocks: at `ntp` (64 bits, RFC 5905 §6) the source's time was `time`.
pub fn write_sender_report(ssrc: u32, ntp: u64, time: u32, packets: u32, bytes: u32, out: &mut Vec<u8>) {
    head(0, SENDER_REPORT, 6, out);
    put(ssrc, out);
    out.extend_from_slice(&ntp.to_be_bytes());
    put(time, out);
    put(packets, out);
    put(bytes, out);
}

/// Appends a picture loss indication.
pub fn write_picture_loss(own: u32, media: u32, out: &mut Vec<u8>) {
    head(PLI, PAYLOAD_FEEDBACK, 2, out);
    put(own, out);
    put(media, out);
}

/// Appends a NACK; `missing` is sorted and not empty.
pub fn write_nack(own: u32, media: u32, missing: &[u16], out: &mut Vec<u8>) {
    let mut entries: Vec<(u16, u16)> = Vec::new();
    for seq in missing {
        if let Some((first, more)) = entries.last_mut() {
            let distance = seq.wrapping_sub(*first);
            if (1..=16).contains(&distance) {
                *more |= 1 << (distance - 1);
                continue;
            }
        }
        entries.push((*seq, 0));
    }
    head(NACK, TRANSPORT_FEEDBACK, 2 + entries.len(), out);
    put(own, out);
    put(media, out);
    for (first, more) in entries {
        put(u32::from(first) << 16 | u32::from(more), out);
    }
}

/// `words` follow the first.
fn head(format: u8, kind: u8, words: usize, out: &mut Vec<u8>) {
    out.push(0x80 | format);
    out.push(kind);
    out.extend_from_slice(&(words as u16).to_be_bytes());
}

fn put(word: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<Message> {
        let mut all = Vec::new();
        read(bytes, |message| all.push(message));
        all
    }

    #[test]
    fn what_is_written_is_read_again_also_when_compound() {
        let mut out = Vec::new();
        write_receiver_report(1, &[Block::default(); 2], &mut out);
        write_picture_loss(1, 77, &mut out);
        write_nack(1, 78, &[65_535, 0, 3, 40], &mut out);
        write_sender_report(79, 0x0123_4567_89ab_cdef, 5, 6, 7, &mut out);
        assert_eq!(out.len() % 4, 0);
        let expected = [
            Message::PictureLoss { ssrc: 77 },
            Message::Nack {
                ssrc: 78,
                missing: vec![65_535, 0, 3, 40],
            },
            Message::SenderReport {
                ssrc: 79,
                middle: 0x4567_89ab,
            },
        ];
        assert_eq!(read_all(&out), expected);
    }

    #[test]
    fn what_is_cut_off_is_passed_over() {
        let mut out = Vec::new();
        write_picture_loss(1, 77, &mut out);
        let whole = out.len();
        write_nack(1, 78, &[9], &mut out);
        for cut in whole..out.len() {
            assert_eq!(read_all(&out[..cut]), [Message::PictureLoss { ssrc: 77 }]);
        }
        assert!(read_all(&[0x81, 206, 0, 0]).is_empty());
    }
}
