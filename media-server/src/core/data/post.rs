//! The way of a message: read, addressed, and laid into the queues of those whom it is for.

use std::sync::Arc;
use std::time::Instant;

use protocol::data::{DataMessage, MAX_BODY, MAX_MISSED};
use protocol::ids::ParticipantId;
use protocol::problem::Problem;

use super::answers::Owed;
use super::outlet::Carrier;
use super::{Inlet, problems};
use crate::core::counters::DataDrop;
use crate::core::engine::{ChannelId, Delivery, Drain, Peer, Written};
use crate::core::participant::Participant;
use crate::core::room::Room;
use crate::core::sfu::Shared;
use crate::core::{PeerKey, Seat, Side};

/// Whom a message is for, and what each of them gets.
struct Parcel {
    to: Option<Seat>,
    delivery: Delivery,
    bytes: Arc<[u8]>,
}

/// A *down* connection with what it needs to send.
struct Way<'a> {
    peer: &'a mut Peer,
    now: Instant,
    drain: &'a mut Drain,
}

impl Carrier for Way<'_> {
    fn write(&mut self, channel: ChannelId, delivery: Delivery, message: &[u8]) -> Written {
        self.peer.write(channel, delivery, true, message, self.now, self.drain)
    }

    fn on_the_way(&mut self, channel: ChannelId) -> usize {
        self.peer.on_the_way(channel)
    }
}

impl Room {
    /// A message came.
    pub(in crate::core) fn take_message(
        &mut self,
        from: PeerKey,
        channel: ChannelId,
        (is_binary, bytes): (bool, &[u8]),
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        participant.heard(now);
        shared.counters.data.messages_in += 1;
        shared.counters.data.bytes_in += bytes.len() as u64;
        let is_meant = |it: &&Inlet| from.side == Side::Up && (it.epoch, it.channel) == (from.epoch, channel);
        let place = participant.data.as_mut();
        let found = place.and_then(|it| Some((*it.channels.iter().find(is_meant)?, it)));
        let Some((inlet, place)) = found else {
            // Its channel is being closed, and it was told why.
            return shared.counters.data.dropped(DataDrop::NotGranted);
        };
        let number = DataMessage::number_of(bytes);
        let ahead = place.allowance.take(bytes.len(), now);
        // Nothing waits for what is lossy.
        let Some(ahead) = ahead.filter(|it| inlet.delivery == Delivery::Reliable || it.is_zero()) else {
            shared.counters.data.dropped(DataDrop::TooFast);
            if inlet.delivery == Delivery::Reliable {
                self.refuse_message(from.seat, inlet, number, problems::too_fast(), now, shared);
            }
            return;
        };
        match self.address(from.seat, inlet.delivery, is_binary, bytes) {
            Ok((parcel, number)) => {
                let (missed, missed_more) = self.deliver(from.seat, &parcel, now, shared);
                if inlet.delivery == Delivery::Reliable {
                    let owed = Owed {
                        inlet,
                        to: parcel.to,
                        due: now + ahead,
                        number,
                        missed,
                        missed_more,
                    };
                    self.owe(from.seat, owed, now, shared);
                }
            }
            Err((reason, problem)) => {
                shared.counters.data.dropped(reason);
                self.refuse_message(from.seat, inlet, number, problem, now, shared);
            }
        }
    }

    /// Reads a message, and writes who it is from.
    fn address(
        &self,
        seat: Seat,
        delivery: Delivery,
        is_binary: bool,
        bytes: &[u8],
    ) -> Result<(Parcel, u32), (DataDrop, Problem)> {
        if !is_binary {
            return Err((DataDrop::Malformed, problems::text()));
        }
        let message =
            DataMessage::read(bytes).map_err(|error| (DataDrop::Malformed, problems::not_a_message(error)))?;
        if message.body.len() > MAX_BODY {
            return Err((DataDrop::Oversize, problems::too_large(message.body.len())));
        }
        let to = match &message.peer {
            None => None,
            Some(name) => {
                let found = self.seat_of(name).filter(|it| *it != seat);
                let receiver = found.and_then(|it| self.participants.get(&it));
                let no_receiver = || (DataDrop::NoReceiver, problems::no_receiver(name));
                let receiver = receiver.filter(|it| it.data.is_some()).ok_or_else(no_receiver)?;
                if !self.may_reach(seat, receiver) {
                    return Err((DataDrop::NotGranted, problems::not_to(name)));
                }
                found
            }
        };
        let addressed = DataMessage {
            number: message.number,
            peer: self.participants.get(&seat).map(|it| it.id.clone()),
            is_private: to.is_some(),
            body: message.body,
        };
        let parcel = Parcel {
            to,
            delivery,
            bytes: addressed.write().into(),
        };
        Ok((parcel, message.number))
    }

    pub(super) fn may_reach(&self, sender: Seat, receiver: &Participant) -> bool {
        let place = self.participants.get(&sender).and_then(|it| it.data.as_ref());
        receiver.data.is_some() && place.is_some_and(|it| it.grant.reaches(receiver.role))
    }

    /// Gives a message to those whom it is for. Says who misses it.
    fn deliver(&mut self, from: Seat, parcel: &Parcel, now: Instant, shared: &mut Shared) -> (Vec<ParticipantId>, u32) {
        let receivers: Vec<Seat> = match parcel.to {
            Some(seat) => vec![seat],
            None => {
                let others = self.participants.iter().filter(|(seat, _)| **seat != from);
                let reached = others.filter(|(_, it)| self.may_reach(from, it));
                reached.map(|(seat, _)| *seat).collect()
            }
        };
        let (mut missed, mut missed_more) = (Vec::new(), 0);
        for seat in receivers {
            // What has arrived meanwhile makes place.
            self.pump(seat, parcel.delivery, now, shared);
            let Some(participant) = self.participants.get_mut(&seat) else {
                continue;
            };
            let Some(place) = participant.data.as_mut() else {
                continue;
            };
            match parcel.delivery {
                Delivery::Lossy => {
                    let late = place.lossy.push_over(&parcel.bytes);
                    shared.counters.data.dropped_many(DataDrop::Late, late);
                }
                Delivery::Reliable if place.reliable.push(&parcel.bytes, now) => {}
                Delivery::Reliable => {
                    shared.counters.data.dropped(DataDrop::Full);
                    if missed.len() < MAX_MISSED {
                        missed.push(participant.id.clone());
                    } else {
                        missed_more += 1;
                    }
                }
            }
            self.pump(seat, parcel.delivery, now, shared);
        }
        (missed, missed_more)
    }

    /// Sends on what waits for a participant, as far as its channel takes it.
    pub(super) fn pump(&mut self, seat: Seat, delivery: Delivery, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        let Some(place) = participant.data.as_mut() else { return };
        let outlet = place.outlet(delivery);
        if let Some(down) = participant.down.as_mut() {
            let mut way = Way {
                peer: down.peer(),
                now,
                drain: &mut shared.drain,
            };
            let sent = outlet.pump(&mut way, now);
            let counters = &mut shared.counters.data;
            counters.messages_out += sent.messages;
            counters.bytes_out += sent.bytes;
            counters.dropped_many(DataDrop::Unfit, sent.unfit);
        }
        if delivery == Delivery::Reliable {
            if outlet.is_full() {
                self.traffic.full.insert(seat);
            } else {
                self.traffic.full.remove(&seat);
            }
        }
    }
}
