//! What senders are told of their messages, and when.

use std::time::Instant;

use protocol::data::DataAnswer;
use protocol::ids::ParticipantId;
use protocol::problem::Problem;

use super::Inlet;
use super::outlet::STUCK;
use crate::core::counters::DataDrop;
use crate::core::engine::{ChannelId, Delivery, Peer, Written};
use crate::core::room::Room;
use crate::core::sfu::Shared;
use crate::core::{Seat, Side};

/// Answers that wait at most. More: the oldest is given at once, and its sender isn't held back by it any more.
const MAX_OWED: usize = 256;

/// An answer that waits.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) inlet: Inlet,
    /// Whom the message is for; none: for all.
    pub(super) to: Option<Seat>,
    /// Not before.
    pub(super) due: Instant,
    pub(super) number: u32,
    pub(super) missed: Vec<ParticipantId>,
    pub(super) missed_more: u32,
}

impl Room {
    pub(super) fn owe(&mut self, seat: Seat, owed: Owed, now: Instant, shared: &mut Shared) {
        let Some(place) = self.participants.get_mut(&seat).and_then(|it| it.data.as_mut()) else {
            return;
        };
        place.owed.push_back(owed);
        let too_many = place.owed.len() > MAX_OWED;
        self.traffic.owing.insert(seat);
        if too_many {
            self.answer_first(seat, now, shared);
        }
        self.answer_those_owed(seat, now, shared);
    }

    /// Gives the answers that wait for nothing any more.
    pub(super) fn answer_owed(&mut self, now: Instant, shared: &mut Shared) {
        let owing: Vec<Seat> = self.traffic.owing.iter().copied().collect();
        for seat in owing {
            self.answer_those_owed(seat, now, shared);
        }
    }

    fn answer_those_owed(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        loop {
            let place = self.participants.get(&seat).and_then(|it| it.data.as_ref());
            let Some(first) = place.and_then(|it| it.owed.front()) else {
                self.traffic.owing.remove(&seat);
                return;
            };
            if first.due > now {
                return shared.wake_room(self.key, first.due);
            }
            if self.is_held(seat, first.to, now) {
                return shared.wake_room(self.key, now + STUCK);
            }
            self.answer_first(seat, now, shared);
        }
    }

    /// Whether too much waits for one of those whom a sender's message is for.
    fn is_held(&self, sender: Seat, to: Option<Seat>, now: Instant) -> bool {
        let concerned = self.traffic.full.iter().filter(|it| to.is_none_or(|to| **it == to));
        let mut holding = concerned.filter(|it| **it != sender).filter_map(|it| {
            let receiver = self.participants.get(it)?;
            let holds = receiver.data.as_ref()?.reliable.holds(now);
            (holds && self.may_reach(sender, receiver)).then_some(())
        });
        holding.next().is_some()
    }

    fn answer_first(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        let place = self.participants.get_mut(&seat).and_then(|it| it.data.as_mut());
        let Some(owed) = place.and_then(|it| it.owed.pop_front()) else {
            return;
        };
        let answer = DataAnswer::Taken {
            number: owed.number,
            missed: owed.missed,
            missed_more: owed.missed_more,
        };
        self.say_to(seat, owed.inlet, &answer, now, shared);
    }

    pub(super) fn refuse_message(
        &mut self,
        seat: Seat,
        inlet: Inlet,
        number: Option<u32>,
        problem: Problem,
        now: Instant,
        shared: &mut Shared,
    ) {
        self.say_to(seat, inlet, &DataAnswer::Refused { number, problem }, now, shared);
    }

    fn say_to(&mut self, seat: Seat, inlet: Inlet, answer: &DataAnswer, now: Instant, shared: &mut Shared) {
        let participant = self.participants.get_mut(&seat);
        if let Some(peer) = participant.and_then(|it| it.peer(Side::Up, inlet.epoch)) {
            say(peer, inlet.channel, answer, now, shared);
        }
    }
}

/// Says something about messages on the channel by which they came. Whoever doesn't read isn't told.
pub(super) fn say(peer: &mut Peer, channel: ChannelId, answer: &DataAnswer, now: Instant, shared: &mut Shared) {
    // Plain data is always JSON.
    let Ok(json) = serde_json::to_vec(answer) else { return };
    let written = peer.write(channel, Delivery::Reliable, false, &json, now, &mut shared.drain);
    if written != Written::Taken {
        shared.counters.data.dropped(DataDrop::Unanswered);
    }
}
