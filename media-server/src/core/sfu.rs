//! The entry of the core: datagrams, requests and time go in, datagrams and frames come out.
//!
//! Invariant: after [`Sfu::flush`] all that the calls before it caused lies ready in [`Sfu::poll_frame`] and
//! [`Sfu::outbox`], and [`Sfu::next_timeout`] says when time alone will cause more.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::control::{AnswerBody, DRAINING, KICKED, NodeFrame, OutReason};
use protocol::grants::MediaGrant;
use protocol::ids::{ParticipantId, RoomId};
use protocol::problem::Problem;

use super::clock::WallClock;
use super::counters::{Counters, DropReason};
use super::demux::{Demux, is_media};
use super::down::Down;
use super::engine::{Drain, Engine, Peer, PeerKind};
use super::forward::fan_out;
use super::kicked::Kicked;
use super::outbox::Outbox;
use super::relay::{Relay, Spill, WorkerIndex};
use super::room::Room;
use super::spill::Part;
use super::timers::Timers;
use super::{ConnectionId, MAX_DATAGRAM, PeerKey, Remote, Request, RoomKey, Seat, Side};

/// What an SFU is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses told to browsers for UDP; datagrams come to and leave from these.
    pub addresses: Vec<SocketAddr>,
    /// Addresses told to browsers where they may connect by TCP; none: they can't.
    pub tcp_addresses: Vec<SocketAddr>,
    /// A participant unheard for so long is out.
    pub silence: Duration,
    /// What sender reports say the time is.
    pub clock: WallClock,
    /// When rooms spill over to other workers.
    pub spill: Spill,
}

/// Rooms behind one socket.
#[derive(Debug)]
pub struct Sfu {
    pub(super) rooms: BTreeMap<RoomKey, Room>,
    pub(super) names: HashMap<RoomId, RoomKey>,
    next_room: RoomKey,
    pub(super) kicked: Kicked,
    is_draining: bool,
    pub(super) shared: Shared,
}

/// What all rooms use.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) demux: Demux,
    pub(crate) drain: Drain,
    pub(crate) counters: Counters,
    pub(crate) silence: Duration,
    pub(crate) clock: WallClock,
    pub(crate) spill: Spill,
    /// To other workers. Bounded as `frames`.
    pub(super) relays: VecDeque<(WorkerIndex, Relay)>,
    /// Rooms in which packets wait to be sent on.
    waiting: Vec<RoomKey>,
    /// To signaling. Bounded by what one input can cause (some frames a participant): the shell empties it
    /// after every input.
    frames: VecDeque<(ConnectionId, NodeFrame)>,
    timers: Timers<TimerKey>,
    next_epoch: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum TimerKey {
    Room(RoomKey),
    Peer(PeerKey),
}

impl Shared {
    /// A new connection for a participant.
    pub(crate) fn peer(&mut self, room: RoomKey, kind: PeerKind, (seat, side): (Seat, Side), now: Instant) -> Peer {
        self.next_epoch = self.next_epoch.wrapping_add(1);
        let key = PeerKey {
            room,
            seat,
            side,
            epoch: self.next_epoch,
        };
        let mut peer = self.engine.peer(key, kind, now);
        self.demux.name(key, peer.ufrag(), now);
        self.wake_peer(&peer);
        peer
    }

    /// Ends a connection; its last words are sent.
    pub(crate) fn close(&mut self, mut peer: Peer, now: Instant) {
        peer.close(now, &mut self.drain);
        self.drain.touched.retain(|(key, _)| *key != peer.key());
        self.demux.forget(peer.key());
        self.timers.forget(TimerKey::Peer(peer.key()));
    }

    /// Has a connection woken when it wants.
    pub(crate) fn wake_peer(&mut self, peer: &Peer) {
        self.timers.ask(TimerKey::Peer(peer.key()), peer.deadline());
    }

    /// Has a *down* connection woken when something of it is due.
    pub(crate) fn wake_down(&mut self, down: &mut Down) {
        if let Some(deadline) = down.earlier_deadline() {
            self.timers.ask(TimerKey::Peer(down.peer().key()), deadline);
        }
    }

    /// Has a room woken.
    pub(crate) fn wake_room(&mut self, room: RoomKey, at: Instant) {
        self.timers.ask(TimerKey::Room(room), at);
    }

