//! What was sent lately of one stream, to be sent again when it is asked for.
//!
//! Invariant: it holds at most [`PACKETS`] packets of at most [`AGE`]; it is empty until the first one is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::engine::{Packet, Patch};

/// How many packets are kept; the next takes the place of the one so many before it. About 3 s of a clear picture.
const PACKETS: usize = 512;

/// Nobody waits for an older one.
const AGE: Duration = Duration::from_secs(3);

/// A packet as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) marker: bool,
    pub(crate) packet: Arc<Packet>,
    pub(crate) patch: Patch,
    pub(crate) sent_at: Instant,
    /// When it was sent again.
    pub(crate) again_at: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    ring: Vec<Option<Kept>>,
}

impl History {
    pub(crate) fn keep(&mut self, kept: Kept) {
        let at = place(kept.seq);
        if self.ring.len() <= at {
            self.ring.resize_with((at + 1).next_power_of_two(), || None);
        }
        self.ring[at] = Some(kept);
    }

    /// The packet with this sequence number (its last 16 bits), to be sent again now. None: too old, never sent, or sent
    /// again less than `pause` ago.
    /// With it: whether it was sent again before.
    pub(crate) fn again(&mut self, seq: u16, pause: Duration, now: Instant) -> Option<(&Kept, bool)> {
        let found = self.ring.get_mut(place(seq.into()))?.as_mut()?;
        let since = |at: Instant| now.saturating_duration_since(at);
        let is_early = found.again_at.is_some_and(|at| since(at) < pause);
        if found.seq as u16 != seq || since(found.sent_at) > AGE || is_early {
            return None;
        }
        let was_repeated = found.again_at.replace(now).is_some();
        Some((found, was_repeated))
    }

    /// A packet that may be sent again for the sake of its size: the newest that is still kept before `seq`.
    pub(crate) fn newest_before(&self, seq: u64) -> Option<&Kept> {
        self.ring.get(place(seq.checked_sub(1)?))?.as_ref()
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        self.ring = Vec::new();
    }
}

/// 65,536 is a multiple of the ring's length: 16 bits of a sequence number are enough to find its place.
fn place(seq: u64) -> usize {
    (seq % PACKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::engine::tests::packet;

    fn kept(seq: u64, at: Instant) -> Kept {
        Kept {
            seq,
            time: 0,
            marker: false,
            packet: Arc::new(packet(seq, b"x")),
            patch: Patch::default(),
            sent_at: at,
            again_at: None,
        }
    }

    #[test]
    fn a_packet_is_found_by_16_bits_until_another_takes_its_place() {
        let now = Instant::now();
        let pause = Duration::from_millis(40);
        let mut history = History::default();
        assert!(history.again(1, pause, now).is_none());
        for seq in 65_000..65_600 {
            history.keep(kept(seq, now));
        }
        assert_eq!(history.again(65_535, pause, now).map(|it| it.0.seq), Some(65_535));
        assert_eq!(history.again(10, pause, now).map(|it| it.0.seq), Some(65_546));
        assert!(history.again(65_080, pause, now).is_none(), "overwritten");
        assert!(history.ring.len() <= PACKETS);
    }

    #[test]
    fn it_is_sent_again_once_in_a_pause_and_not_when_it_is_old() {
        let now = Instant::now();
        let pause = Duration::from_millis(40);
        let mut history = History::default();
        history.keep(kept(7, now));
        assert!(history.again(7, pause, now).is_some_and(|it| !it.1));
        assert!(history.again(7, pause, now + pause / 2).is_none());
        assert!(history.again(7, pause, now + pause).is_some_and(|it| it.1));
        assert!(history.again(7, pause, now + AGE + pause).is_none());
    }
}
