//! The network between clients and the SFU, and signaling.
//!
//! Invariant: time and loss are decided by the test and its seed. (What the connections draw themselves, such
//! as sources and secrets, isn't: no test depends on a particular draw.)

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use impair::{Exits, Pipe, Random};
use media_server::core::{ConnectionId, Remote, Request, Settings, Sfu, Spill, Transport, WallClock, WorkerIndex};
use protocol::control::{AnswerBody, NodeFrame};
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, RoomRole};
use protocol::ids::{OfficeId, ParticipantId, RoomId};
use protocol::problem::Problem;
use protocol::signal::{PublishTrack, SubscribedTrack, TrackView};
use str0m::Candidate;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid, Simulcast, SimulcastLayer};

use crate::camera::{Camera, Layer};
use crate::chat::Chat;
use crate::client::{Client, Encoder, Link};
use crate::svc_camera::SvcCamera;

pub const MS: Duration = Duration::from_millis(1);
pub const SILENCE: Duration = Duration::from_secs(20);
pub const SIGNALING: ConnectionId = ConnectionId(1);

pub fn server() -> SocketAddr {
    "192.0.2.1:7000".parse().unwrap()
}

/// Where a worker's media comes: the first one's is [`server`].
fn worker_at(worker: WorkerIndex) -> SocketAddr {
    SocketAddr::new(server().ip(), server().port() + worker as u16)
}

/// A datagram on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wire {
    pub transport: Transport,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

