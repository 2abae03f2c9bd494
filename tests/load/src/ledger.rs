//! What was sent, and what became of it.
//!
//! Invariant: a packet counts toward a window by its own counter, not by when it came: what was sent in the
//! window and never came is lost, however the window ends.

use std::time::Instant;

use crate::histogram::Histogram;

/// What came and went since the last [`Ledger::open_window`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Media packets that came for the first time, whole.
    pub received: u64,
    /// Of them, by being resent.
    pub recovered: u64,
    /// Came again on the same stream.
    pub duplicates: u64,
    /// Came after one that was sent later.
    pub reordered: u64,
    /// Authentic, but not what the publisher wrote.
    pub corrupt: u64,
    /// Of a track that this subscriber wasn't told of.
    pub unexpected: u64,
    /// Not authentic.
    pub unauthentic: u64,
    /// Resent without need, or padding: a sender's probing.
    pub probing: u64,
    /// NACK messages sent, and the packets they asked for.
    pub nacks: u64,
    /// Packets asked for.
    pub asked_again: u64,
    /// Packets no longer asked for.
    pub given_up: u64,
    /// Key frames that the server asked for.
    pub key_frames_asked: u64,
    /// Packets that the server asked for again.
    pub resent: u64,
    /// Media packets sent to the server.
    pub sent: u64,
    /// Of them, those that the kernel didn't take.
    pub unsent: u64,
    /// Transport-wide feedback sent.
    pub feedback_sent: u64,
    /// Transport-wide feedback received.
    pub feedback_received: u64,
}

/// A publisher's tracks: sound, video.
type Tracks = [Track; 2];

/// What one track sent.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    next: u32,
    from: u32,
    to: u32,
}

/// All publishers' tracks and what became of them.
#[derive(Debug)]
pub struct Ledger {
    epoch: Instant,
    tracks: Vec<Tracks>,
    is_open: bool,
    /// Since the window opened.
    pub tally: Tally,
    /// From sending to receiving, of packets that belong to the window.
    pub latency: Histogram,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            tracks: Vec::new(),
            is_open: false,
            tally: Tally::default(),
            latency: Histogram::default(),
        }
    }
}

impl Ledger {
    /// The clock that payloads carry, in nanoseconds.
    #[must_use]
    pub fn ns(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    /// When the clock began.
    #[must_use]
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// A new publisher's number.
    pub fn publisher(&mut self) -> u32 {
        self.tracks.push(Tracks::default());
        // Far fewer than 2^32.
        self.tracks.len() as u32 - 1
    }

    /// The next packet's counter.
    pub fn count_sent(&mut self, publisher: u32, is_video: bool) -> u32 {
        self.tally.sent += 1;
        let Some(track) = self.track_mut(publisher, is_video) else {
            return 0;
        };
        track.next += 1;
        track.next - 1
    }

    /// Whether the publisher has sent this counter.
    #[must_use]
    pub fn was_sent(&self, publisher: u32, is_video: bool, counter: u32) -> bool {
        self.track(publisher, is_video).is_some_and(|it| counter < it.next)
    }

    /// Whether a packet belongs to the window.
    #[must_use]
    pub fn is_in_window(&self, publisher: u32, is_video: bool, counter: u32) -> bool {
        let track = self.track(publisher, is_video);
        track.is_some_and(|it| counter >= it.from && (self.is_open || counter < it.to))
    }

    /// How many packets of a track belong to the window.
    #[must_use]
    pub fn in_window(&self, publisher: u32, is_video: bool) -> u64 {
        let track = self.track(publisher, is_video).copied().unwrap_or_default();
        let to = if self.is_open { track.next } else { track.to };
        u64::from(to.saturating_sub(track.from))
    }

    /// What is sent from now on belongs to a new window.
    pub fn open_window(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            track.from = track.next;
        }
        self.is_open = true;
        self.tally = Tally::default();
        self.latency.clear();
    }

    /// What is sent from now on belongs to none.
    pub fn close_window(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            track.to = track.next;
        }
        self.is_open = false;
    }

    fn track(&self, publisher: u32, is_video: bool) -> Option<&Track> {
        Some(&self.tracks.get(publisher as usize)?[usize::from(is_video)])
    }

    fn track_mut(&mut self, publisher: u32, is_video: bool) -> Option<&mut Track> {
        Some(&mut self.tracks.get_mut(publisher as usize)?[usize::from(is_video)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_was_sent_in_it() {
        let mut ledger = Ledger::default();
        let publisher = ledger.publisher();
        for expected in 0..3 {
            assert_eq!(ledger.count_sent(publisher, true), expected);
        }
        ledger.open_window();
        assert_eq!(ledger.count_sent(publisher, true), 3);
        assert!(ledger.is_in_window(publisher, true, 3) && !ledger.is_in_window(publisher, true, 2));
        ledger.close_window();
        assert_eq!(ledger.count_sent(publisher, true), 4);
        assert!(ledger.is_in_window(publisher, true, 3) && !ledger.is_in_window(publisher, true, 4));
        assert_eq!(ledger.in_window(publisher, true), 1);
        assert_eq!(ledger.in_window(publisher, false), 0);
        assert!(ledger.was_sent(publisher, true, 4) && !ledger.was_sent(publisher, true, 5));
        assert!(!ledger.was_sent(9, true, 0));
    }
}
