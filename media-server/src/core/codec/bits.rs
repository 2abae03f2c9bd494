//! Reading a header bit by bit.
//!
//! Invariant: it never reads past its end; after the first `None` what comes is meaningless, and callers stop.

/// Bits of a byte string, the highest of each byte first.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit, counted from the first byte's highest.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        let end = self.at.checked_add(count as usize)?;
        if count > 32 || end > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0_u64;
        while self.at < end {
            let (byte, used) = (self.bytes[self.at / 8], self.at % 8);
            let taken = (8 - used).min(end - self.at);
            let bits = (byte << used) >> (8 - taken);
            value = value << taken | u64::from(bits);
            self.at += taken;
        }
        u32::try_from(value).ok()
    }

    /// As [`Bits::read`], of at most 8 bits.
    pub(super) fn read_u8(&mut self, count: u32) -> Option<u8> {
        u8::try_from(self.read(count)?).ok()
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.read(1)? == 1)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let end = self.at.checked_add(count)?;
        (end <= self.bytes.len() * 8).then(|| self.at = end)
    }

    /// `ue(v)`: an unsigned Exp-Golomb number below 2^32 - 1. (H.264 §9.1; AV1's `uvlc`, §4.10.3)
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        Some(((1_u64 << zeros) - 1) as u32 + self.read(zeros)?)
    }

    /// `se(v)`: a signed Exp-Golomb number. (H.264 §9.1.1)
    pub(super) fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }

    /// `ns(n)`: one of `n` values, in no more bits than it takes; `n` is at least 1. (AV1 §4.10.7)
    pub(super) fn one_of(&mut self, n: u32) -> Option<u32> {
        let width = n.checked_ilog2()? + 1;
        let shorter = ((1_u64 << width) - u64::from(n)) as u32;
        let value = self.read(width - 1)?;
        if value < shorter {
            return Some(value);
        }
        Some((value << 1) - shorter + self.read(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_across_bytes_and_never_past_the_end() {
        let mut bits = Bits::new(&[0b1010_0101, 0xff, 0x00, 0x12, 0x34]);
        assert_eq!(bits.read(0), Some(0));
        assert_eq!(bits.read(3), Some(0b101));
        assert_eq!(bits.read(7), Some(0b001_0111));
        assert_eq!(bits.flag(), Some(true));
        assert_eq!(bits.skip(5), Some(()));
        assert_eq!(bits.read_u8(8), Some(0));
        assert_eq!(bits.read(17), None, "one more than there are");
        assert_eq!(bits.read(16), Some(0x1234));
        assert_eq!((bits.read(1), bits.skip(1), bits.read(0)), (None, None, Some(0)));
        assert_eq!(Bits::new(&[0xff; 8]).read(33), None);
        assert_eq!(Bits::new(&[0xff; 8]).read(32), Some(u32::MAX));
        assert_eq!(Bits::new(&[0xff; 8]).read_u8(9), None);
        assert_eq!(Bits::new(&[]).skip(usize::MAX), None);
    }

    #[test]
    fn exp_golomb_is_as_in_the_standards_table() {
        // 1, 010, 011, 00100, 00101: 0 to 4, in one string.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let read: Vec<_> = std::iter::from_fn(|| bits.unsigned()).take(5).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let read: Vec<_> = std::iter::from_fn(|| bits.signed()).take(5).collect();
        assert_eq!(read, [0, 1, -1, 2, -2]);
        // 31 zeros, a one, 31 ones: the largest; 32 zeros are too many.
        let largest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe];
        assert_eq!(Bits::new(&largest).unsigned(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0x80, 0, 0, 0, 0]).unsigned(), None);
        assert_eq!(Bits::new(&[0]).unsigned(), None);
    }

    #[test]
    fn one_of_n_takes_no_more_bits_than_it_must() {
        // n = 5: 00, 01, 10, 110, 111.
        let mut bits = Bits::new(&[0b0001_1011, 0b0111_0000]);
        let read: Vec<_> = (0..5).map_while(|_| bits.one_of(5)).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        assert_eq!(Bits::new(&[]).one_of(1), Some(0), "no bits at all");
        assert_eq!(Bits::new(&[0x80]).one_of(2), Some(1));
        assert_eq!(Bits::new(&[0xff]).one_of(0), None);
    }
}
