//! RTP headers (RFC 3550 §5.1) with one-byte header extensions (RFC 8285 §4.2): read and written.
//!
//! Invariant: reading never looks beyond the bytes it was given.

/// The fixed header, in bytes.
const FIXED: usize = 12;

/// Marks one-byte extensions.
const ONE_BYTE: [u8; 2] = [0xbe, 0xde];

/// What a datagram on a WebRTC port is. (RFC 7983 §7, RFC 5761 §4)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Media.
    Rtp,
    /// Its control.
    Rtcp,
    /// STUN, DTLS, or anything else.
    Other,
}

impl Sort {
    /// By the first two bytes.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Self {
        match datagram {
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => Self::Other,
        }
    }
}

/// What the receiver needs of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The header's length with its extensions, in bytes.
    pub len: usize,
    /// The last packet of a frame.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number.
    pub seq: u16,
    /// The time in ticks of the codec's clock.
    pub time: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The transport-wide sequence number, where there is one.
    pub transport_seq: Option<u16>,
    /// Whether the payload ends in padding.
    pub has_padding: bool,
}

impl Header {
    /// Reads a header; `transport_id` is the extension's id in this connection.
    #[must_use]
    pub fn read(packet: &[u8], transport_id: Option<u8>) -> Option<Self> {
        let fixed = packet.first_chunk::<FIXED>()?;
        let mut len = FIXED + 4 * usize::from(fixed[0] & 15);
        let mut transport_seq = None;
        if fixed[0] & 0x10 != 0 {
            let head = packet.get(len..len + 4)?;
            let size = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
            let body = packet.get(len + 4..len + 4 + size)?;
            if let (true, Some(id)) = (head[..2] == ONE_BYTE, transport_id) {
                transport_seq = extension(body, id).and_then(|it| Some(u16::from_be_bytes(it.try_into().ok()?)));
            }
            len += 4 + size;
        }
        (packet.len() >= len).then_some(Self {
            len,
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            seq: u16::from_be_bytes([fixed[2], fixed[3]]),
            time: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            transport_seq,
            has_padding: fixed[0] & 0x20 != 0,
        })
    }
}

/// The value of a one-byte extension.
fn extension(mut body: &[u8], wanted: u8) -> Option<&[u8]> {
    while let [head, rest @ ..] = body {
        if *head == 0 {
            body = rest;
            continue;
        }
        let len = usize::from(head & 15) + 1;
        let value = rest.get(..len)?;
        if head >> 4 == wanted {
            return Some(value);
        }
        body = &rest[len..];
    }
    None
}

/// A header to write.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The last packet of a frame.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number.
    pub seq: u16,
    /// The time in ticks of the codec's clock.
    pub time: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// Ids and values of one-byte extensions; each value has 1 to 16 bytes.
    pub extensions: &'a [(u8, &'a [u8])],
}

impl Draft<'_> {
    /// Appends the header. Gives its length.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let has_extensions = !self.extensions.is_empty();
        out.push(if has_extensions { 0x90 } else { 0x80 });
        out.push(self.payload_type | if self.marker { 0x80 } else { 0 });
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if has_extensions {
            let len: usize = self.extensions.iter().map(|(_, value)| 1 + value.len()).sum();
            let words = len.div_ceil(4);
            out.extend_from_slice(&ONE_BYTE);
            // Fourteen values of at most 17 bytes.
            out.extend_from_slice(&(words as u16).to_be_bytes());
            for (id, value) in self.extensions {
                out.push(id << 4 | (value.len() as u8).wrapping_sub(1) & 15);
                out.extend_from_slice(value);
            }
            out.resize(out.len() + words * 4 - len, 0);
        }
        out.len() - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft<'a>(extensions: &'a [(u8, &'a [u8])]) -> Draft<'a> {
        Draft {
            marker: true,
            payload_type: 96,
            seq: 0xfffe,
            time: 0x0102_0304,
            ssrc: 7,
            extensions,
        }
    }

    #[test]
    fn a_written_header_is_read_again() {
        let mut packet = Vec::new();
        let len = draft(&[(4, b"0"), (3, &[0x12, 0x34])]).write(&mut packet);
        packet.extend_from_slice(b"payload");
        let header = Header::read(&packet, Some(3)).expect("a header");
        assert_eq!((header.len, len), (12 + 4 + 8, 12 + 4 + 8));
        assert_eq!(
            (header.marker, header.payload_type, header.seq, header.time, header.ssrc),
            (true, 96, 0xfffe, 0x0102_0304, 7)
        );
        assert_eq!(header.transport_seq, Some(0x1234));
        assert_eq!(Header::read(&packet, Some(5)).expect("a header").transport_seq, None);
        assert_eq!(Header::read(&packet, None).expect("a header").transport_seq, None);
    }

    #[test]
    fn a_header_that_is_cut_off_is_none() {
        let mut packet = Vec::new();
        let len = draft(&[(3, &[1, 2])]).write(&mut packet);
        for cut in 0..len {
            assert_eq!(Header::read(&packet[..cut], Some(3)), None, "{cut} bytes");
        }
        assert!(Header::read(&packet, Some(3)).is_some());
    }

    #[test]
    fn datagrams_are_told_apart() {
        assert_eq!(Sort::of(&[0x80, 96]), Sort::Rtp);
        assert_eq!(Sort::of(&[0x90, 0x80 | 96]), Sort::Rtp);
        assert_eq!(Sort::of(&[0x8f, 205]), Sort::Rtcp);
        assert_eq!(Sort::of(&[22, 254]), Sort::Other);
        assert_eq!(Sort::of(&[0x80]), Sort::Other);
    }
}
