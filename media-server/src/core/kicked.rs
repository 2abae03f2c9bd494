//! Who was put out of which room, for as long as a token signed before may still hold.
//!
//! Invariant: at most [`REMEMBERED`] are remembered, oldest first; what a room is called and who is in it doesn't
//! matter here, so that a room that closes and opens again forgives nothing.

use std::collections::VecDeque;
use std::time::Instant;

use protocol::grants::MEDIA_TOKEN_LASTS;
use protocol::ids::{ParticipantId, RoomId};

/// So many are remembered. When full the oldest is forgotten: its token has the least time left.
const REMEMBERED: usize = 4096;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Kicked(VecDeque<(Instant, RoomId, ParticipantId)>);

impl Kicked {
    /// Remembers one from now on.
    pub(crate) fn put(&mut self, room: RoomId, participant: ParticipantId, now: Instant) {
        self.forget_old(now);
        self.0
            .retain(|(_, its_room, who)| (its_room, who) != (&room, &participant));
        if self.0.len() == REMEMBERED {
            tracing::warn!("more than {REMEMBERED} were put out within a token's time: the oldest may come back");
            self.0.pop_front();
        }
        self.0.push_back((now + MEDIA_TOKEN_LASTS, room, participant));
    }

    /// Whether somebody has to stay out of a room.
    pub(crate) fn has(&mut self, room: &RoomId, participant: &ParticipantId, now: Instant) -> bool {
        self.forget_old(now);
        self.0
            .iter()
            .any(|(_, its_room, who)| (its_room, who) == (room, participant))
    }

    fn forget_old(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(until, ..)| *until <= now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(room: &str, participant: usize) -> (RoomId, ParticipantId) {
        (
            RoomId::new(room).expect("valid"),
            ParticipantId::new(format!("p{participant}")).expect("valid"),
        )
    }

    #[test]
    fn each_stays_out_of_that_room_for_a_tokens_time() {
        let (mut kicked, now) = (Kicked::default(), Instant::now());
        let (room, who) = ids("a", 1);
        kicked.put(room.clone(), who.clone(), now);
        let late = now + MEDIA_TOKEN_LASTS / 2;
        assert!(kicked.has(&room, &who, late));
        assert!(!kicked.has(&ids("b", 1).0, &who, late), "another room");
        assert!(!kicked.has(&room, &ids("a", 2).1, late), "another person");
        // Put out again: the time begins anew.
        kicked.put(room.clone(), who.clone(), late);
        assert!(kicked.has(&room, &who, now + MEDIA_TOKEN_LASTS));
        assert!(!kicked.has(&room, &who, late + MEDIA_TOKEN_LASTS));
        assert!(kicked.0.is_empty());
    }

    #[test]
    fn a_full_list_forgets_the_oldest() {
        let (mut kicked, now) = (Kicked::default(), Instant::now());
        for n in 0..=REMEMBERED {
            let (room, who) = ids("a", n);
            kicked.put(room, who, now);
        }
        assert_eq!(kicked.0.len(), REMEMBERED);
        let has = |kicked: &mut Kicked, n| kicked.has(&ids("a", n).0, &ids("a", n).1, now);
        assert!(!has(&mut kicked, 0) && has(&mut kicked, 1) && has(&mut kicked, REMEMBERED));
    }
}
