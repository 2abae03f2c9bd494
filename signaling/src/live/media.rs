//! The hub and media nodes: who is called in, and what nodes tell to whom.

use std::sync::Arc;

use protocol::control::{AnswerBody, OutReason};
use protocol::ids::{NodeId, ParticipantId, RoomId};
use protocol::signal::ServerBody;
use store::consultations::Record;

use super::hub::{ClientId, Hub, Known, Seat, State};
use super::outbox::Outbox;
use crate::consultation::model::Who;
use crate::consultation::people;
use crate::nodes::{Link, Listener};

/// Somebody who may enter a room and doesn't know it yet.
pub(super) struct Due {
    pub(super) client: ClientId,
    pub(super) who: Who,
    pub(super) outbox: Outbox,
    pub(super) record: Record,
}

impl Hub {
    /// All who are to be called in; they count as called from now on.
    pub(super) fn take_due(&self) -> Vec<Due> {
        let mut due = Vec::new();
        let mut state = self.lock();
        let State { clients, open, .. } = &mut *state;
        for (id, client) in clients {
            let Some(seat) = client.seat.as_mut().filter(|seat| !seat.is_called) else {
                continue;
            };
            if let Some(record) = entered(open.get(&seat.consultation), &client.who) {
                seat.is_called = true;
                due.push(Due {
                    client: *id,
                    who: client.who.clone(),
                    outbox: client.outbox.clone(),
                    record: record.clone(),
                });
            }
        }
        due
    }

    /// It didn't work: the client will be called again.
    pub(super) fn call_again(&self, client: ClientId) {
        if let Some(seat) = self.lock().seat(client) {
            seat.is_called = false;
        }
    }

    /// The same, now: it is known already that it will work elsewhere.
    pub(super) fn call_again_now(&self, client: ClientId) {
        self.call_again(client);
        self.due.notify_one();
    }

    /// The record of the consultation whose room a client may be in, and its participant.
    pub(super) fn seat_of(&self, client: ClientId) -> Option<(Record, ParticipantId)> {
        let state = self.lock();
        let client = state.clients.get(&client)?;
        let seat = client.seat.as_ref()?;
        let record = entered(state.open.get(&seat.consultation), &client.who)?;
        Some((record.clone(), seat.participant.clone()))
    }

    /// The client has joined on this node.
    pub(super) fn bind(&self, client: ClientId, link: Arc<Link>) {
        if let Some(seat) = self.lock().seat(client) {
            seat.link = Some(link);
        }
    }

    /// Where a client's media is, once it has joined.
    pub(super) fn joined(&self, client: ClientId) -> Option<(Arc<Link>, RoomId, ParticipantId)> {
        let (record, participant) = self.seat_of(client)?;
        let link = self.lock().seat(client)?.link.clone()?;
        Some((link, record.room, participant))
    }

    fn tell_participant(&self, participant: &ParticipantId, body: ServerBody) {
        let state = self.lock();
        let client = state.seats.get(participant).and_then(|id| state.clients.get(id));
        if let Some(client) = client {
            client.outbox.send(None, body);
        }
    }

    /// Tells clients that their media is gone; they are called in again as soon as there is a node.
    fn lose(&self, is_meant: impl Fn(&Seat) -> bool) {
        let mut state = self.lock();
        let State { clients, open, .. } = &mut *state;
        for client in clients.values_mut() {
            let Some(seat) = client
                .seat
                .as_mut()
                .filter(|seat| seat.link.is_some() && is_meant(seat))
            else {
                continue;
            };
            seat.link = None;
            seat.is_called = false;
            if entered(open.get(&seat.consultation), &client.who).is_some() {
                client.outbox.send(None, ServerBody::MediaLost);
            }
        }
        drop(state);
        self.due.notify_one();
    }
}

/// The record, where somebody may be in its room.
fn entered<'a>(known: Option<&'a Known>, who: &Who) -> Option<&'a Record> {
    known
        .map(|known| &known.record)
        .filter(|record| people::may_enter(record, who))
}

impl State {
    fn seat(&mut self, client: ClientId) -> Option<&mut Seat> {
        self.clients.get_mut(&client)?.seat.as_mut()
    }
}

impl Listener for Hub {
    fn told(&self, event: AnswerBody) {
        match event {
            AnswerBody::Offer {
                participant,
                revision,
                sdp,
                tracks,
                ..
            } => self.tell_participant(&participant, ServerBody::Offer { revision, sdp, tracks }),
            AnswerBody::Muted {
                participant,
                by,
                source,
                muted,
                ..
            } => self.tell_participant(
                &participant,
                ServerBody::Muted {
                    participant: by,
                    source,
                    muted,
                },
            ),
            AnswerBody::Layers {
                participant,
                source,
                rids,
                ..
            } => self.tell_participant(&participant, ServerBody::Layers { source, rids }),
            AnswerBody::Paused {
                participant,
                track,
                paused,
                ..
            } => self.tell_participant(&participant, ServerBody::Paused { track, paused }),
            AnswerBody::Speakers {
                participant, speakers, ..
            } => self.tell_participant(&participant, ServerBody::Speakers { participants: speakers }),
            AnswerBody::ConnectionQuality {
                participant,
                who,
                quality,
                ..
            } => self.tell_participant(
                &participant,
                ServerBody::ConnectionQuality {
                    participant: who,
                    quality,
                },
            ),
            AnswerBody::Left { participant, who, .. } => {
                self.tell_participant(&participant, ServerBody::ParticipantLeft { participant: who });
            }
            // Who left or was put out was so by our own request, and isn't called in again.
            AnswerBody::Out {
                reason: OutReason::Left | OutReason::Kicked,
                ..
            } => {}
            AnswerBody::Out { participant, .. } => self.lose(|seat| seat.participant == participant),
            other => tracing::warn!(?other, "a media node told what is no event"),
        }
    }

    fn lost(&self, node: &NodeId) {
        self.lose(|seat| seat.link.as_ref().is_some_and(|link| link.node() == node));
    }

    fn forgotten(&self, participant: &ParticipantId) {
        self.lose(|seat| seat.participant == *participant);
    }

    fn let_go(&self, node: &NodeId, participant: &ParticipantId) {
        // Not who is elsewhere already.
        let is_there = |seat: &Seat| seat.link.as_ref().is_some_and(|link| link.node() == node);
        self.lose(|seat| seat.participant == *participant && is_there(seat));
    }
}