    /// Tells news to a connection of signaling; without one nobody is told, and the next one is told all.
    pub(crate) fn tell(&mut self, connection: Option<ConnectionId>, body: AnswerBody) {
        if let Some(connection) = connection {
            self.frames.push_back((connection, NodeFrame { id: None, body }));
        }
    }

    /// Tells another worker.
    pub(super) fn relay(&mut self, to: WorkerIndex, relay: Relay) {
        self.relays.push_back((to, relay));
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, to: Asker, body: AnswerBody) {
        let frame = NodeFrame {
            id: Some(to.request),
            body,
        };
        self.frames.push_back((to.connection, frame));
    }

    /// Refuses a request.
    pub(crate) fn refuse(&mut self, to: Asker, problem: Problem) {
        self.answer(to, AnswerBody::Error { problem });
    }
}

/// Who asked, and what the answer is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) connection: ConnectionId,
    pub(crate) request: u64,
}

impl Sfu {
    /// Without rooms.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            rooms: BTreeMap::new(),
            names: HashMap::new(),
            next_room: 0,
            kicked: Kicked::default(),
            is_draining: false,
            shared: Shared {
                engine: Engine::new(settings.addresses, settings.tcp_addresses),
                demux: Demux::default(),
                drain: Drain::default(),
                counters: Counters::default(),
                silence: settings.silence,
                clock: settings.clock,
                spill: settings.spill,
                relays: VecDeque::new(),
                waiting: Vec::new(),
                frames: VecDeque::new(),
                timers: Timers::new(),
                next_epoch: 0,
            },
        }
    }

    /// A datagram came to one of our addresses.
    pub fn handle_datagram(&mut self, source: Remote, destination: SocketAddr, bytes: &[u8], now: Instant) {
        let counters = &mut self.shared.counters;
        counters.datagrams_in += 1;
        counters.bytes_in += bytes.len() as u64;
        if bytes.len() > MAX_DATAGRAM {
            return counters.dropped(DropReason::Oversize);
        }
        let Some(key) = self.shared.demux.find(source, bytes) else {
            return counters.dropped(DropReason::Stranger);
        };
        let Some(room) = self.rooms.get_mut(&key.room) else {
            return counters.dropped(DropReason::Stranger);
        };
        if key.side == Side::Down && is_media(bytes) {
            if !room.receive_report(key, bytes, now, &mut self.shared) {
                self.shared.counters.dropped(DropReason::Garbage);
            }
            return;
        }
        let Some(peer) = room.peer(key) else {
            return counters.dropped(DropReason::Stranger);
        };
        if peer.is_overheard(source, bytes) {
            return self.shared.counters.dropped(DropReason::Stranger);
        }
        if !peer.receive(source, destination, bytes, now, &mut self.shared.drain) {
            self.shared.counters.dropped(DropReason::Garbage);
        }
        self.settle(key.room, now);
    }

    /// Signaling asks. Exactly one frame with the request's id answers it.
    pub fn handle_request(&mut self, connection: ConnectionId, id: u64, request: Request, now: Instant) {
        let to = Asker {
            connection,
            request: id,
        };
        let Some(request) = self.pass_on(to, request, now) else {
            return;
        };
        match request {
            Request::Join { grant, has_connections } => self.enter(to, grant, now, |room, grant, now, shared| {
                room.join(to, grant, has_connections, now, shared);
            }),
            Request::Ingest { grant, sdp } => self.enter(to, grant, now, |room, grant, now, shared| {
                room.ingest(to, grant, &sdp, now, shared);
            }),
            Request::Watch { grant, sdp } => self.enter(to, grant, now, |room, grant, now, shared| {
                room.watch(to, grant, &sdp, now, shared);
            }),
            Request::Ice {
                room,
                participant,
                restart,
            } => self.in_room(to, &room, &participant, now, |room, seat, now, shared| {
                room.ice(to, seat, restart.as_ref(), now, shared);
            }),
            Request::Publish {
                room,
                participant,
                sdp,
                tracks,
            } => self.in_room(to, &room, &participant, now, |room, seat, now, shared| {
                room.publish(to, seat, &sdp, &tracks, now, shared);
            }),
            Request::Answer {
                room,
                participant,
                revision,
                sdp,
            } => self.in_room(to, &room, &participant, now, |room, seat, now, shared| {
                room.accept_answer(to, seat, revision, &sdp, now, shared);
            }),
            Request::Mute {
                room,
                participant,
                source,
                muted,
            } => self.in_room(to, &room, &participant, now, |room, seat, now, shared| {
                room.mute(to, seat, source, muted, now, shared);
            }),
            Request::View {
                room,
                participant,
                tracks,
            } => self.in_room(to, &room, &participant, now, |room, seat, now, shared| {
                room.view(to, seat, tracks, now, shared);
            }),
            Request::Restart { room, participant } => {
                self.in_room(to, &room, &participant, now, |room, seat, now, shared| {
                    room.restart(to, seat, now, shared);
                });
            }
            Request::Leave { room, participant } => self.put_out(to, &room, &participant, OutReason::Left, now),
            Request::Kick { room, participant } => self.kick(to, room, participant, now),
            Request::CloseRoom { room } => self.close_room(to, &room, now),
        }
    }

    /// Time went by. Flushes.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.flush(now);
        while let Some(key) = self.shared.timers.take_due(now) {
            match key {
                TimerKey::Room(key) => {
                    if let Some(room) = self.rooms.get_mut(&key) {
                        room.tick(now, &mut self.shared);
                    }
                    self.settle(key, now);
                }
                TimerKey::Peer(key) => {
                    let Some(room) = self.rooms.get_mut(&key.room) else {
                        continue;
                    };
                    if room.peer(key).is_some() {
                        room.tick_peer(key, now, &mut self.shared);
                    }
                    self.settle(key.room, now);
                }
            }
        }
    }

    /// A connection of signaling is gone. Rooms go on; who was told by it is told again when it re-joins.
    pub fn connection_closed(&mut self, connection: ConnectionId) {
        for participant in self.rooms.values_mut().flat_map(|room| room.participants.values_mut()) {
            if participant.connection == Some(connection) {
                participant.connection = None;
            }
        }
    }

    /// Takes no new rooms from now on. Those that are open go on, and take in who comes.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Ends every room: the node is going down.
    pub fn close(&mut self, reason: OutReason, now: Instant) {
        let keys: Vec<RoomKey> = self.rooms.keys().copied().collect();
        for key in keys {
            if let Some(room) = self.rooms.get_mut(&key) {
                room.close(reason, now, &mut self.shared);
            }
            self.settle(key, now);
        }
    }

    /// Sends on what came by the datagrams since the last time: to be called after each batch of them.
    pub fn flush(&mut self, now: Instant) {
        while let Some(key) = self.shared.waiting.pop() {
            if let Some(room) = self.rooms.get_mut(&key) {
                fan_out(room, now, &mut self.shared);
            }
            self.settle(key, now);
        }
    }

    /// What signaling is to be told next, and by which connection.
    pub fn poll_frame(&mut self) -> Option<(ConnectionId, NodeFrame)> {
        self.shared.frames.pop_front()
    }

    /// What is to be sent; whoever sends it empties it.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.shared.drain.outbox
    }

    /// What was taken from the outbox counts as sent.
    pub fn count_sent(&mut self, datagrams: u64, bytes: u64) {
        self.shared.counters.datagrams_out += datagrams;
        self.shared.counters.bytes_out += bytes;
    }

    /// A batch of media for another worker was lost: that one has too much to do.
    pub fn count_lost_between_workers(&mut self) {
        self.shared.counters.dropped(DropReason::WorkerFull);
    }

    /// When [`Sfu::handle_timeout`] wants to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.shared.timers.next()
    }

    /// What happened so far, and what is there now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let all = || self.rooms.values().flat_map(|room| room.participants.values());
        // Who is elsewhere is counted there, and so is a room.
        let participants = || all().filter(|it| !it.is_elsewhere);
        let homes = self.rooms.values().filter_map(|room| match &room.part {
            Part::Home(home) => Some(home),
            Part::Branch(_) => None,
        });
        let mut counters = self.shared.counters;
        (counters.rooms, counters.spilled) = homes.fold((0, 0), |(rooms, spilled), home| {
            (rooms + 1, spilled + home.placed() as u64)
        });
        counters.participants = participants().count() as u64;
        counters.tracks = participants().map(|it| it.tracks.len() as u64).sum();
        for participant in participants() {
            if let Some(quality) = participant.health.told() {
                counters.qualities[quality as usize] += 1;
            }
            let Some(down) = participant.down.as_ref() else {
                continue;
            };
            counters.held_back += down.held_back();
            if let Some(bps) = down.egress.estimate_bps() {
                counters.count_link(bps);
            }
        }
        counters
    }

    /// Somebody comes to a room, which opens when it is the first.
    fn enter(
        &mut self,
        to: Asker,
        grant: MediaGrant,
        now: Instant,
        act: impl FnOnce(&mut Room, MediaGrant, Instant, &mut Shared),
    ) {
        if self.kicked.has(&grant.room, &grant.participant, now) {
            let problem = Problem::new(403, KICKED, "この部屋には入れません")
                .with_detail("退室の扱いになったため、この許可では入室できません。")
                .with_field("token");
            return self.shared.refuse(to, problem);
        }
        if self.is_draining && !self.names.contains_key(&grant.room) {
            let problem = Problem::new(503, DRAINING, "このノードは新しい部屋を受け付けていません")
                .with_detail("まもなく終了するノードです。別のノードで入室してください。");
            return self.shared.refuse(to, problem);
        }
        let known = self.names.get(&grant.room).copied();
        let key = known.unwrap_or_else(|| self.next_key());
        self.names.insert(grant.room.clone(), key);
        let room = self.rooms.entry(key).or_insert_with(|| {
            tracing::info!(room = %grant.room, "a room opens");
            Room::new(key, grant.room.clone(), grant.encryption)
        });
        act(room, grant, now, &mut self.shared);
        room.tell_branches(&mut self.shared);
        self.settle(key, now);
    }

    pub(super) fn next_key(&mut self) -> RoomKey {
        self.next_room += 1;
        self.next_room
    }

    fn kick(&mut self, to: Asker, room: RoomId, participant: ParticipantId, now: Instant) {
        self.put_out(to, &room, &participant, OutReason::Kicked, now);
        self.kicked.put(room, participant, now);
    }

    fn put_out(&mut self, to: Asker, room: &RoomId, participant: &ParticipantId, reason: OutReason, now: Instant) {
        // Whoever isn't there is out.
        self.shared.answer(to, AnswerBody::Ok);
        let Some(key) = self.names.get(room).copied() else {
            return;
        };
        if let Some(room) = self.rooms.get_mut(&key)
            && let Some(seat) = room.seat_of(participant)
        {
            room.put_out(seat, reason, now, &mut self.shared);
            room.tell_branches(&mut self.shared);
        }
        self.settle(key, now);
    }

    fn close_room(&mut self, to: Asker, room: &RoomId, now: Instant) {
        self.shared.answer(to, AnswerBody::Ok);
        let Some(key) = self.names.get(room).copied() else {
            return;
        };
        if let Some(room) = self.rooms.get_mut(&key) {
            room.close(OutReason::RoomClosed, now, &mut self.shared);
        }
        self.settle(key, now);
    }

    fn in_room(
        &mut self,
        to: Asker,
        room: &RoomId,
        participant: &ParticipantId,
        now: Instant,
        act: impl FnOnce(&mut Room, Seat, Instant, &mut Shared),
    ) {
        let key = self.names.get(room).copied();
        let found = key.and_then(|key| {
            let room = self.rooms.get_mut(&key)?;
            let seat = room.seat_of(participant)?;
            Some((key, room, seat))
        });
        let Some((key, room, seat)) = found else {
            let problem = Problem::new(404, "not-in-room", "この参加者は入室していません").with_detail(format!(
                "部屋 {room} に参加者 {participant} がいません。先に入室してください。"
            ));
            return self.shared.refuse(to, problem);
        };
        act(room, seat, now, &mut self.shared);
        room.tell_branches(&mut self.shared);
        self.settle(key, now);
    }

    /// Lets a room take in what its connections told; closes it when nobody is in it.
    pub(super) fn settle(&mut self, key: RoomKey, now: Instant) {
        let Some(room) = self.rooms.get_mut(&key) else {
            return;
        };
        while let Some((from, event)) = self.shared.drain.events.pop_front() {
            room.take_in(from, event, now, &mut self.shared);
        }
        for (key, deadline) in self.shared.drain.touched.drain(..) {
            self.shared.timers.ask(TimerKey::Peer(key), deadline);
        }
        let pending = room.batches.len();
        if pending > 0 && self.shared.waiting.last() != Some(&key) && !self.shared.waiting.contains(&key) {
            self.shared.waiting.push(key);
        }
        room.report_departed(&mut self.shared);
        if room.is_empty() {
            tracing::info!(room = %room.id, "a room closes");
            self.names.remove(&room.id);
            self.rooms.remove(&key);
            self.shared.timers.forget(TimerKey::Room(key));
        }
    }
}
