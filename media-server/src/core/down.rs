//! The connection by which a participant is served, and its offers.
//!
//! Invariant: at most one offer waits for its answer; what changes meanwhile goes into the next. A section
//! that carries a track isn't touched by offers until the track is gone; then it falls silent, and after
//! the answer to that it may carry another track.

use std::time::Instant;

use protocol::grants::{MediaSource, RoomRole};
use protocol::ids::{ParticipantId, TrackId};
use protocol::signal::SubscribedTrack;

use super::Seat;
use super::counters::{Counters, DropReason};
use super::engine::{Drain, EngineError, Mid, OfferPlan, Packet, Peer, Stamp};
use super::participant::Recent;
use super::rewrite::{Incoming, Rewriter};

/// A track as a subscriber is to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) seat: Seat,
    pub(crate) source: MediaSource,
    pub(crate) track: TrackId,
    pub(crate) participant: ParticipantId,
    pub(crate) role: RoomRole,
}

impl Feed {
    fn is(&self, other: &Self) -> bool {
        self.track == other.track
    }
}

/// An offer as it goes to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) revision: u32,
    pub(crate) sdp: String,
    pub(crate) tracks: Vec<SubscribedTrack>,
}

/// Why an answer wasn't taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AnswerError {
    /// It answers an offer that isn't the one that waits.
    Stale,
    /// Its SDP.
    Sdp(EngineError),
}

#[derive(Debug)]
pub(crate) struct Down {
    peer: Peer,
    is_connected: bool,
    revision: u32,
    outstanding: Option<Offer>,
    slots: Vec<Slot>,
    /// Whom each stream (RFC 8830) belongs to: one publisher's tracks share one, to be played in step.
    lanes: Vec<Option<Seat>>,
}

/// A media section.
#[derive(Debug)]
struct Slot {
    mid: Mid,
    is_video: bool,
    lane: usize,
    state: State,
    rewriter: Rewriter,
}

#[derive(Debug)]
enum State {
    /// Agreed to be silent.
    Free,
    /// In the offer that waits.
    Offered(Feed),
    /// Agreed.
    Live(Feed),
    /// Its track is gone, and the client hasn't agreed to that yet.
    Ending {
        /// Whether the offer that waits says so.
        is_offered: bool,
    },
}

impl Slot {
    fn feed(&self) -> Option<&Feed> {
        match &self.state {
            State::Offered(feed) | State::Live(feed) => Some(feed),
            State::Free | State::Ending { .. } => None,
        }
    }
}

impl Down {
    pub(crate) fn new(peer: Peer) -> Self {
        Self {
            peer,
            is_connected: false,
            revision: 0,
            outstanding: None,
            slots: Vec::new(),
            lanes: Vec::new(),
        }
    }

    pub(crate) fn peer(&mut self) -> &mut Peer {
        &mut self.peer
    }

    pub(crate) fn into_peer(self) -> Peer {
        self.peer
    }

    /// The offer that waits for its answer.
    pub(crate) fn outstanding(&self) -> Option<&Offer> {
        self.outstanding.as_ref()
    }

    pub(crate) fn connected(&mut self) {
        self.is_connected = true;
    }

    /// What runs now: slot and feed.
    pub(crate) fn live(&self) -> impl Iterator<Item = (usize, &Feed)> {
        let slots = self.slots.iter().enumerate().filter(|_| self.is_connected);
        slots.filter_map(|(index, slot)| match &slot.state {
            State::Live(feed) => Some((index, feed)),
            _ => None,
        })
    }

