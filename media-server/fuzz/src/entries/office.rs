//! A server in memory, with one publisher whose datagrams can be tampered with.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, UNIX_EPOCH};

use media_server::core::{ConnectionId, Remote, Request, Settings, Sfu, Spill, Transport, WallClock};
use protocol::control::{AnswerBody, IceCredentials};
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, RoomRole};
use protocol::ids::{OfficeId, ParticipantId, RoomId};
use protocol::signal::PublishTrack;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Rtc};

pub(super) const STRANGER: (Ipv4Addr, u16) = (Ipv4Addr::new(203, 0, 113, 66), 6666);
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 7000);
const CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 1000);
const SIGNALING: ConnectionId = ConnectionId(1);

/// How much time goes by in a step.
const STEP: Duration = Duration::from_millis(20);

/// Tracks that are taken from an offer.
const MAX_TRACKS: usize = 3;

/// Datagrams of the publisher that wait to be passed on; the oldest goes when there are more.
const MAX_WAITING: usize = 64;

fn room() -> RoomId {
    RoomId::new("room").expect("a good name")
}

fn participant(name: &str) -> ParticipantId {
    ParticipantId::new(name).expect("a good name")
}

/// Somebody who may do everything.
fn grant(name: &str) -> MediaGrant {
    MediaGrant {
        office: OfficeId::new("minami").expect("a good name"),
        room: room(),
        participant: participant(name),
        role: RoomRole::Guest,
        publish: vec![MediaSource::Camera, MediaSource::Microphone, MediaSource::Screen],
        subscribe: true,
        data: DataGrant::ToAll,
        encryption: Encryption::Off,
    }
}

/// Rooms, and nobody at the other end.
pub(super) struct Office {
    sfu: Sfu,
    now: Instant,
    request: u64,
    /// What it sends to the publisher.
    to_client: VecDeque<Vec<u8>>,
}

impl Office {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let settings = Settings {
            addresses: vec![SERVER.into()],
            tcp_addresses: Vec::new(),
            silence: Duration::from_secs(20),
            clock: WallClock::new(now, UNIX_EPOCH),
            spill: Spill::NEVER,
        };
        Self {
            sfu: Sfu::new(settings),
            now,
            request: 0,
            to_client: VecDeque::new(),
        }
    }

    pub(super) fn join(&mut self, name: &str) {
        self.ask(Request::Join {
            grant: grant(name),
            has_connections: false,
        });
    }

    pub(super) fn publish(&mut self, name: &str, sdp: &str) -> AnswerBody {
        let track = |mid: &str, source| PublishTrack {
            mid: mid.into(),
            source,
        };
        self.ask(Request::Publish {
            room: room(),
            participant: participant(name),
            sdp: sdp.into(),
            tracks: sections(sdp)
                .take(MAX_TRACKS)
                .map(|(mid, source)| track(mid, source))
                .collect(),
        })
    }

    /// A caller brings what it offers.
    pub(super) fn ingest(&mut self, sdp: &str) {
        self.ask(Request::Ingest {
            grant: grant("bringer"),
            sdp: sdp.into(),
        });
    }

    /// A caller watches.
    pub(super) fn watch(&mut self, sdp: &str) {
        self.ask(Request::Watch {
            grant: grant("watcher"),
            sdp: sdp.into(),
        });
    }

    /// Both callers come with new ICE credentials, and ask how they are called now.
    pub(super) fn restart(&mut self, credentials: IceCredentials) {
        for name in ["bringer", "watcher"] {
            for restart in [Some(credentials.clone()), None] {
                self.ask(Request::Ice {
                    room: room(),
                    participant: participant(name),
                    restart,
                });
            }
        }
    }

    pub(super) fn answer(&mut self, name: &str, sdp: &str) {
        self.ask(Request::Answer {
            room: room(),
            participant: participant(name),
            revision: 1,
            sdp: sdp.into(),
        });
    }

    /// Asks, and checks that there is exactly one answer.
    pub(super) fn ask(&mut self, request: Request) -> AnswerBody {
        self.request += 1;
        self.sfu.handle_request(SIGNALING, self.request, request, self.now);
        let mut answers = self.collect();
        assert_eq!(answers.len(), 1, "every request has one answer: {answers:?}");
        answers.remove(0)
    }

    /// Time goes by, longer than anything waits.
    pub(super) fn run(&mut self) {
        for _ in 0..4 {
            self.now += Duration::from_secs(7);
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.sfu.handle_timeout(self.now);
        assert!(
            self.sfu.next_timeout().is_none_or(|at| at > self.now),
            "it wants to be woken again and again"
        );
        self.collect();
    }

    fn receive(&mut self, source: SocketAddr, bytes: &[u8]) {
        self.sfu.handle_datagram(by_udp(source), SERVER.into(), bytes, self.now);
        self.collect();
    }

    /// Takes all that is to be done. Gives the answers to the last request.
    fn collect(&mut self) -> Vec<AnswerBody> {
        let mut answers = Vec::new();
        self.sfu.flush(self.now);
        while let Some((_, frame)) = self.sfu.poll_frame() {
            match frame.id {
                Some(id) if id == self.request => answers.push(frame.body),
                id => assert_eq!(id, None, "an answer to nothing"),
            }
        }
        let outbox = std::mem::take(self.sfu.outbox());
        for datagram in outbox.iter() {
            assert_ne!(datagram.path.theirs, STRANGER.into(), "a stranger is answered");
            self.to_client.push_back(datagram.bytes.to_vec());
        }
        answers
    }
}

/// An address that is reached by UDP.
pub(super) fn by_udp(address: SocketAddr) -> Remote {
    Remote {
        transport: Transport::Udp,
        address,
    }
}

