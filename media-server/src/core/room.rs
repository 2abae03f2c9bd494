//! One room: who is in it, and what each may see of the others.
//!
//! Invariant: after every change each participant that may subscribe is shown, or has been offered, or will
//! be offered after its next answer, exactly the tracks of all others; a track's list of subscribers holds
//! exactly the live sections that show it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::control::{AnswerBody, OutReason};
use protocol::grants::{MediaGrant, MediaSource};
use protocol::ids::{ParticipantId, RoomId};
use protocol::problem::Problem;
use protocol::signal::PublishTrack;

use super::down::AnswerError;
use super::engine::{Peer, PeerEvent};
use super::forward::{ask_key_frames, forward};
use super::lipsync::Report;
use super::participant::{Participant, Track, Up};
use super::publish::{bad_sdp, check, not_granted, outline};
use super::sfu::{Asker, Shared};
use super::{PeerKey, RoomKey, Seat, Side};

/// How often a room looks for the silent.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) key: RoomKey,
    pub(crate) id: RoomId,
    pub(crate) participants: BTreeMap<Seat, Participant>,
    next_seat: Seat,
}

impl Room {
    pub(crate) fn new(key: RoomKey, id: RoomId) -> Self {
        Self {
            key,
            id,
            participants: BTreeMap::new(),
            next_seat: 0,
        }
    }

    pub(crate) fn seat_of(&self, participant: &ParticipantId) -> Option<Seat> {
        let mut all = self.participants.iter();
        all.find(|(_, it)| it.id == *participant).map(|(seat, _)| *seat)
    }

    pub(crate) fn peer(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.participants.get_mut(&key.seat)?.peer(key.side, key.epoch)
    }

    pub(crate) fn track_mut(&mut self, seat: Seat, source: MediaSource) -> Option<&mut Track> {
        self.participants.get_mut(&seat)?.tracks.get_mut(&source)
    }

    /// Somebody enters, or is there already and is spoken for by another connection from now on. Who is there
    /// but has lost its connections begins anew; to the others it never left.
    pub(crate) fn join(
        &mut self,
        to: Asker,
        grant: MediaGrant,
        has_connections: bool,
        now: Instant,
        shared: &mut Shared,
    ) {
        let known = self.seat_of(&grant.participant);
        if let Some(seat) = known
            && let Some(participant) = self.participants.get_mut(&seat)
            && participant.closed.is_none()
            && has_connections
        {
            participant.connection = Some(to.connection);
            participant.heard(now);
            shared.answer(to, self.joined(&grant.participant, false));
            self.repeat_news(seat, shared);
            return;
        }
        if let Some(seat) = known {
            self.remove(seat, now, shared);
        }
        let participant = grant.participant.clone();
        tracing::info!(room = %self.id, %participant, "joins");
        self.next_seat += 1;
        let seat = self.next_seat;
        self.participants
            .insert(seat, Participant::new(grant, to.connection, now));
        shared.wake_room(self.key, now + LOOK);
        shared.answer(to, self.joined(&participant, true));
        self.refresh(seat, now, shared);
    }

    /// A participant offers what it publishes.
    pub(crate) fn publish(
        &mut self,
        to: Asker,
        seat: Seat,
        sdp: &str,
        tracks: &[PublishTrack],
        now: Instant,
        shared: &mut Shared,
    ) {
        let key = self.key;
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        participant.heard(now);
        let outline = outline(sdp);
        let sections = match check(&outline, tracks, &participant.granted) {
            Ok(sections) => sections,
            Err(problem) => return shared.refuse(to, problem),
        };
        // The same connection says more, or a new one takes its place.
        let mut up = match participant.up.take() {
            Some(up) if up.session == outline.session => up,
            old => {
                participant.up = old;
                Up {
                    peer: shared.peer(key, seat, Side::Up, now),
                    session: outline.session,
                    sections: Vec::new(),
                    is_connected: false,
                }
            }
        };
        let answer = match up.peer.accept_offer(sdp, now, &mut shared.drain) {
            Ok(answer) => answer,
            Err(error) => {
                if participant.up.is_none() && !up.sections.is_empty() {
                    participant.up = Some(up);
                } else {
                    shared.close(up.peer, now);
                }
                return shared.refuse(to, bad_sdp(&error));
            }
        };
        up.sections = sections;
        // An ICE restart gave the connection a new name.
        let name = up.peer.ufrag();
        shared.demux.name(up.peer.key(), name, now);
        let sources: Vec<MediaSource> = up.sections.iter().map(|(_, source)| *source).collect();
        if let Some(old) = participant.up.replace(up) {
            shared.close(old.peer, now);
        }
        participant.closed = participant.closed.filter(|side| *side == Side::Down);
        participant.tracks.retain(|source, _| sources.contains(source));
        for source in sources {
            participant.tracks.entry(source).or_insert_with(Track::new);
        }
        shared.answer(to, AnswerBody::Published { sdp: answer });
        self.refresh_others(seat, now, shared);
    }

