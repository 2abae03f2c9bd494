//! When which packets came to a subscriber. (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1)
//!
//! Invariant: a number or a time that is given never wraps: each is extended by what was sent and what came before. What
//! can't be read is given not at all.

use crate::core::bandwidth::Arrival;

/// Microseconds in a tick of the reference time, and in one of a delta.
const REFERENCE_US: i64 = 64_000;
const DELTA_US: i64 = 250;
const REFERENCE_WRAP: i64 = 1 << 24;

/// Reads the feedback of one connection.
#[derive(Debug, Default)]
pub struct FeedbackReader {
    /// The last reference time, extended.
    reference: Option<i64>,
    arrivals: Vec<Arrival>,
}

impl FeedbackReader {
    /// Reads one feedback. `newest` is the transport-wide sequence number that was sent last. None: it can't be read.
    pub fn read(&mut self, bytes: &[u8], newest: u64) -> Option<&[Arrival]> {
        let head = bytes.get(..8)?;
        let first = u16::from_be_bytes([head[0], head[1]]);
        let count = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let reference = i64::from(u32::from_be_bytes([0, head[4], head[5], head[6]]));
        // Nobody reports of packets that weren't sent yet.
        let behind = u64::from((newest as u16).wrapping_sub(first));
        let first = newest.checked_sub(behind)?;
        let reference = self.extend(reference);

        self.arrivals.clear();
        let mut rest = &bytes[8..];
        let mut statuses = Statuses::default();
        for seq in (first..).take(count.min(usize::try_from(behind).ok()? + 1)) {
            let status = statuses.next(&mut rest)?;
            self.arrivals.push(Arrival {
                seq,
                // Which delta it is, until they are read.
                at_us: (status != 0).then_some(i64::from(status)),
            });
        }
        // The chunks speak of packets beyond the newest too when a receiver lies: its deltas stand elsewhere then.
        if count > self.arrivals.len() {
            return None;
        }
        let mut at = reference * REFERENCE_US;
        for arrival in &mut self.arrivals {
            let Some(size) = arrival.at_us else { continue };
            let delta;
            (delta, rest) = match size {
                1 => (i64::from(*rest.first()?), &rest[1..]),
                _ => {
                    let (bytes, rest) = rest.split_at_checked(2)?;
                    (i64::from(i16::from_be_bytes([bytes[0], bytes[1]])), rest)
                }
            };
            at += delta * DELTA_US;
            arrival.at_us = Some(at);
        }
        self.reference = Some(reference);
        Some(&self.arrivals)
    }

    fn extend(&self, reference: i64) -> i64 {
        let Some(last) = self.reference else {
            return reference;
        };
        let ahead = (reference - last).rem_euclid(REFERENCE_WRAP);
        // What is more than half the circle ahead is behind.
        last + if ahead > REFERENCE_WRAP / 2 {
            ahead - REFERENCE_WRAP
        } else {
            ahead
        }
    }
}

/// The statuses of one feedback, chunk by chunk. (§3.1.1 to §3.1.4)
#[derive(Default)]
struct Statuses {
    /// The chunk's statuses to come, two bits each, the next one highest.
    bits: u32,
    left: u32,
    /// A run's status, as long as it runs.
    run: Option<u8>,
}

impl Statuses {
    /// 0: it didn't come. 1, 2: it came, its delta has so many bytes.
    fn next(&mut self, rest: &mut &[u8]) -> Option<u8> {
        if self.left == 0 {
            let (chunk, after) = rest.split_at_checked(2)?;
            *rest = after;
            self.load(u16::from_be_bytes([chunk[0], chunk[1]]));
            // A run of nothing says nothing: a sane receiver doesn't send it.
            if self.left == 0 {
                return None;
            }
        }
        self.left -= 1;
        let status = match self.run {
            Some(status) => status,
            None => {
                let status = (self.bits >> 30) as u8;
                self.bits <<= 2;
                status
            }
        };
        (status != 3).then_some(status)
    }

    fn load(&mut self, chunk: u16) {
        if chunk & 0x8000 == 0 {
            self.run = Some((chunk >> 13 & 3) as u8);
            self.left = u32::from(chunk & 0x1fff);
            return;
        }
        self.run = None;
        if chunk & 0x4000 == 0 {
            // Fourteen of one bit.
            self.bits = (0..14).fold(0, |bits, n| bits << 2 | u32::from(chunk >> (13 - n) & 1)) << 4;
            self.left = 14;
        } else {
            self.bits = u32::from(chunk) << 18;
            self.left = 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(first: u16, count: u16, reference: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(first.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend(&reference.to_be_bytes()[1..]);
        bytes.push(0);
        bytes
    }

    fn read(reader: &mut FeedbackReader, bytes: &[u8], newest: u64) -> Option<Vec<(u64, Option<i64>)>> {
        let arrivals = reader.read(bytes, newest)?;
        Some(arrivals.iter().map(|it| (it.seq, it.at_us)).collect())
    }

    #[test]
    fn runs_and_vectors_are_read_with_their_deltas() {
        let mut bytes = head(0xfffe, 12, 2);
        // Two that came at small deltas, one lost, then by two-bit symbols: a large one, three lost; one-bit: 1, 0, 1, 0, 0.
        bytes.extend([0x20, 2, 0x00, 1]);
        bytes.extend(0b1110_0000_0001_0000_u16.to_be_bytes());
        bytes.extend(0b1010_0000_0000_0000_u16.to_be_bytes());
        bytes.extend([4, 8, 0xff, 0xfc, 1, 2]);
        let newest = 0x2_0010;
        let first = 0x1_fffe;
        let at = |us: i64| Some(128_000 + us);
        let expected: Vec<(u64, Option<i64>)> = [
            at(1000),
            at(3000),
            None,
            at(2000),
            None,
            None,
            None,
            at(2250),
            None,
            None,
            at(2750),
            None,
        ]
        .into_iter()
        .zip(first..)
        .map(|(at, seq)| (seq, at))
        .collect();
        assert_eq!(read(&mut FeedbackReader::default(), &bytes, newest), Some(expected));
    }

    #[test]
    fn the_reference_time_goes_on_where_it_wraps() {
        let mut reader = FeedbackReader::default();
        let mut at = |seq: u16, reference| {
            let mut bytes = head(seq, 1, reference);
            bytes.extend([0x20, 1, 0]);
            read(&mut reader, &bytes, 100).expect("read")[0].1.expect("came")
        };
        let before = at(1, 0xff_ffff);
        assert_eq!(at(2, 0) - before, REFERENCE_US);
        assert_eq!(at(3, 0xff_ffff), before, "and back: feedback may be overtaken");
    }

    #[test]
    fn what_cannot_be_true_is_not_read() {
        let mut reader = FeedbackReader::default();
        let mut whole = head(5, 3, 1);
        whole.extend([0x20, 3, 1, 1, 1]);
        for len in 0..whole.len() {
            assert_eq!(read(&mut reader, &whole[..len], 100), None, "{len}");
        }
        assert!(read(&mut reader, &whole, 7).is_some());
        assert_eq!(read(&mut reader, &whole, 6), None, "of one that wasn't sent yet");
        assert_eq!(read(&mut reader, &whole, 4), None, "of none that was sent");
        let mut empty_run = head(5, 3, 1);
        empty_run.extend([0x20, 0, 1, 1, 1]);
        assert_eq!(read(&mut reader, &empty_run, 100), None);
        let mut reserved = head(5, 1, 1);
        reserved.extend([0x60, 1, 1, 1]);
        assert_eq!(read(&mut reader, &reserved, 100), None);
    }
}