/// The sections of an offer: what each is called, and a source of its kind.
fn sections(sdp: &str) -> impl Iterator<Item = (&str, MediaSource)> {
    let mut video = [MediaSource::Camera, MediaSource::Screen].into_iter().cycle();
    let mut is_audio = false;
    sdp.lines().filter_map(move |line| {
        if line.starts_with("m=") {
            is_audio = line.starts_with("m=audio");
        }
        let mid = line.trim_end().strip_prefix("a=mid:")?;
        Some((
            mid,
            if is_audio {
                MediaSource::Microphone
            } else {
                video.next()?
            },
        ))
    })
}

/// A browser's part, that has offered one sound and one picture.
struct Client {
    rtc: Rtc,
    pending: SdpPendingOffer,
    sdp: String,
    sections: [(Mid, Codec); 2],
}

impl Client {
    fn new(now: Instant) -> Self {
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(now);
        rtc.add_local_candidate(Candidate::host(CLIENT.into(), "udp").expect("a good address"));
        let mut changes = rtc.sdp_api();
        let mut add = |kind| changes.add_media(kind, Direction::SendOnly, None, None, None);
        let sections = [
            (add(MediaKind::Audio), Codec::Opus),
            (add(MediaKind::Video), Codec::Vp8),
        ];
        let (offer, pending) = changes.apply().expect("there is something to offer");
        Self {
            sdp: offer.to_sdp_string(),
            rtc,
            pending,
            sections,
        }
    }
}

/// A sound offer of one sound and one picture.
pub(super) fn offer() -> String {
    Client::new(Instant::now()).sdp
}

/// A publisher on its way to being connected, or connected.
pub(super) struct Call {
    office: Office,
    client: Rtc,
    sections: [(Mid, Codec); 2],
    is_connected: bool,
    sent: u32,
    waiting: VecDeque<Vec<u8>>,
    last: Vec<u8>,
}

impl Call {
    pub(super) fn new() -> Self {
        let mut office = Office::new();
        let mut client = Client::new(office.now);
        office.join("aoi");
        let AnswerBody::Published { sdp } = office.publish("aoi", &client.sdp) else {
            panic!("a sound offer is refused");
        };
        let answer = SdpAnswer::from_sdp_string(&sdp).expect("a sound answer");
        client
            .rtc
            .sdp_api()
            .accept_answer(client.pending, answer)
            .expect("it fits");
        let mut call = Self {
            office,
            client: client.rtc,
            sections: client.sections,
            is_connected: false,
            sent: 0,
            waiting: VecDeque::new(),
            last: Vec::new(),
        };
        call.drain();
        call
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Packets of the publisher that the server has taken in.
    pub(super) fn taken_in(&self) -> u64 {
        self.office.sfu.counters().packets_in
    }

    /// The publisher itself sends a packet, properly sealed, with anything in it.
    pub(super) fn publish(&mut self, is_video: bool, marker: bool, payload: &[u8]) {
        let (mid, codec) = self.sections[usize::from(is_video)];
        let mut known = self.client.codec_config().params().iter();
        let Some(kind) = known.find(|it| it.spec().codec == codec).map(|it| it.pt()) else {
            return;
        };
        self.sent += 1;
        let mut direct = self.client.direct_api();
        if let Some(stream) = direct.stream_tx_by_mid(mid, None).filter(|_| self.is_connected) {
            stream.set_unpaced(true);
            let seq = u64::from(self.sent).into();
            let write = RtpWrite::new(kind, seq, self.sent * 3000, self.office.now, payload.to_vec());
            stream.write_rtp(write.marker(marker).nackable(is_video));
        }
        let _ = self.client.handle_input(Input::Timeout(self.office.now));
        self.drain();
    }

    /// Time goes by, and all that waits arrives.
    pub(super) fn run(&mut self) {
        self.office.now += STEP;
        self.office.tick();
        let _ = self.client.handle_input(Input::Timeout(self.office.now));
        self.drain();
        while !self.waiting.is_empty() {
            self.pass(|_| {});
        }
    }

    /// The next datagram arrives, as `change` left it.
    pub(super) fn pass(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let Some(mut bytes) = self.waiting.pop_front() else {
            return;
        };
        change(&mut bytes);
        self.office.receive(CLIENT.into(), &bytes);
        self.last = bytes;
        self.exchange();
    }

    /// The last datagram comes once more.
    pub(super) fn repeat(&mut self) {
        self.office.receive(CLIENT.into(), &self.last);
        self.exchange();
    }

    pub(super) fn inject(&mut self, is_from_client: bool, bytes: &[u8]) {
        let source = if is_from_client { CLIENT } else { STRANGER };
        self.office.receive(source.into(), bytes);
        self.exchange();
    }

    /// What the server sent reaches the client.
    fn exchange(&mut self) {
        while let Some(bytes) = self.office.to_client.pop_front() {
            let Ok(contents) = bytes.as_slice().try_into() else {
                continue;
            };
            let receive = Receive {
                proto: Protocol::Udp,
                source: SERVER.into(),
                destination: CLIENT.into(),
                contents,
            };
            let _ = self.client.handle_input(Input::Receive(self.office.now, receive));
            self.drain();
        }
    }

    fn drain(&mut self) {
        // A client that gave up says so for ever.
        for _ in 0..1000 {
            match self.client.poll_output() {
                Ok(str0m::Output::Transmit(transmit)) => self.waiting.push_back(transmit.contents.into()),
                Ok(str0m::Output::Event(Event::Connected)) => self.is_connected = true,
                Ok(str0m::Output::Event(_)) => {}
                Ok(str0m::Output::Timeout(_)) | Err(_) => break,
            }
        }
        let excess = self.waiting.len().saturating_sub(MAX_WAITING);
        self.waiting.drain(..excess);
    }
}
