//! Transport-wide feedback: which packets of a connection came, and when.
//!
//! Invariant: every sequence number from the first reported one on is reported exactly once, as arrived or
//! not; a packet that comes after its number was reported as missing isn't reported again.

use std::time::{Duration, Instant};

use super::{TRANSPORT_FEEDBACK, TRANSPORT_WIDE, head, put};

/// One step of a packet's arrival time.
const STEP_US: i64 = 250;

/// One step of a report's reference time.
const REFERENCE_US: i64 = 64_000;

/// The most sequence numbers in one report: it fits a datagram however they came.
const MAX_NUMBERS: u16 = 400;

/// The most arrivals that wait. When full, the report is due at once.
pub const MAX_WAITING: usize = 4096;

/// What came since the last report.
#[derive(Debug)]
pub struct Recorder {
    epoch: Instant,
    /// Extended sequence number and arrival in microseconds since `epoch`.
    arrivals: Vec<(u64, i64)>,
    /// The next number to report; nothing: none came yet.
    next: Option<u64>,
    highest: u64,
    reports: u8,
}

impl Recorder {
    /// An empty one; times are told relative to `epoch`.
    #[must_use]
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            arrivals: Vec::new(),
            next: None,
            highest: 0,
            reports: 0,
        }
    }

    /// A packet came. True: a report is due at once.
    pub fn arrived(&mut self, seq: u16, at: Instant) -> bool {
        let number = match self.next {
            // Rounds begin at one, so that an early packet may be older than the first.
            None => 65_536 + u64::from(seq),
            Some(_) => {
                let distance = seq.wrapping_sub(self.highest as u16).cast_signed();
                self.highest.saturating_add_signed(distance.into())
            }
        };
        let next = *self.next.get_or_insert(number);
        self.highest = self.highest.max(number);
        if number >= next && self.arrivals.len() < MAX_WAITING {
            let since = at.saturating_duration_since(self.epoch).as_micros();
            self.arrivals.push((number, i64::try_from(since).unwrap_or(i64::MAX)));
        }
        self.arrivals.len() >= MAX_WAITING
    }

    /// Whether there is something to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Appends one report, as much of what waits as fits. False: nothing waits.
    pub fn report(&mut self, own: u32, media: u32, out: &mut Vec<u8>) -> bool {
        let Some(base) = self.next else { return false };
        self.arrivals.sort_unstable();
        self.arrivals.dedup_by_key(|(number, _)| *number);
        let Some((first, first_at)) = self.arrivals.first().copied() else {
            return false;
        };
        // A long silence needn't be told number by number.
        let base = base.max(first.saturating_sub(u64::from(MAX_NUMBERS) / 2));
        let end = base + u64::from(MAX_NUMBERS);
        let mut reference = first_at / REFERENCE_US;
        let mut last_us = reference * REFERENCE_US;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        let mut taken = 0;
        for (number, at) in self.arrivals.iter().take_while(|(number, _)| *number < end) {
            let steps = (at - last_us).div_euclid(STEP_US);
            let Ok(delta) = i16::try_from(steps) else {
                break;
            };
            symbols.resize((number - base) as usize, 0);
            match u8::try_from(delta) {
                Ok(small) => {
                    symbols.push(1);
                    deltas.push(small);
                }
                Err(_) => {
                    symbols.push(2);
                    deltas.extend_from_slice(&delta.to_be_bytes());
                }
            }
            last_us += steps * STEP_US;
            taken += 1;
        }
        self.arrivals.drain(..taken);
        self.next = Some(base + symbols.len() as u64);
        reference &= 0xff_ffff;
        write(
            own,
            media,
            base as u16,
            (reference as u32) << 8 | u32::from(self.reports),
            &symbols,
            &deltas,
            out,
        );
        self.reports = self.reports.wrapping_add(1);
        true
    }
}

