//! The network between clients and the SFU, and signaling.
//!
//! Invariant: time and loss are decided by the test and its seed. (What the connections draw themselves, such
//! as sources and secrets, isn't: no test depends on a particular draw.)

mod flow;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use impair::{Pipe, Random};
use media_server::core::{ConnectionId, Request, Settings, Sfu, Spill, Transport, WallClock, WorkerIndex};
use protocol::control::{AnswerBody, NodeFrame};
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, RoomRole};
use protocol::ids::{OfficeId, ParticipantId, RoomId};
use protocol::problem::Problem;
use protocol::signal::{PublishTrack, SubscribedTrack, TrackView};
use str0m::Candidate;
use str0m::change::SdpAnswer;
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
}

pub fn room() -> RoomId {
    RoomId::new("room-1").unwrap()
}
