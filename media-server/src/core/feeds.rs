//! What each participant of a room is shown of the others.
//!
//! Invariant: the room's (see [`super::room`]); these are the steps that restore it after a change.

use std::time::Instant;

use protocol::control::AnswerBody;

use super::down::{Down, Feed, Offer};
use super::forward::ask_key_frames;
use super::room::Room;
use super::sfu::Shared;
use super::{Seat, Side};

impl Room {
    /// What runs in a participant's *down* connection now joins the tracks' lists; what has just begun to
    /// run needs a key frame at once.
    pub(super) fn connect_feeds(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        let publishers = self.list_subscribers(seat);
        self.share_out(seat, now, shared);
        for publisher in publishers {
            ask_key_frames(self, publisher, now, shared);
        }
        shared.wake_room(self.key, now);
    }

    /// Brings the tracks' lists of subscribers in line with what runs in a *down* connection. Gives the
    /// publishers of what was new.
    pub(super) fn list_subscribers(&mut self, seat: Seat) -> Vec<Seat> {
        let down = self.participants.get(&seat).and_then(|it| it.down.as_ref());
        let live: Vec<(usize, Feed)> = down
            .map(|down| down.live().map(|(slot, feed)| (slot, feed.clone())).collect())
            .unwrap_or_default();
        let mut fresh = Vec::new();
        for (publisher, participant) in &mut self.participants {
            for track in participant.tracks.values_mut() {
                let slot = live
                    .iter()
                    .find(|(_, feed)| feed.track == track.id)
                    .map(|(slot, _)| *slot);
                let listed = track.subscribers.iter().position(|(it, _)| *it == seat);
                match (slot, listed) {
                    (Some(slot), None) => {
                        track.subscribers.push((seat, slot));
                        fresh.push(*publisher);
                    }
                    (None, Some(index)) => {
                        let gone = track.subscribers.swap_remove(index);
                        track.unlist(gone);
                    }
                    _ => {}
                }
            }
        }
        fresh
    }

    pub(super) fn refresh_others(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        let others: Vec<Seat> = self.participants.keys().copied().filter(|it| *it != seat).collect();
        for other in others {
            self.refresh(other, now, shared);
        }
    }

    /// Offers a participant what it isn't shown yet, and takes away what is gone.
    pub(super) fn refresh(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        let wants_data = self.is_data_wanted(seat);
        let wanted = self.feeds_for(seat);
        let (room, kind) = (self.key, self.encryption.into());
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        let is_closed = participant.closed == Some(Side::Down);
        let has_nothing = participant.down.is_none() && wanted.is_empty() && !wants_data;
        if is_closed || has_nothing {
            return;
        }
        if let Some(down) = participant.down.as_mut().filter(|it| it.is_called()) {
            if down.fill(&wanted) {
                self.connect_feeds(seat, now, shared);
            }
            return;
        }
        let down = participant
            .down
            .get_or_insert_with(|| Down::new(shared.peer(room, kind, (seat, Side::Down), now), shared.clock, now));
        if wants_data {
            down.want_data();
        }
        let before: Vec<Feed> = down.feeds().cloned().collect();
        let offer = down.next_offer(&wanted, now, &mut shared.drain);
        self.list_subscribers(seat);
        if let Some(offer) = offer {
            self.tell_offer(seat, &offer, shared);
            self.tell_muted(seat, &before, shared);
        }
    }

    /// All tracks of all others, if they may be received.
    fn feeds_for(&self, seat: Seat) -> Vec<Feed> {
        let may_subscribe = self.participants.get(&seat).is_some_and(|it| it.may_subscribe);
        let others = self
            .participants
            .iter()
            .filter(|(other, _)| may_subscribe && **other != seat);
        others
            .flat_map(|(other, it)| {
                it.tracks.iter().map(|(source, track)| Feed {
                    seat: *other,
                    source: *source,
                    track: track.id.clone(),
                    participant: it.id.clone(),
                    role: it.role,
                })
            })
            .collect()
    }

    /// What a connection that has just come doesn't know: the offer that waits, and what is muted.
    pub(super) fn repeat_news(&self, seat: Seat, shared: &mut Shared) {
        let down = self.participants.get(&seat).and_then(|it| it.down.as_ref());
        if let Some(offer) = down.and_then(Down::outstanding) {
            self.tell_offer(seat, offer, shared);
        }
        self.tell_muted(seat, &[], shared);
        self.repeat_signs(seat, shared);
        self.repeat_held_back(seat, shared);
    }

    fn tell_offer(&self, seat: Seat, offer: &Offer, shared: &mut Shared) {
        let Some(participant) = self.participants.get(&seat) else {
            return;
        };
        let body = AnswerBody::Offer {
            room: self.id.clone(),
            participant: participant.id.clone(),
            revision: offer.revision,
            sdp: offer.sdp.clone(),
            tracks: offer.tracks.clone(),
        };
        shared.tell(participant.connection, body);
    }

    /// Tells which of the tracks shown, except `known` ones, are muted.
    fn tell_muted(&self, seat: Seat, known: &[Feed], shared: &mut Shared) {
        let Some(participant) = self.participants.get(&seat) else {
            return;
        };
        let shown = participant.down.iter().flat_map(Down::feeds);
        for feed in shown.filter(|feed| !known.contains(feed)) {
            let publisher = self.participants.get(&feed.seat);
            if publisher.is_some_and(|it| it.muted.contains(&feed.source)) {
                let body = AnswerBody::Muted {
                    room: self.id.clone(),
                    participant: participant.id.clone(),
                    by: feed.participant.clone(),
                    source: feed.source,
                    muted: true,
                };
                shared.tell(participant.connection, body);
            }
        }
    }
}