    /// A participant answers its *down* offer.
    pub(crate) fn accept_answer(
        &mut self,
        to: Asker,
        seat: Seat,
        revision: u32,
        sdp: &str,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        participant.heard(now);
        let accepted = match participant.down.as_mut() {
            Some(down) => down.accept_answer(revision, sdp, now, &mut shared.drain),
            None => Err(AnswerError::Stale),
        };
        match accepted {
            Ok(()) => shared.answer(to, AnswerBody::Ok),
            Err(AnswerError::Sdp(error)) => return shared.refuse(to, bad_sdp(&error)),
            Err(AnswerError::Stale) => {
                let problem = Problem::new(409, "stale-answer", "この応答は古くなっています")
                    .with_detail(format!("revision {revision} のオファーは応答を待っていません。"))
                    .with_field("revision");
                return shared.refuse(to, problem);
            }
        }
        self.connect_feeds(seat, now, shared);
        self.refresh(seat, now, shared);
    }

    /// A participant mutes or unmutes a source, published or not.
    pub(crate) fn mute(
        &mut self,
        to: Asker,
        seat: Seat,
        source: MediaSource,
        muted: bool,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        participant.heard(now);
        if !participant.granted.contains(&source) {
            return shared.refuse(to, not_granted(source));
        }
        let changed = if muted {
            participant.muted.insert(source)
        } else {
            participant.muted.remove(&source)
        };
        shared.answer(to, AnswerBody::Ok);
        if !changed {
            return;
        }
        let by = participant.id.clone();
        let subscribers = match participant.tracks.get_mut(&source) {
            Some(track) => {
                track.keyframes.want();
                track.subscribers.clone()
            }
            None => Vec::new(),
        };
        for (subscriber, slot) in subscribers {
            if let Some(down) = self.participants.get_mut(&subscriber).and_then(|it| it.down.as_mut()) {
                down.pause(slot);
            }
        }
        for (_, other) in self.participants.iter().filter(|(other, _)| **other != seat) {
            let told = AnswerBody::Muted {
                room: self.id.clone(),
                participant: other.id.clone(),
                by: by.clone(),
                source,
                muted,
            };
            shared.tell(other.connection, told);
        }
        ask_key_frames(self, seat, now, shared);
    }

    /// The room ends for all.
    pub(crate) fn close(&mut self, reason: OutReason, now: Instant, shared: &mut Shared) {
        for (_, participant) in std::mem::take(&mut self.participants) {
            self.say_goodbye(participant, reason, now, shared);
        }
    }

    /// Looks for the silent, and asks for key frames that are due.
    pub(crate) fn tick(&mut self, now: Instant, shared: &mut Shared) {
        let limit = shared.silence;
        let all = self.participants.iter_mut();
        let silent: Vec<Seat> = all
            .filter_map(|(seat, it)| it.is_silent(limit, now).then_some(*seat))
            .collect();
        for seat in silent {
            self.put_out(seat, OutReason::Silent, now, shared);
        }
        let seats: Vec<Seat> = self.participants.keys().copied().collect();
        for seat in seats {
            ask_key_frames(self, seat, now, shared);
        }
        shared.wake_room(self.key, now + LOOK.min(limit));
    }