    /// What the client is shown, or will be when it has answered.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = &Feed> {
        self.slots.iter().filter_map(Slot::feed)
    }

    /// What a section shows.
    pub(crate) fn feed_of(&self, mid: Mid) -> Option<&Feed> {
        self.slots.iter().find(|slot| slot.mid == mid)?.feed()
    }

    /// The next offer, if the client isn't shown exactly `wanted` and no offer waits.
    pub(crate) fn next_offer(&mut self, wanted: &[Feed], now: Instant, drain: &mut Drain) -> Option<Offer> {
        for slot in &mut self.slots {
            let is_gone = slot.feed().is_some_and(|feed| !wanted.iter().any(|it| it.is(feed)));
            if is_gone {
                // What is in the waiting offer stays in it; that it is gone is for the next.
                slot.state = State::Ending { is_offered: false };
            }
        }
        if self.outstanding.is_some() {
            return None;
        }
        let mut plan = OfferPlan::default();
        for slot in &mut self.slots {
            if let State::Ending { is_offered } = &mut slot.state {
                *is_offered = true;
                plan.pause.push(slot.mid);
            }
        }
        let mut added = Vec::new();
        for feed in wanted {
            if self.feeds().any(|it| it.is(feed)) {
                continue;
            }
            let lane = self.lane_for(feed.seat);
            let is_video = feed.source.is_video();
            let free =
                |slot: &&mut Slot| slot.lane == lane && slot.is_video == is_video && matches!(slot.state, State::Free);
            if let Some(slot) = self.slots.iter_mut().find(free) {
                slot.state = State::Offered(feed.clone());
                slot.rewriter.replace();
                plan.resume.push(slot.mid);
            } else {
                plan.add.push((is_video, format!("lane{lane}")));
                added.push((feed.clone(), is_video, lane));
            }
        }
        let Some((sdp, mids)) = self.peer.offer(&plan, now, drain) else {
            self.settle_without_offer();
            return None;
        };
        for ((feed, is_video, lane), mid) in added.into_iter().zip(mids) {
            self.slots.push(Slot {
                mid,
                is_video,
                lane,
                state: State::Offered(feed),
                rewriter: Rewriter::new(rand::random()),
            });
        }
        self.revision += 1;
        let offer = Offer {
            revision: self.revision,
            sdp,
            tracks: self.subscribed(),
        };
        self.outstanding = Some(offer.clone());
        Some(offer)
    }

    /// Takes the answer to the offer that waits.
    pub(crate) fn accept_answer(
        &mut self,
        revision: u32,
        sdp: &str,
        now: Instant,
        drain: &mut Drain,
    ) -> Result<(), AnswerError> {
        if self.outstanding.as_ref().is_none_or(|offer| offer.revision != revision) {
            return Err(AnswerError::Stale);
        }
        let accepted = self.peer.accept_answer(sdp, now, drain);
        if let Err(error @ EngineError::Unreadable(_)) = accepted {
            return Err(AnswerError::Sdp(error));
        }
        self.outstanding = None;
        if let Err(error) = accepted {
            // As if the offer hadn't been made: the next one says the same again.
            self.slots.retain(|slot| !matches!(slot.state, State::Offered(_)));
            return Err(AnswerError::Sdp(error));
        }
        for slot in &mut self.slots {
            slot.state = match std::mem::replace(&mut slot.state, State::Free) {
                State::Offered(feed) => State::Live(feed),
                State::Ending { is_offered: true } => State::Free,
                other => other,
            };
        }
        Ok(())
    }

    /// The section waits for the next place where a decoder can begin.
    pub(crate) fn pause(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.rewriter.pause();
        }
    }

    /// Sends a packet by a section, and with the first those of the `recent` ones that overtook it. False:
    /// the section still waits for a place to begin.
    pub(crate) fn send(
        &mut self,
        slot: usize,
        packet: &Packet,
        captured_at: Instant,
        recent: &Recent,
        now: Instant,
        out: (&mut Drain, &mut Counters),
    ) -> bool {
        let (drain, counters) = out;
        let Some(slot) = self.slots.get_mut(slot) else {
            return true;
        };
        let begins = write(&mut self.peer, slot, packet, captured_at, now, (drain, counters));
        if begins {
            for (packet, captured_at) in recent.after(packet) {
                write(&mut self.peer, slot, packet, *captured_at, now, (drain, counters));
            }
        }
        !slot.rewriter.is_waiting()
    }

    fn subscribed(&self) -> Vec<SubscribedTrack> {
        let slots = self.slots.iter().filter_map(|slot| Some((slot, slot.feed()?)));
        slots
            .map(|(slot, feed)| SubscribedTrack {
                mid: slot.mid.to_string(),
                track: feed.track.clone(),
                participant: feed.participant.clone(),
                role: feed.role,
                source: feed.source,
            })
            .collect()
    }

    /// The plan changed nothing: sections that the client itself had rejected. They are of no more use.
    fn settle_without_offer(&mut self) {
        self.slots.retain(|slot| !matches!(slot.state, State::Offered(_)));
        for slot in &mut self.slots {
            if matches!(slot.state, State::Ending { .. }) {
                slot.state = State::Free;
            }
        }
    }

    /// The publisher's lane: its own, one that nobody's tracks are in any more, or a new one.
    fn lane_for(&mut self, seat: Seat) -> usize {
        if let Some(lane) = self.lanes.iter().position(|it| *it == Some(seat)) {
            return lane;
        }
        let is_empty = |lane: usize| {
            let mut slots = self.slots.iter().filter(|slot| slot.lane == lane);
            slots.all(|slot| matches!(slot.state, State::Free))
        };
        let lane = (0..self.lanes.len()).find(|lane| is_empty(*lane));
        let lane = lane.unwrap_or_else(|| {
            self.lanes.push(None);
            self.lanes.len() - 1
        });
        self.lanes[lane] = Some(seat);
        lane
    }
}

/// Rewrites and sends one packet. True: the stream begins (again) with it.
fn write(
    peer: &mut Peer,
    slot: &mut Slot,
    packet: &Packet,
    captured_at: Instant,
    now: Instant,
    (drain, counters): (&mut Drain, &mut Counters),
) -> bool {
    let incoming = Incoming {
        ssrc: packet.ssrc,
        seq: packet.seq,
        time: packet.time,
        clock_rate: packet.codec.clock_rate(),
        is_start: packet.is_start,
    };
    let Some(rewritten) = slot.rewriter.rewrite(incoming, now) else {
        counters.dropped(DropReason::NotStarted);
        return false;
    };
    let stamp = Stamp {
        seq: rewritten.seq,
        time: rewritten.time,
        wallclock: captured_at,
    };
    if peer.write(slot.mid, packet, stamp, now, drain) {
        counters.packets_forwarded += 1;
    } else {
        counters.dropped(DropReason::NoCodec);
    }
    rewritten.begins
}
