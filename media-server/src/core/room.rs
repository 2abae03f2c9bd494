//! One room: who is in it, and what each may see of the others.
//!
//! Invariant: after every change each participant that may subscribe is shown, or has been offered, or will
//! be offered after its next answer, exactly the tracks of all others; a track's list of subscribers holds
//! exactly the live sections that show it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::control::{AnswerBody, OutReason};
use protocol::grants::{Encryption, MediaGrant, MediaSource};
use protocol::ids::{ParticipantId, RoomId};
use protocol::problem::Problem;
use protocol::signal::TrackView;

use super::data::Traffic;
use super::down::AnswerError;
use super::engine::Peer;
use super::forward::{Batch, ask_key_frames};
use super::layers::Track;
use super::participant::Participant;
use super::publish::{bad_sdp, not_granted};
use super::sfu::{Asker, Shared};
use super::spill::{Home, Part};
use super::{PeerKey, RoomKey, Seat, Side};

/// How often a room looks after its links, and how often one in which nothing is sent does.
const LOOK: Duration = Duration::from_millis(200);
const LOOK_WHILE_QUIET: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) key: RoomKey,
    pub(crate) id: RoomId,
    /// Which codecs its connections offer follows from it.
    pub(super) encryption: Encryption,
    pub(crate) participants: BTreeMap<Seat, Participant>,
    /// The layers of which packets wait to be sent on.
    pub(crate) batches: Vec<Batch>,
    /// Who was last told to speak.
    pub(super) speakers: Vec<ParticipantId>,
    pub(super) judged_at: Option<Instant>,
    pub(super) part: Part,
    pub(super) traffic: Traffic,
    next_seat: Seat,
}

