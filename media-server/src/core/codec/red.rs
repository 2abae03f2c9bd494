//! Opus with its last packets repeated (RFC 2198), as far as somebody needs who doesn't take it: the newest packet in it.
//!
//! Invariant: what can't be read is None.

/// A block's header with more behind it, in bytes.
const HEADER: usize = 4;

/// The newest block, which stands last.
#[must_use]
pub fn newest(payload: &[u8]) -> Option<&[u8]> {
    let mut headers = payload;
    let mut skipped = 0;
    // The highest bit says that another header follows.
    while headers.first()? & 0x80 != 0 {
        let (header, rest) = headers.split_at_checked(HEADER)?;
        // 14 bits of time, 10 of length.
        skipped += usize::from(header[2] & 0x03) << 8 | usize::from(header[3]);
        headers = rest;
    }
    let block = headers.get(1 + skipped..)?;
    (!block.is_empty()).then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_behind_those_before_it() {
        let two = [0x80 | 111, 0, 0, 2, 0x80 | 111, 0, 0x01, 0x00, 111];
        let mut payload = two.to_vec();
        payload.extend([1, 1]);
        payload.extend([2; 256]);
        payload.extend([3, 4, 5]);
        assert_eq!(newest(&payload), Some(&[3, 4, 5][..]));
        assert_eq!(newest(&[111, 7]), Some(&[7][..]));
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let payload = [0x80 | 111, 0, 0, 2, 111, 9, 9, 5];
        assert_eq!(newest(&payload), Some(&[5][..]));
        for len in 0..payload.len() {
            assert_eq!(newest(&payload[..len]), None, "{len}");
        }
    }
}
