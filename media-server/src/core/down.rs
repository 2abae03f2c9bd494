//! The connection by which a participant is served: its offers, and what runs in which section.
//!
//! Invariant: at most one offer waits for its answer; what changes meanwhile goes into the next. A section
//! that carries a track isn't touched by offers until the track is gone; then it falls silent, and after
//! the answer to that it may carry another track.

mod called;

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::grants::{MediaSource, RoomRole};
use protocol::ids::{ParticipantId, TrackId};
use protocol::signal::SubscribedTrack;

use super::clock::WallClock;
use super::counters::Counters;
use super::egress::Egress;
use super::engine::{Drain, EngineError, OfferPlan, Packet, Peer};
use super::outbox::Outbox;
use super::slot::{Forwarded, Slot, State};
use super::steps::Aim;
use super::{Path, Seat};

/// How long after a step down there is none up.
const RISES_AFTER: Duration = Duration::from_secs(4);

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
    pub(super) fn is(&self, other: &Self) -> bool {
        self.track == other.track
    }
}

/// An offer as it goes to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) revision: u32,
    pub(crate) sdp: String,
    pub(crate) tracks: Vec<SubscribedTrack>,
    /// It has new ICE credentials.
    is_restart: bool,
}

/// Whether the connection has data channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataSection {
    None,
    /// The next offer has them.
    Wanted,
    /// The offer that waits has them.
    Offered,
    Agreed,
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
    /// What leaves by it.
    pub(crate) egress: Egress,
    is_connected: bool,
    data: DataSection,
    /// The client has offered its sections once and for all: see [`called`].
    is_called: bool,
    /// The client's network has changed: the next offer says so.
    wants_restart: bool,
    /// It has agreed on new ICE credentials, and hasn't chosen a path by them yet.
    is_restarted: bool,
    /// When something was last made smaller for the link's sake.
    narrowed_at: Option<Instant>,
    /// When it wanted to be woken, when it was last asked.
    said_deadline: Option<Instant>,
    revision: u32,
    outstanding: Option<Offer>,
    slots: Vec<Slot>,
    /// Whom each stream (RFC 8830) belongs to: one publisher's tracks share one, to be played in step.
    lanes: Vec<Option<Seat>>,
}

