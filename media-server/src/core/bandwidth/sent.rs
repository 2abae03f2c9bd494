//! The register of sent packets: what left, when, and what became of it.
//!
//! Invariant: entries are in the order of their sequence numbers without a hole, no more than [`MOST`] of them and
//! none older than [`KEEP_US`] before the newest; a packet is given out as arrived at most once.

use std::collections::VecDeque;

/// The most packets that are remembered: almost two seconds at 10 Mbit/s. The oldest make room for new ones.
const MOST: usize = 2048;

/// How long a packet is remembered, microseconds: longer than a round trip and a feedback interval on any path
/// over which a talk is still possible.
const KEEP_US: i64 = 2_000_000;

/// Room that is not given back when little is sent, in entries.
const SMALLEST_ROOM: usize = 64;

/// What is known of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The number was left out by the sender.
    Unsent,
    /// No feedback has spoken of it.
    Open,
    /// A feedback said that it had not come. It may still come.
    Lost,
    /// It has come.
    Arrived,
}

/// Eight bytes, because every subscriber has hundreds of them.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The low bits of the time it left, microseconds. See [`Register::sent_us`].
    sent_low_us: u32,
    bytes: u16,
    fate: Fate,
}

/// A packet of which a feedback says that it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    /// When it left, microseconds of our clock.
    pub(super) sent_us: i64,
    /// Its size, bytes.
    pub(super) bytes: usize,
    /// An earlier feedback had called it lost.
    pub(super) was_lost: bool,
}

/// The packets on their way and those that were lately.
#[derive(Debug, Default)]
pub(super) struct Register {
    entries: VecDeque<Entry>,
    /// The sequence number of the first entry.
    first_seq: u64,
    /// When the newest left, microseconds.
    newest_us: i64,
}

impl Register {
    /// A packet leaves. A number that was used before, or lies before the register, is ignored.
    pub(super) fn push(&mut self, seq: u64, bytes: usize, now_us: i64) {
        let next_seq = self.first_seq.saturating_add(self.entries.len() as u64);
        if self.entries.is_empty() || seq.saturating_sub(next_seq) > MOST as u64 {
            self.entries.clear();
            self.first_seq = seq;
        } else if seq < next_seq {
            return;
        } else {
            for _ in next_seq..seq {
                self.enter(0, Fate::Unsent);
            }
        }
        self.newest_us = self.newest_us.max(now_us);
        self.enter(bytes, Fate::Open);
        self.forget();
    }

    fn enter(&mut self, bytes: usize, fate: Fate) {
        if self.entries.len() == MOST {
            self.entries.pop_front();
            self.first_seq += 1;
        }
        self.entries.push_back(Entry {
            sent_low_us: self.newest_us as u32,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            fate,
        });
    }

    fn forget(&mut self) {
        while let Some(entry) = self.entries.front()
            && self.newest_us - self.sent_us(*entry) > KEEP_US
        {
            self.entries.pop_front();
            self.first_seq += 1;
        }
    }

    /// The time an entry left. The low bits are enough: entries are seconds old, the bits last for an hour.
    fn sent_us(&self, entry: Entry) -> i64 {
        let age_us = (self.newest_us as u32).wrapping_sub(entry.sent_low_us);
        self.newest_us - i64::from(age_us)
    }

    fn find(&self, seq: u64) -> Option<(usize, Entry)> {
        let index = usize::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        self.entries.get(index).map(|entry| (index, *entry))
    }

    /// A feedback says that `seq` has come. None when this is no news, or nothing of the kind was sent.
    pub(super) fn arrived(&mut self, seq: u64) -> Option<Packet> {
        let (index, entry) = self.find(seq)?;
        if matches!(entry.fate, Fate::Unsent | Fate::Arrived) {
            return None;
        }
        self.entries[index].fate = Fate::Arrived;
        Some(Packet {
            sent_us: self.sent_us(entry),
            bytes: usize::from(entry.bytes),
            was_lost: entry.fate == Fate::Lost,
        })
    }