fn write(own: u32, media: u32, base: u16, reference: u32, symbols: &[u8], deltas: &[u8], out: &mut Vec<u8>) {
    let mut chunks = Vec::with_capacity(symbols.len() / 7 + 1);
    let mut rest = symbols;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|it| *it == first).count();
        if run >= 7 {
            chunks.push(u16::from(*first) << 13 | run as u16);
            rest = &rest[run..];
        } else {
            let (now, later) = rest.split_at(rest.len().min(7));
            let bits = now.iter().enumerate();
            chunks.push(bits.fold(0xc000, |chunk, (at, it)| chunk | u16::from(*it) << (12 - 2 * at)));
            rest = later;
        }
    }
    let len = 2 * chunks.len() + deltas.len();
    let words = len.div_ceil(4);
    head(TRANSPORT_WIDE, TRANSPORT_FEEDBACK, 4 + words, out);
    put(own, out);
    put(media, out);
    out.extend_from_slice(&base.to_be_bytes());
    out.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
    put(reference, out);
    for chunk in chunks {
        out.extend_from_slice(&chunk.to_be_bytes());
    }
    out.extend_from_slice(deltas);
    out.resize(out.len() + 4 * words - len, 0);
}

/// How long ago `at` was, for a report, in 65,536ths of a second.
#[must_use]
pub fn compact_duration(since: Duration) -> u32 {
    u32::try_from(since.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader after the draft's §3.1, apart from the writer: base number, and of each packet its arrival
    /// in microseconds.
    fn read(bytes: &[u8]) -> (u16, Vec<Option<i64>>) {
        let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!((bytes[0], bytes[1]), (0x8f, 205));
        assert_eq!(bytes.len(), 4 * (usize::from(half(2)) + 1));
        let count = usize::from(half(14));
        let mut at_us = i64::from(u32::from_be_bytes([0, bytes[16], bytes[17], bytes[18]])) * 64_000;
        let (mut symbols, mut at) = (Vec::new(), 20);
        while symbols.len() < count {
            let chunk = half(at);
            at += 2;
            match chunk >> 14 {
                0b11 => symbols.extend((0..7).map(|n| chunk >> (12 - 2 * n) & 3)),
                0b10 => symbols.extend((0..14).map(|n| chunk >> (13 - n) & 1)),
                _ => symbols.extend(std::iter::repeat_n(chunk >> 13, usize::from(chunk & 0x1fff))),
            }
        }
        let mut arrivals = Vec::new();
        for symbol in &symbols[..count] {
            let delta = match symbol {
                0 => {
                    arrivals.push(None);
                    continue;
                }
                1 => {
                    at += 1;
                    i64::from(bytes[at - 1])
                }
                _ => {
                    at += 2;
                    i64::from(half(at - 2).cast_signed())
                }
            };
            at_us += delta * 250;
            arrivals.push(Some(at_us));
        }
        (half(12), arrivals)
    }

    #[test]
    fn every_packet_is_reported_once_with_its_time() {
        let epoch = Instant::now();
        let mut recorder = Recorder::new(epoch);
        let mut expected = Vec::new();
        for n in 0..1000_u64 {
            // Some are missing, some late, one after a long pause; the numbers go round.
            let at_us = 1_000_000 + n * 1700 + u64::from(n > 700) * 5_000_000;
            let lost = n % 11 == 3 || (200..230).contains(&n);
            expected.push((!lost).then_some(at_us));
            if !lost {
                let seq = (65_300 + n) as u16;
                assert!(!recorder.arrived(seq, epoch + Duration::from_micros(at_us)));
            }
        }
        let mut reported = Vec::new();
        loop {
            let mut out = Vec::new();
            if !recorder.report(1, 2, &mut out) {
                break;
            }
            assert!(out.len() <= 1200, "{} bytes", out.len());
            let (base, arrivals) = read(&out);
            assert_eq!(base, (65_300 + reported.len()) as u16);
            reported.extend(arrivals);
        }
        assert_eq!(reported.len(), expected.len());
        for (n, (told, was)) in reported.iter().zip(&expected).enumerate() {
            match (told, was) {
                (None, None) => {}
                (Some(told), Some(was)) => assert!((told - *was as i64).abs() < 250, "{n}: {told} {was}"),
                other => panic!("{n}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_late_packet_is_not_reported_again() {
        let epoch = Instant::now();
        let mut recorder = Recorder::new(epoch);
        recorder.arrived(10, epoch);
        recorder.arrived(12, epoch);
        let mut out = Vec::new();
        assert!(recorder.report(1, 2, &mut out));
        assert_eq!(read(&out), (10, vec![Some(0), None, Some(0)]));
        recorder.arrived(11, epoch);
        assert!(recorder.is_empty() && !recorder.report(1, 2, &mut Vec::new()));
        recorder.arrived(13, epoch);
        let mut out = Vec::new();
        assert!(recorder.report(1, 2, &mut out));
        assert_eq!(read(&out).0, 13);
    }
}