impl Room {
    pub(crate) fn new(key: RoomKey, id: RoomId, encryption: Encryption) -> Self {
        Self {
            key,
            id,
            encryption,
            participants: BTreeMap::new(),
            batches: Vec::new(),
            speakers: Vec::new(),
            judged_at: None,
            part: Part::Home(Home::default()),
            traffic: Traffic::default(),
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

    /// Moves a connection's time on.
    pub(crate) fn tick_peer(&mut self, key: PeerKey, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&key.seat) else {
            return;
        };
        match key.side {
            Side::Down => {
                if let Some(down) = participant.down.as_mut() {
                    down.tick(now, &mut shared.drain);
                    shared.wake_down(down);
                }
            }
            Side::Up => {
                if let Some(up) = participant.up.as_mut() {
                    if up.peer.deadline() <= now {
                        up.peer.tick(now, &mut shared.drain);
                    }
                    shared.wake_peer(&up.peer);
                }
            }
        }
    }

    pub(super) fn track(&self, seat: Seat, source: MediaSource) -> Option<&Track> {
        self.participants.get(&seat)?.tracks.get(&source)
    }

    /// Whether nobody is in it, on whichever worker.
    pub(super) fn is_empty(&self) -> bool {
        let is_here = self.participants.values().any(|it| !it.is_elsewhere);
        !is_here && !matches!(&self.part, Part::Home(home) if !home.is_alone())
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
        if grant.encryption != self.encryption {
            let problem = Problem::new(409, "encryption-mismatch", "この部屋の暗号化の設定と合いません")
                .with_detail("入室の許可にある暗号化の設定が、先に入った方のものと異なります。".to_owned())
                .with_field("encryption");
            return shared.refuse(to, problem);
        }
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
        let before = known.and_then(|seat| self.remove(seat, now, shared));
        let id = grant.participant.clone();
        let mut participant = Participant::new(grant, Some(to.connection), now);
        if let (Some(data), Some(before)) = (participant.data.as_mut(), before.and_then(|it| it.data)) {
            data.inherit(before);
        }
        let seat = self.seat(participant, now, shared);
        shared.answer(to, self.joined(&id, true));
        self.refresh(seat, now, shared);
    }

    /// Gives somebody new a seat.
    pub(super) fn seat(&mut self, participant: Participant, now: Instant, shared: &mut Shared) -> Seat {
        tracing::info!(room = %self.id, participant = %participant.id, "joins");
        shared.wake_room(self.key, now + LOOK);
        self.take_seat(participant)
    }

    pub(super) fn take_seat(&mut self, participant: Participant) -> Seat {
        self.next_seat += 1;
        self.participants.insert(self.next_seat, participant);
        self.next_seat
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
        if let Some(down) = participant.down.as_mut() {
            // An ICE restart that the client has agreed to gave the connection a new name.
            let name = down.peer().ufrag();
            shared.demux.name(down.peer().key(), name, now);
        }
        self.connect_feeds(seat, now, shared);
        self.refresh(seat, now, shared);
    }

    /// A participant says how tall it shows what it receives.
    pub(crate) fn view(&mut self, to: Asker, seat: Seat, views: Vec<TrackView>, now: Instant, shared: &mut Shared) {
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        participant.heard(now);
        participant.views = views.into_iter().map(|it| (it.track.clone(), it)).collect();
        shared.answer(to, AnswerBody::Ok);
        self.share_out(seat, now, shared);
        let seats: Vec<Seat> = self.participants.keys().copied().filter(|it| *it != seat).collect();
        for publisher in seats {
            self.look_at_layers(publisher, now, shared);
        }
    }

    /// A participant's *down* connection is to be offered with new ICE credentials.
    pub(crate) fn restart(&mut self, to: Asker, seat: Seat, now: Instant, shared: &mut Shared) {
        if let Some(participant) = self.participants.get_mut(&seat) {
            participant.heard(now);
            if let Some(down) = participant.down.as_mut() {
                down.restart();
            }
        }
        shared.answer(to, AnswerBody::Ok);
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
        if changed {
            self.muting_changed(seat, source, muted, now, shared);
        }
    }

    /// Tells the others, and lets them begin anew with a key frame.
    pub(super) fn muting_changed(
        &mut self,
        seat: Seat,
        source: MediaSource,
        muted: bool,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(participant) = self.participants.get_mut(&seat) else {
            return;
        };
        let by = participant.id.clone();
        let subscribers = match participant.tracks.get_mut(&source) {
            Some(track) => {
                for layer in track.layers.iter_mut().filter(|layer| !layer.subscribers.is_empty()) {
                    layer.keyframes.want();
                }
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
            self.departs(&participant);
            self.say_goodbye(participant, reason, now, shared);
        }
    }

    /// Looks for the silent, after links and layers, and asks for key frames that are due.
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
            self.share_out(seat, now, shared);
            self.look_at_layers(seat, now, shared);
            ask_key_frames(self, seat, now, shared);
        }
        self.tick_data(now, shared);
        self.tell_signs(now, shared);
        self.tell_branches(shared);
        let mut layers = self
            .participants
            .values()
            .flat_map(|it| it.tracks.values())
            .flat_map(|it| &it.layers);
        let is_quiet = !layers.any(|layer| layer.rate.is_running(now));
        let look = if is_quiet { LOOK_WHILE_QUIET } else { LOOK };
        shared.wake_room(self.key, now + look.min(limit));
    }

    pub(super) fn drop_down(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        if let Some(participant) = self.participants.get_mut(&seat)
            && let Some(down) = participant.down.take()
        {
            shared.close(down.into_peer(), now);
            if let Some(data) = participant.data.as_mut() {
                data.down_closed();
            }
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
        self.tell_left(&participant.id, shared);
        self.say_goodbye(participant, reason, now, shared);
    }

    pub(super) fn tell_left(&self, who: &ParticipantId, shared: &mut Shared) {
        for other in self.participants.values() {
            let told = AnswerBody::Left {
                room: self.id.clone(),
                participant: other.id.clone(),
                who: who.clone(),
            };
            shared.tell(other.connection, told);
        }
    }

    fn departs(&mut self, participant: &Participant) {
        if let Part::Branch(branch) = &mut self.part
            && !participant.is_elsewhere
        {
            branch.departed.push(participant.id.clone());
        }
    }

    /// Takes a participant and its tracks out.
    pub(super) fn remove(&mut self, seat: Seat, now: Instant, shared: &mut Shared) -> Option<Participant> {
        self.drop_down(seat, now, shared);
        let mut participant = self.participants.remove(&seat)?;
        self.departs(&participant);
        if let Some(up) = participant.up.take() {
            shared.close(up.peer, now);
        }
        // Of many who only watch, each may go without the others' being looked through.
        if !participant.tracks.is_empty() {
            self.refresh_others(seat, now, shared);
        }
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
