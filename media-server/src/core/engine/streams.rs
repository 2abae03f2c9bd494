//! Which streams of an SCTP association (RFC 9260) the other end may use.
//!
//! Invariant: str0m never sees data of a stream from [`STREAMS`] on. It looks through all of a connection's streams again
//! and again, and the other end decides how many there are.

/// Streams are numbered from 0, by browsers from the lowest that is free; a participant may have fewer channels open.
const STREAMS: u16 = 64;

const PACKET_HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;

/// DATA, and I-DATA (RFC 8260 §2.1): both begin with a transmission sequence number and the stream.
const DATA: [u8; 2] = [0, 64];

/// Whether an SCTP packet carries data of a stream that isn't to be used, or can't be read.
#[must_use]
pub fn is_beyond(packet: &[u8]) -> bool {
    let mut rest = packet.get(PACKET_HEADER..).unwrap_or_default();
    while let Some((&[kind, _, len_high, len_low], body)) = rest.split_first_chunk::<CHUNK_HEADER>() {
        if DATA.contains(&kind)
            && let Some(&[_, _, _, _, high, low]) = body.first_chunk()
            && u16::from_be_bytes([high, low]) >= STREAMS
        {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        if len < CHUNK_HEADER {
            return true;
        }
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[(u8, u16)]) -> Vec<u8> {
        let mut packet = vec![0; PACKET_HEADER];
        for (kind, stream) in chunks {
            // One byte of payload, and three of padding.
            packet.extend([*kind, 3, 0, 17, 0, 0, 0, 1]);
            packet.extend(stream.to_be_bytes());
            packet.extend([0, 0, 0, 0, 0, 53, b'x', 0, 0, 0]);
        }
        packet
    }

    #[test]
    fn data_of_a_far_stream_is_found_wherever_it_lies() {
        assert!(!is_beyond(&packet(&[(0, 0), (0, STREAMS - 1), (64, 1)])));
        assert!(is_beyond(&packet(&[(0, STREAMS)])));
        assert!(is_beyond(&packet(&[(0, 1), (64, 1), (0, u16::MAX)])));
        assert!(is_beyond(&packet(&[(3, 0), (64, 1000)])));
        // A selective acknowledgement has no stream.
        assert!(!is_beyond(&packet(&[(3, 1000)])));
    }

    #[test]
    fn what_is_no_packet_ends() {
        let good = packet(&[(0, 1), (0, 1)]);
        for end in 0..good.len() {
            assert!(!is_beyond(&good[..end]));
        }
        // A chunk that says it has no length.
        let mut stuck = packet(&[(3, 0)]);
        stuck[PACKET_HEADER + 2..PACKET_HEADER + 4].fill(0);
        assert!(is_beyond(&stuck));
    }
}