impl Down {
    pub(crate) fn new(peer: Peer, clock: WallClock, now: Instant) -> Self {
        Self {
            peer,
            egress: Egress::new(clock, now),
            is_connected: false,
            data: DataSection::None,
            is_called: false,
            wants_restart: false,
            is_restarted: false,
            narrowed_at: None,
            said_deadline: None,
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
        if let Some(keys) = self.peer.keys() {
            self.egress.unlock(keys);
        }
    }

    /// The client was heard by this path, or has chosen it. True: it is another network, whose link is to be divided.
    pub(crate) fn take_path(&mut self, path: Path, is_nominated: bool, now: Instant) -> bool {
        if !is_nominated && self.egress.has_path() {
            return false;
        }
        let is_restarted = is_nominated && std::mem::take(&mut self.is_restarted);
        let is_anew = self.egress.take_path(path, is_restarted, now);
        if is_anew {
            self.narrowed_at = None;
        }
        is_anew
    }

    /// The client has agreed on new ICE credentials.
    pub(crate) fn restarted(&mut self) {
        self.is_restarted = true;
    }

    /// Something was made smaller because the link has become narrower.
    pub(crate) fn narrowed(&mut self, now: Instant) {
        self.narrowed_at = Some(now);
    }

    /// Whether the link has been wide enough for a while: each step up costs a key frame.
    pub(crate) fn may_rise(&self, now: Instant) -> bool {
        self.narrowed_at
            .is_none_or(|at| now.saturating_duration_since(at) >= RISES_AFTER)
    }

    /// It is to have data channels.
    pub(crate) fn want_data(&mut self) {
        if self.data == DataSection::None {
            self.data = DataSection::Wanted;
        }
    }

    /// The client asks for new ICE credentials.
    pub(crate) fn restart(&mut self) {
        self.wants_restart = true;
    }

    /// When time alone will cause something, if that is earlier than was said last.
    pub(crate) fn earlier_deadline(&mut self) -> Option<Instant> {
        let of_peer = self.peer.deadline();
        let deadline = self.egress.next_timeout().map_or(of_peer, |it| it.min(of_peer));
        if self.said_deadline.is_some_and(|said| said <= deadline) {
            return None;
        }
        self.said_deadline = Some(deadline);
        Some(deadline)
    }

    /// Moves its time on.
    pub(crate) fn tick(&mut self, now: Instant, drain: &mut Drain) {
        self.said_deadline = None;
        if self.peer.deadline() <= now {
            self.peer.tick(now, drain);
        }
        self.egress.tick(now, &mut drain.outbox);
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
    pub(crate) fn feed_of(&self, slot: usize) -> Option<&Feed> {
        self.slots.get(slot)?.feed()
    }

    /// What a section is to show.
    pub(crate) fn target_of(&self, slot: usize) -> Option<Aim> {
        self.slots.get(slot)?.target
    }

    /// What a section is to show as soon as it is sent.
    pub(crate) fn intent_of(&self, slot: usize) -> Option<Aim> {
        self.slots.get(slot)?.intent
    }

    /// A section is to show this as soon as it is sent.
    pub(crate) fn intend(&mut self, slot: usize, intent: Option<Aim>) {
        if let Some(it) = self.slots.get_mut(slot) {
            it.intent = intent;
        }
    }

    /// The layer that a section shows.
    pub(crate) fn layer_of(&self, slot: usize) -> Option<usize> {
        self.slots.get(slot)?.layer
    }

    /// Has a section show something else, or nothing. The present layer goes on until another begins, unless it must
    /// `stop_at_once`.
    pub(crate) fn aim(&mut self, slot: usize, target: Option<Aim>, stop_at_once: bool) {
        let Some(it) = self.slots.get_mut(slot) else { return };
        it.target = None;
        if let Some(target) = target {
            it.aim(target);
        }
        let encoding = target.map(|it| it.encoding);
        if encoding.is_none() || (stop_at_once && it.layer != encoding) {
            it.layer = None;
            it.rewriter.pause();
            self.egress.drop_waiting(slot);
        }
    }

    /// Whether a section is held back.
    pub(crate) fn is_held_back(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|it| it.is_held_back)
    }

    /// How many sections are held back.
    pub(crate) fn held_back(&self) -> u64 {
        self.slots.iter().filter(|it| it.is_held_back).count() as u64
    }

    /// Whether the client was told that a section is held back; and from now on.
    pub(crate) fn hold_back(&mut self, slot: usize, is_held_back: bool) -> bool {
        match self.slots.get_mut(slot) {
            Some(it) => std::mem::replace(&mut it.is_held_back, is_held_back),
            None => false,
        }
    }

    /// The next offer, if the client isn't shown exactly `wanted` and no offer waits.
    pub(crate) fn next_offer(&mut self, wanted: &[Feed], now: Instant, drain: &mut Drain) -> Option<Offer> {
        for slot in &mut self.slots {
            if slot.is_gone(wanted) {
                // What is in the waiting offer stays in it; that it is gone is for the next.
                slot.end(State::Ending { is_offered: false });
            }
        }
        if self.outstanding.is_some() {
            return None;
        }
        let mut plan = OfferPlan {
            restart: std::mem::take(&mut self.wants_restart),
            data: self.data == DataSection::Wanted,
            ..OfferPlan::default()
        };
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
            self.slots.push(Slot::new(mid, is_video, lane, State::Offered(feed)));
        }
        if plan.data {
            self.data = DataSection::Offered;
        }
        self.revision += 1;
        let offer = Offer {
            revision: self.revision,
            sdp,
            tracks: self.subscribed(),
            is_restart: plan.restart,
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
        let is_restart = self.outstanding.take().is_some_and(|offer| offer.is_restart);
        if let Err(error) = accepted {
            // As if the offer hadn't been made: the next one says the same again.
            self.slots.retain(|slot| !matches!(slot.state, State::Offered(_)));
            if self.data == DataSection::Offered {
                self.data = DataSection::Wanted;
            }
            return Err(AnswerError::Sdp(error));
        }
        self.is_restarted |= is_restart;
        if self.data == DataSection::Offered {
            self.data = DataSection::Agreed;
        }
        for (number, slot) in self.slots.iter_mut().enumerate() {
            slot.state = match std::mem::replace(&mut slot.state, State::Free) {
                State::Offered(feed) => {
                    if let Some(plan) = self.peer.stream_plan(slot.mid) {
                        self.egress.set_stream(number, plan, now);
                    }
                    State::Live(feed)
                }
                State::Ending { is_offered: true } => {
                    self.egress.empty_stream(number);
                    State::Free
                }
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

    /// Sends a packet of a layer by a section.
    pub(crate) fn forward(
        &mut self,
        slot: usize,
        layer: usize,
        packet: &(Arc<Packet>, Instant),
        now: Instant,
        out: (&mut Outbox, &mut Counters),
    ) -> Forwarded {
        match self.slots.get_mut(slot) {
            Some(it) => it.forward(&mut self.egress, slot, layer, packet, now, out),
            None => Forwarded::Done,
        }
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