    /// Takes in what a connection told.
    pub(crate) fn take_in(&mut self, from: PeerKey, event: PeerEvent, now: Instant, shared: &mut Shared) {
        // From a connection that was replaced or closed meanwhile.
        if from.room != self.key || self.peer(from).is_none() {
            return;
        }
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        match event {
            PeerEvent::Packet(packet) => forward(self, from.seat, &packet, now, shared),
            PeerEvent::Proven(address) => {
                participant.heard(now);
                shared.demux.prove(address, from);
            }
            PeerEvent::Connected => self.connected(from, now, shared),
            PeerEvent::Closed => self.closed(from, now, shared),
            PeerEvent::Nacks(more) => match from.side {
                Side::Up => shared.counters.nacks_out += more,
                Side::Down => shared.counters.nacks_in += more,
            },
            PeerEvent::KeyFrameAsked(mid) => {
                shared.counters.key_frames_asked += 1;
                let feed = participant.down.as_ref().and_then(|down| down.feed_of(mid));
                let Some((seat, source)) = feed.map(|feed| (feed.seat, feed.source)) else {
                    return;
                };
                if let Some(track) = self.track_mut(seat, source) {
                    track.keyframes.want();
                    ask_key_frames(self, seat, now, shared);
                }
            }
            PeerEvent::SenderReport { mid, at, ntp, time } => {
                participant.clock.report(ntp, at);
                let source = participant.up.as_ref().and_then(|up| up.source_of(mid));
                if let Some(track) = source.and_then(|source| participant.tracks.get_mut(&source)) {
                    track.report = Some(Report { ntp, time });
                }
            }
        }
    }

    fn connected(&mut self, from: PeerKey, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        participant.heard(now);
        tracing::info!(room = %self.id, participant = %participant.id, side = ?from.side, "connected");
        match from.side {
            Side::Up => {
                if let Some(up) = participant.up.as_mut() {
                    up.is_connected = true;
                }
                ask_key_frames(self, from.seat, now, shared);
            }
            Side::Down => {
                if let Some(down) = participant.down.as_mut() {
                    down.connected();
                }
                self.connect_feeds(from.seat, now, shared);
            }
        }
    }

    fn closed(&mut self, from: PeerKey, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&from.seat) else {
            return;
        };
        tracing::info!(room = %self.id, participant = %participant.id, side = ?from.side, "closed by its client");
        participant.closed = Some(from.side);
        match from.side {
            Side::Up => {
                if let Some(up) = participant.up.take() {
                    shared.close(up.peer, now);
                }
                participant.tracks.clear();
                self.refresh_others(from.seat, now, shared);
            }
            Side::Down => self.drop_down(from.seat, now, shared),
        }
    }

    fn drop_down(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        if let Some(down) = self.participants.get_mut(&seat).and_then(|it| it.down.take()) {
            shared.close(down.into_peer(), now);
        }
        self.list_subscribers(seat);
    }

    fn joined(&self, participant: &ParticipantId, fresh: bool) -> AnswerBody {
        AnswerBody::Joined {
            room: self.id.clone(),
            participant: participant.clone(),
            fresh,
        }
    }

    /// Takes a participant out, tells it why, and tells the others.
    pub(crate) fn put_out(&mut self, seat: Seat, reason: OutReason, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.remove(seat, now, shared) else {
            return;
        };
        for other in self.participants.values() {
            let told = AnswerBody::Left {
                room: self.id.clone(),
                participant: other.id.clone(),
                who: participant.id.clone(),
            };
            shared.tell(other.connection, told);
        }
        self.say_goodbye(participant, reason, now, shared);
    }

    /// Takes a participant and its tracks out.
    fn remove(&mut self, seat: Seat, now: Instant, shared: &mut Shared) -> Option<Participant> {
        self.drop_down(seat, now, shared);
        let mut participant = self.participants.remove(&seat)?;
        if let Some(up) = participant.up.take() {
            shared.close(up.peer, now);
        }
        self.refresh_others(seat, now, shared);
        Some(participant)
    }

    fn say_goodbye(&self, mut gone: Participant, reason: OutReason, now: Instant, shared: &mut Shared) {
        tracing::info!(room = %self.id, participant = %gone.id, ?reason, "is out");
        if let Some(up) = gone.up.take() {
            shared.close(up.peer, now);
        }
        if let Some(down) = gone.down.take() {
            shared.close(down.into_peer(), now);
        }
        let body = AnswerBody::Out {
            room: self.id.clone(),
            participant: gone.id,
            reason,
        };
        shared.tell(gone.connection, body);
    }
}
