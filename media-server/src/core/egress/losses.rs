//! Which packet had which transport-wide number, so that what a feedback reports as lost is sent again at once, without
//! waiting for a request that may get lost too.
//!
//! Invariant: a sound is sent again as the very datagram that was lost: nobody negotiates retransmissions for sounds, and the
//! same number may protect the same bytes only.

use std::time::{Duration, Instant};

/// How many packets are remembered; the next takes the place of the one so many before it.
const PACKETS: usize = 1024;

/// How many datagrams of sounds are kept, and for how long: later ones would come too late to be heard.
const SOUNDS: usize = 32;
const SOUND_AGE: Duration = Duration::from_millis(250);

/// A packet that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    transport_seq: u64,
    /// By which stream, and as what: for a retransmission the number of the packet that was repeated.
    pub(super) stream: u16,
    pub(super) seq: u16,
}

#[derive(Debug, Default)]
pub(super) struct Losses {
    ring: Vec<Option<Left>>,
    sounds: Vec<Sound>,
    next_sound: usize,
}

#[derive(Debug)]
struct Sound {
    transport_seq: u64,
    at: Instant,
    datagram: Vec<u8>,
}

impl Losses {
    /// A picture's packet left.
    pub(super) fn remember(&mut self, transport_seq: u64, stream: usize, seq: u16) {
        let at = place(transport_seq);
        if self.ring.len() <= at {
            self.ring.resize((at + 1).next_power_of_two(), None);
        }
        self.ring[at] = Some(Left {
            transport_seq,
            stream: stream as u16,
            seq,
        });
    }

    /// A sound's packet left.
    pub(super) fn keep_sound(&mut self, transport_seq: u64, datagram: &[u8], at: Instant) {
        if self.sounds.len() < SOUNDS {
            self.sounds.push(Sound {
                transport_seq,
                at,
                datagram: datagram.to_vec(),
            });
            return;
        }
        let sound = &mut self.sounds[self.next_sound];
        self.next_sound = (self.next_sound + 1) % SOUNDS;
        (sound.transport_seq, sound.at) = (transport_seq, at);
        sound.datagram.clear();
        sound.datagram.extend_from_slice(datagram);
    }

    /// The picture's packet with this number.
    pub(super) fn picture(&self, transport_seq: u64) -> Option<Left> {
        let left = (*self.ring.get(place(transport_seq))?)?;
        (left.transport_seq == transport_seq).then_some(left)
    }

    /// The sound's datagram with this number, if it would still be heard. It is given once.
    pub(super) fn take_sound(&mut self, transport_seq: u64, now: Instant) -> Option<&[u8]> {
        let sound = self.sounds.iter_mut().find(|it| it.transport_seq == transport_seq)?;
        if now.saturating_duration_since(sound.at) > SOUND_AGE {
            return None;
        }
        // No packet has this number.
        sound.transport_seq = 0;
        Some(&sound.datagram)
    }
}

fn place(transport_seq: u64) -> usize {
    (transport_seq % PACKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_found_until_another_takes_its_place() {
        let mut losses = Losses::default();
        losses.remember(5, 2, 700);
        assert_eq!(losses.picture(5).map(|it| (it.stream, it.seq)), Some((2, 700)));
        assert_eq!(losses.picture(5 + PACKETS as u64), None);
        losses.remember(5 + PACKETS as u64, 2, 900);
        assert_eq!(losses.picture(5), None);
        assert_eq!(losses.picture(6), None);
    }

    #[test]
    fn a_sound_is_given_once_and_only_while_it_would_be_heard() {
        let now = Instant::now();
        let mut losses = Losses::default();
        for seq in 1..=40 {
            losses.keep_sound(seq, &[seq as u8; 9], now);
        }
        assert_eq!(losses.take_sound(8, now), None, "overwritten");
        assert_eq!(losses.take_sound(9, now), Some(&[9; 9][..]));
        assert_eq!(losses.take_sound(9, now), None);
        assert_eq!(losses.take_sound(10, now + SOUND_AGE * 2), None);
        assert_eq!(losses.sounds.len(), SOUNDS);
    }
}