    /// A feedback says that `seq` has not come. When this is news: when it left, microseconds.
    pub(super) fn lost(&mut self, seq: u64) -> Option<i64> {
        let (index, entry) = self.find(seq)?;
        if entry.fate != Fate::Open {
            return None;
        }
        self.entries[index].fate = Fate::Lost;
        Some(self.sent_us(entry))
    }

    /// The feedback on packets from `from` until before `until` did not come itself: they count as arrived. Gives
    /// their bytes; none when `until` was never sent.
    pub(super) fn presume(&mut self, from: u64, until: u64) -> usize {
        if self.find(until).is_none() {
            return 0;
        }
        let mut bytes = 0;
        for seq in from.max(self.first_seq)..until {
            bytes += self.arrived(seq).map_or(0, |packet| packet.bytes);
        }
        bytes
    }

    /// What it occupies besides itself, bytes.
    #[cfg(test)]
    pub(super) fn room_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Gives back room that a busier time needed.
    pub(super) fn shrink(&mut self, now_us: i64) {
        if now_us - self.newest_us > KEEP_US {
            self.entries.clear();
        }
        if self.entries.capacity() > SMALLEST_ROOM.max(self.entries.len() * 4) {
            self.entries.shrink_to(SMALLEST_ROOM.max(self.entries.len() * 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_arrives_once_and_with_what_it_left_with() {
        let mut register = Register::default();
        register.push(70_000, 1100, 5);
        register.push(70_001, 90, 1005);
        let first = Packet {
            sent_us: 5,
            bytes: 1100,
            was_lost: false,
        };
        assert_eq!(register.arrived(70_000), Some(first));
        assert_eq!(register.arrived(70_000), None);
        assert_eq!(register.lost(70_000), None, "what has come is not lost any more");
        assert_eq!(register.lost(70_001), Some(1005));
        assert_eq!(register.lost(70_001), None, "no news the second time");
        assert!(register.arrived(70_001).is_some_and(|packet| packet.was_lost));
    }

    #[test]
    fn what_was_never_sent_is_unknown() {
        let mut register = Register::default();
        assert_eq!(register.arrived(0), None);
        register.push(10, 100, 0);
        register.push(13, 100, 0);
        for seq in [0, 9, 11, 12, 14, u64::MAX] {
            assert_eq!(register.arrived(seq), None, "{seq}");
            assert_eq!(register.lost(seq), None, "{seq}");
        }
        register.push(13, 500, 9);
        assert_eq!(register.arrived(13).map(|packet| packet.bytes), Some(100));
    }

    #[test]
    fn it_forgets_the_old_and_never_grows_beyond_its_bound() {
        let mut register = Register::default();
        for seq in 0..10_000 {
            register.push(seq, 1000, 0);
        }
        assert_eq!(register.entries.len(), MOST);
        assert_eq!(register.arrived(10_000 - MOST as u64 - 1), None);
        assert!(register.arrived(10_000 - MOST as u64).is_some());
        register.push(10_000, 1000, KEEP_US + 1);
        assert_eq!(register.entries.len(), 1);
        register.shrink(KEEP_US + 1);
        assert!(register.entries.capacity() < 2 * SMALLEST_ROOM);
        // A jump of the sender's numbers starts the register anew.
        register.push(u64::MAX - 1, 1000, KEEP_US + 1);
        assert!(register.arrived(u64::MAX - 1).is_some());
        assert_eq!(register.entries.len(), 1);
    }

    #[test]
    fn times_are_right_across_the_wrap_of_their_low_bits() {
        let mut register = Register::default();
        let wrap = i64::from(u32::MAX);
        register.push(1, 100, 3 * wrap - 10);
        register.push(2, 100, 3 * wrap + 900_000);
        assert_eq!(register.arrived(1).map(|packet| packet.sent_us), Some(3 * wrap - 10));
        assert_eq!(
            register.arrived(2).map(|packet| packet.sent_us),
            Some(3 * wrap + 900_000)
        );
    }
}