pub struct World {
    pub start: Instant,
    pub now: Instant,
    pub sfu: Sfu,
    /// The node's other workers.
    pub more: Vec<Sfu>,
    pub clients: BTreeMap<String, Client>,
    pub frames: Vec<(ConnectionId, NodeFrame)>,
    /// The share of datagrams that get lost, each way.
    pub loss: f64,
    pub delay: Duration,
    /// Each client's own link, toward it and from it, by the thousands of its ports.
    pub toward: BTreeMap<u16, Pipe>,
    pub from: BTreeMap<u16, Pipe>,
    /// All that came to the SFU, when kept.
    pub tape: Option<Vec<Wire>>,
    /// What one worker sends to another doesn't arrive.
    pub loses_relayed_media: bool,
    /// Of the rooms that are entered.
    pub encryption: Encryption,
    wires: BinaryHeap<Reverse<(Instant, u64, Wire)>>,
    sent: u64,
    random: Random,
    request: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let start = Instant::now();
        let mut workers = World::workers(start, Spill::NEVER);
        Self {
            start,
            now: start,
            sfu: workers.remove(0),
            more: workers,
            clients: BTreeMap::new(),
            frames: Vec::new(),
            loss: 0.0,
            delay: 10 * MS,
            toward: BTreeMap::new(),
            from: BTreeMap::new(),
            tape: None,
            loses_relayed_media: false,
            encryption: Encryption::Off,
            wires: BinaryHeap::new(),
            sent: 0,
            random: Random::new(seed),
            request: 0,
        }
    }

    /// With so many workers, and rooms that spill after so many participants.
    pub fn with_workers(seed: u64, workers: usize, after: usize) -> Self {
        let mut world = Self::new(seed);
        let spill = Spill {
            worker: 0,
            workers,
            after,
        };
        world.more = Self::workers(world.start, spill);
        world.sfu = world.more.remove(0);
        world
    }

    fn workers(start: Instant, spill: Spill) -> Vec<Sfu> {
        let worker = |worker| {
            Sfu::new(Settings {
                addresses: vec![worker_at(worker)],
                tcp_addresses: vec![worker_at(worker)],
                silence: SILENCE,
                clock: WallClock::new(start, SystemTime::now()),
                spill: Spill { worker, ..spill },
            })
        };
        (0..spill.workers).map(worker).collect()
    }

    fn worker(&mut self, worker: WorkerIndex) -> &mut Sfu {
        match worker {
            0 => &mut self.sfu,
            more => &mut self.more[more - 1],
        }
    }

    pub fn grant(name: &str, publish: &[MediaSource]) -> MediaGrant {
        MediaGrant {
            office: OfficeId::new("minami").unwrap(),
            room: room(),
            participant: ParticipantId::new(name).unwrap(),
            role: RoomRole::Guest,
            publish: publish.to_vec(),
            subscribe: true,
            data: DataGrant::None,
            encryption: Encryption::Off,
        }
    }

    /// Sends a request and gives its answer.
    pub fn ask(&mut self, connection: ConnectionId, request: Request) -> AnswerBody {
        self.request += 1;
        let id = self.request;
        let before = self.frames.len();
        self.sfu.handle_request(connection, id, request, self.now);
        self.collect();
        let answer = self.frames[before..].iter().find(|(_, frame)| frame.id == Some(id));
        let body = answer.expect("every request is answered").1.body.clone();
        self.deliver_frames(before);
        body
    }

    pub fn join_with(&mut self, grant: MediaGrant) -> AnswerBody {
        let name = grant.participant.to_string();
        let port = 1000 * (self.clients.len() as u16 + 1);
        let client = Client::new(grant.participant.clone(), port);
        self.clients.entry(name).or_insert(client);
        self.join_again(SIGNALING, grant, false)
    }

    /// Joins as a client that may still have its connections.
    pub fn join_again(&mut self, connection: ConnectionId, grant: MediaGrant, has_connections: bool) -> AnswerBody {
        self.ask(connection, Request::Join { grant, has_connections })
    }

    /// Joins and publishes `sources`.
    pub fn enter(&mut self, name: &str, sources: &[MediaSource]) {
        let mut grant = Self::grant(name, sources);
        grant.encryption = self.encryption;
        let joined = self.join_with(grant);
        assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
        if !sources.is_empty() {
            self.publish(name, sources).expect("published");
        }
    }

    /// Joins and publishes a camera with layers, and a microphone.
    pub fn enter_with_camera(&mut self, name: &str, layers: Vec<Layer>) {
        let sources = [MediaSource::Camera, MediaSource::Microphone];
        let joined = self.join_with(Self::grant(name, &sources));
        assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
        let now = self.now;
        let client = self.client(name);
        let mut link = Link::new(client.address(), Transport::Udp, now);
        let mut simulcast = Simulcast::new();
        for rid in layers.iter().filter_map(|it| it.rid) {
            simulcast.add_send_layer(SimulcastLayer::new(&rid));
        }
        let has_layers = layers.iter().any(|it| it.rid.is_some());
        let mut changes = link.rtc.sdp_api();
        let stream = || Some("me".to_owned());
        let simulcast = has_layers.then_some(simulcast);
        let camera = changes.add_media(MediaKind::Video, Direction::SendOnly, stream(), None, simulcast);
        let microphone = changes.add_media(MediaKind::Audio, Direction::SendOnly, stream(), None, None);
        let (offer, pending) = changes.apply().expect("an offer");
        link.pending = Some(pending);
        link.drain(now);
        client.up = Some(link);
        client.camera = Some(Camera::new(camera, layers));
        client.encoders = vec![Encoder::new(MediaSource::Microphone, microphone)];
        let tracks = [(camera, MediaSource::Camera), (microphone, MediaSource::Microphone)];
        let request = Request::Publish {
            room: room(),
            participant: client.id.clone(),
            sdp: offer.to_sdp_string(),
            tracks: tracks
                .map(|(mid, source)| PublishTrack {
                    mid: mid.to_string(),
                    source,
                })
                .to_vec(),
        };
        self.accept_published(name, request).expect("published");
    }

    /// Joins and publishes a camera whose layers are in one stream.
    pub fn enter_with_svc_camera(&mut self, name: &str, make: impl FnOnce(Mid) -> SvcCamera) {
        let sources = [MediaSource::Camera, MediaSource::Microphone];
        self.join_with(Self::grant(name, &sources));
        self.publish(name, &sources).expect("published");
        let client = self.client(name);
        client.svc_camera = Some(make(client.encoders.remove(0).mid));
    }

    /// Offers a new *up* connection with these sources.
    pub fn publish(&mut self, name: &str, sources: &[MediaSource]) -> Result<(), Problem> {
        let now = self.now;
        let client = self.client(name);
        let address = client.address();
        let mut link = Link::new(address, client.transport, now);
        let mut changes = link.rtc.sdp_api();
        let mut encoders = Vec::new();
        for source in sources {
            let kind = if source.is_video() {
                MediaKind::Video
            } else {
                MediaKind::Audio
            };
            let mid = changes.add_media(kind, Direction::SendOnly, Some("me".into()), None, None);
            encoders.push(Encoder::new(*source, mid));
        }
        if client.chat.is_wanted {
            Chat::add_channels(&mut changes);
        }
        let (offer, pending) = changes.apply().expect("an offer");
        link.pending = Some(pending);
        link.drain(now);
        let tracks = encoders.iter().map(|it| PublishTrack {
            mid: it.mid.to_string(),
            source: it.source,
        });
        let request = Request::Publish {
            room: room(),
            participant: client.id.clone(),
            sdp: offer.to_sdp_string(),
            tracks: tracks.collect(),
        };
        client.up = Some(link);
        client.encoders = encoders;
        self.accept_published(name, request)
    }

    /// Offers its *up* connection anew, with new ICE credentials.
    pub fn restart_up(&mut self, name: &str) {
        let now = self.now;
        let client = self.client(name);
        let link = client.up.as_mut().expect("it publishes");
        let mut changes = link.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an offer");
        link.pending = Some(pending);
        link.drain(now);
        let tracks = client.encoders.iter().map(|it| PublishTrack {
            mid: it.mid.to_string(),
            source: it.source,
        });
        let request = Request::Publish {
            room: room(),
            participant: client.id.clone(),
            sdp: offer.to_sdp_string(),
            tracks: tracks.collect(),
        };
        self.accept_published(name, request).expect("published");
    }

    fn accept_published(&mut self, name: &str, request: Request) -> Result<(), Problem> {
        let now = self.now;
        match self.ask(SIGNALING, request) {
            AnswerBody::Published { sdp } => {
                let client = self.client(name);
                let link = client.up.as_mut().unwrap();
                let answer = SdpAnswer::from_sdp_string(&sdp).expect("an answer");
                link.rtc
                    .sdp_api()
                    .accept_answer(link.pending.take().unwrap(), answer)
                    .expect("fits");
                link.drain(now);
                Ok(())
            }
            AnswerBody::Error { problem } => {
                self.client(name).up = None;
                self.client(name).encoders.clear();
                Err(problem)
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn mute(&mut self, name: &str, source: MediaSource, muted: bool) -> AnswerBody {
        let participant = self.client(name).id.clone();
        self.ask(
            SIGNALING,
            Request::Mute {
                room: room(),
                participant,
                source,
                muted,
            },
        )
    }

    /// Says how tall the tracks of a publisher's camera are shown.
    pub fn view(&mut self, name: &str, whose: &str, height: u32) {
        self.view_as(name, whose, height, false);
    }

    /// The same, and whether every frame matters.
    pub fn view_as(&mut self, name: &str, whose: &str, height: u32, motion: bool) {
        let client = self.client(name);
        let is_meant = |it: &&SubscribedTrack| it.participant.as_str() == whose && it.source == MediaSource::Camera;
        let track = client
            .tracks
            .iter()
            .find(is_meant)
            .expect("a camera is shown")
            .track
            .clone();
        let request = Request::View {
            room: room(),
            participant: client.id.clone(),
            tracks: vec![TrackView { track, height, motion }],
        };
        assert_eq!(self.ask(SIGNALING, request), AnswerBody::Ok);
    }

    /// A client's *down* connection has another address from now on, and can't use the old one any more.
    pub fn move_down(&mut self, name: &str) {
        let client = self.client(name);
        let address = client.address();
        let link = client.down.as_mut().expect("a connection");
        let old = Candidate::host(std::mem::replace(&mut link.address, address), "udp").unwrap();
        link.rtc.direct_api().invalidate_candidate(&old);
        link.rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
    }

    /// A client asks for its *down* connection to be offered with new ICE credentials.
    pub fn restart(&mut self, name: &str) {
        let participant = self.client(name).id.clone();
        let request = Request::Restart {
            room: room(),
            participant,
        };
        assert_eq!(self.ask(SIGNALING, request), AnswerBody::Ok);
    }

    /// The link toward a client.
    pub fn toward(&mut self, name: &str) -> &mut Pipe {
        let pipe = self.client(name).pipe();
        self.toward.entry(pipe).or_default()
    }

    /// The link from a client.
    pub fn from(&mut self, name: &str) -> &mut Pipe {
        let pipe = self.client(name).pipe();
        self.from.entry(pipe).or_default()
    }

    pub fn leave(&mut self, name: &str) -> AnswerBody {
        let participant = ParticipantId::new(name).unwrap();
        self.ask(
            SIGNALING,
            Request::Leave {
                room: room(),
                participant,
            },
        )
    }

    pub fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).expect("a client")
    }

    /// Events for a participant, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &AnswerBody> {
        self.frames
            .iter()
            .filter(|(_, frame)| frame.id.is_none())
            .map(|(_, frame)| &frame.body)
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    /// Runs until the condition holds.
    #[track_caller]
    pub fn run_until(&mut self, what: &str, limit: Duration, mut holds: impl FnMut(&mut Self) -> bool) {
        let until = self.now + limit;
        while !holds(self) {
            assert!(self.now < until, "{what}: not within {limit:?}");
            self.step();
        }
    }

    /// Puts a datagram on the wire to the SFU.
    pub fn inject(&mut self, from: SocketAddr, bytes: Vec<u8>) {
        let source = Remote {
            transport: Transport::Udp,
            address: from,
        };
        self.sfu.handle_datagram(source, server(), &bytes, self.now);
        self.collect();
    }

    fn step(&mut self) {
        self.now += MS;
        let now = self.now;
        while self.wires.peek().is_some_and(|Reverse((at, _, _))| *at <= now) {
            let Reverse((_, _, wire)) = self.wires.pop().unwrap();
            self.arrive(wire);
        }
        for sfu in std::iter::once(&mut self.sfu).chain(&mut self.more) {
            if sfu.next_timeout().is_some_and(|at| at <= now) {
                sfu.handle_timeout(now);
            }
        }
        let before = self.frames.len();
        self.collect();
        self.deliver_frames(before);
        let ms = now.duration_since(self.start).as_millis();
        let names: Vec<String> = self.clients.keys().cloned().collect();
        for name in names {
            self.tick_client(&name, ms);
        }
    }

    fn tick_client(&mut self, name: &str, ms: u128) {
        let (start, now) = (self.start, self.now);
        let client = self.client(name);
        if let Some(link) = client.up.as_mut() {
            if link.is_connected {
                for encoder in client.encoders.iter_mut().filter(|it| it.is_running) {
                    encoder.encode(link, ms, now);
                }
                if let Some(camera) = client.camera.as_mut() {
                    camera.capture(link, start, now);
                }
                if let Some(camera) = client.svc_camera.as_mut() {
                    camera.capture(link, start, now);
                }
            }
            let events = link.drain(now);
            client.hear_up(&events, now);
        }
        client.ask_key_frames(now);
        if let Some(link) = client.down.as_mut() {
            let events = link.drain(now);
            client.hear_down(events, now);
        }
        let mut out: Vec<Wire> = Vec::new();
        for link in [client.up.as_mut(), client.down.as_mut()].into_iter().flatten() {
            out.extend(link.out.drain(..));
        }
        for wire in out {
            self.send(wire);
        }
    }

    fn arrive(&mut self, wire: Wire) {
        let now = self.now;
        if wire.to.ip() == server().ip() {
            if let Some(tape) = &mut self.tape {
                tape.push(wire.clone());
            }
            let source = Remote {
                transport: wire.transport,
                address: wire.from,
            };
            let worker = usize::from(wire.to.port() - server().port());
            self.worker(worker).handle_datagram(source, wire.to, &wire.bytes, now);
            let before = self.frames.len();
            self.collect();
            self.deliver_frames(before);
            return;
        }
        for client in self.clients.values_mut() {
            if let Some(link) = client.up.as_mut().filter(|it| it.address == wire.to) {
                let events = link.receive(&wire, now);
                client.hear_up(&events, now);
            } else if let Some(link) = client.down.as_mut().filter(|it| it.address == wire.to) {
                let events = link.receive(&wire, now);
                client.hear_down(events, now);
            }
        }
    }

    fn collect(&mut self) {
        // What one worker says may have another one say something.
        loop {
            let workers = std::iter::once(&mut self.sfu).chain(&mut self.more);
            let mut relays = Vec::new();
            for (worker, sfu) in workers.enumerate() {
                sfu.flush(self.now);
                relays.extend(std::iter::from_fn(|| sfu.poll_relay()).map(|(to, relay)| (worker, to, relay)));
            }
            if relays.is_empty() {
                break;
            }
            for (from, to, relay) in relays {
                if self.loses_relayed_media && relay.is_media() {
                    self.worker(from).count_lost_between_workers();
                    continue;
                }
                let now = self.now;
                self.worker(to).handle_relay(from, relay, now);
            }
        }
        let mut wires = Vec::new();
        for sfu in std::iter::once(&mut self.sfu).chain(&mut self.more) {
            while let Some(told) = sfu.poll_frame() {
                self.frames.push(told);
            }
            let outbox = std::mem::take(sfu.outbox());
            wires.extend(outbox.iter().map(|datagram| Wire {
                transport: datagram.path.transport,
                from: datagram.path.ours,
                to: datagram.path.theirs,
                bytes: datagram.bytes.to_vec(),
            }));
        }
        for wire in wires {
            self.send(wire);
        }
    }

    fn send(&mut self, wire: Wire) {
        if self.random.chance() < self.loss {
            return;
        }
        let (pipes, client) = if wire.to.ip() == server().ip() {
            (&mut self.from, wire.from)
        } else {
            (&mut self.toward, wire.to)
        };
        let exits = match pipes.get_mut(&(client.port() / 1000)) {
            Some(pipe) => pipe.pass(wire.bytes.len(), self.now, &mut self.random),
            None => Exits {
                at: Some(self.now),
                copy: None,
            },
        };
        for at in [exits.at, exits.copy].into_iter().flatten() {
            self.sent += 1;
            let arrival = (at + self.delay, self.sent, wire.clone());
            self.wires.push(Reverse(arrival));
        }
    }

    fn deliver_frames(&mut self, from: usize) {
        let news: Vec<AnswerBody> = self.frames[from..]
            .iter()
            .filter(|(_, frame)| frame.id.is_none())
            .map(|(_, frame)| frame.body.clone())
            .collect();
        for body in news {
            if let AnswerBody::Offer {
                participant,
                revision,
                sdp,
                tracks,
                ..
            } = body
            {
                self.answer_offer(participant.as_str(), revision, &sdp, tracks);
            }
        }
    }

    fn answer_offer(&mut self, name: &str, revision: u32, sdp: &str, tracks: Vec<SubscribedTrack>) {
        let now = self.now;
        let client = self.client(name);
        client.offers.push((revision, tracks.clone()));
        if !client.answers {
            return;
        }
        client.tracks = tracks;
        if client.down.is_none() {
            let address = client.address();
            client.down = Some(Link::new(address, client.transport, now));
        }
        let link = client.down.as_mut().unwrap();
        let offer = SdpOffer::from_sdp_string(sdp).expect("an offer");
        let answer = link.rtc.sdp_api().accept_offer(offer).expect("fits");
        let events = link.drain(now);
        client.hear_down(events, now);
        let request = Request::Answer {
            room: room(),
            participant: client.id.clone(),
            revision,
            sdp: answer.to_sdp_string(),
        };
        assert_eq!(self.ask(SIGNALING, request), AnswerBody::Ok);
    }
}

pub fn room() -> RoomId {
    RoomId::new("room-1").unwrap()
}
