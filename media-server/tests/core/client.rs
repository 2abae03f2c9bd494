//! A client: connections as a browser's, a fake encoder, and what came of the others.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use media_server::core::Transport;
use protocol::grants::MediaSource;
use protocol::ids::ParticipantId;
use protocol::signal::SubscribedTrack;
use str0m::change::SdpPendingOffer;
use str0m::format::Codec;
use str0m::media::{ExtensionValues, KeyframeRequestKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::camera::{Camera, Decoder};
use crate::chat::Chat;
use crate::sim::{MS, Wire};
use crate::svc_camera::{SvcCamera, SvcDecoder};

/// What a subscriber got of one section.
#[derive(Debug)]
pub struct Got {
    /// Content by extended sequence number.
    pub packets: BTreeMap<u64, Content>,
    /// In the order of arrival.
    pub arrivals: Vec<(Instant, u64)>,
    needs_key: bool,
    asked_at: Option<Instant>,
}

impl Default for Got {
    fn default() -> Self {
        Self::new()
    }
}

/// What the fake encoder wrote, read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub counter: u64,
    pub is_key: bool,
    pub time: u32,
    pub audio_level: Option<i8>,
    pub sender_info: Option<(std::time::SystemTime, u32)>,
}

impl Got {
    const fn new() -> Self {
        Self {
            packets: BTreeMap::new(),
            arrivals: Vec::new(),
            needs_key: true,
            asked_at: None,
        }
    }

    /// Asserts that nothing is missing and that content and numbers go up together. Gives the number of packets.
    #[track_caller]
    pub fn assert_whole(&self) -> usize {
        assert_eq!(self.missing(), 0, "packets are missing");
        self.packets.len()
    }

    /// Asserts that content and numbers go up together. Gives the number of packets that are missing between
    /// the first key frame and the last packet.
    #[track_caller]
    pub fn missing(&self) -> u64 {
        let is_begin = |it: &(&u64, &Content)| it.1.is_key || it.1.audio_level.is_some();
        let Some((first_seq, first)) = self.packets.iter().find(is_begin) else {
            return 0;
        };
        let mut present = 0;
        for (seq, content) in self.packets.range(first_seq..) {
            assert_eq!(
                seq - first_seq,
                content.counter - first.counter,
                "content out of order at {seq}"
            );
            present += 1;
        }
        let last_seq = self.packets.last_key_value().map_or(*first_seq, |(seq, _)| *seq);
        last_seq - first_seq + 1 - present
    }
}

/// One `RTCPeerConnection` of a client.
pub struct Link {
    pub address: SocketAddr,
    transport: Transport,
    pub rtc: Rtc,
    pub pending: Option<SdpPendingOffer>,
    pub is_connected: bool,
    pub closed: bool,
    pub out: VecDeque<Wire>,
}

impl Link {
    pub fn new(address: SocketAddr, transport: Transport, now: Instant) -> Self {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .enable_vp9(true)
            .build(now);
        let candidate = match transport {
            Transport::Udp => Candidate::builder().udp().host(address).build(),
            Transport::Tcp => {
                let candidate = Candidate::builder().tcp().host(address);
                candidate.tcptype(TcpType::Active).build()
            }
        };
        rtc.add_local_candidate(candidate.unwrap());
        Self {
            address,
            transport,
            rtc,
            pending: None,
            is_connected: false,
            closed: false,
            out: VecDeque::new(),
        }
    }

    /// Goes by another network from now on: what it sends from the address that it had is lost.
    pub fn move_to(&mut self, address: SocketAddr) {
        self.address = address;
        let candidate = Candidate::builder().udp().host(address).build().unwrap();
        self.rtc.add_local_candidate(candidate);
    }

    pub fn drain(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return events,
                Output::Transmit(transmit) if transmit.source == self.address => self.out.push_back(Wire {
                    transport: self.transport,
                    from: transmit.source,
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Output::Transmit(_) => {}
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::Closed) => self.closed = true,
                Output::Event(event) => events.push(event),
            }
        }
    }

    pub fn receive(&mut self, wire: &Wire, now: Instant) -> Vec<Event> {
        if let Ok(contents) = wire.bytes.as_slice().try_into() {
            let receive = Receive {
                proto: match wire.transport {
                    Transport::Udp => Protocol::Udp,
                    Transport::Tcp => Protocol::Tcp,
                },
                source: wire.from,
                destination: wire.to,
                contents,
            };
            self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        }
        self.drain(now)
    }
}

/// What a client publishes.
pub struct Encoder {
    pub source: MediaSource,
    pub mid: Mid,
    pub seq: u64,
    pub counter: u64,
    pub time: u32,
    pub key_frames_asked: Vec<Instant>,
    needs_key: bool,
    pub is_running: bool,
}

pub struct Client {
    pub id: ParticipantId,
    pub up: Option<Link>,
    pub down: Option<Link>,
    pub encoders: Vec<Encoder>,
    pub camera: Option<Camera>,
    pub svc_camera: Option<SvcCamera>,
    pub decoders: BTreeMap<Mid, Decoder>,
    pub svc_decoders: BTreeMap<Mid, SvcDecoder>,
    pub offers: Vec<(u32, Vec<SubscribedTrack>)>,
    pub tracks: Vec<SubscribedTrack>,
    pub answers: bool,
    pub transport: Transport,
    pub chat: Chat,
    got: BTreeMap<Mid, Got>,
    port: u16,
}

impl Client {
    pub fn new(id: ParticipantId, port: u16) -> Self {
        Self {
            id,
            up: None,
            down: None,
            encoders: Vec::new(),
            camera: None,
            svc_camera: None,
            decoders: BTreeMap::new(),
            svc_decoders: BTreeMap::new(),
            offers: Vec::new(),
            tracks: Vec::new(),
            answers: true,
            transport: Transport::Udp,
            chat: Chat::default(),
            got: BTreeMap::new(),
            port,
        }
    }

    /// What came of a publisher's source.
    pub fn got(&self, whose: &str, source: MediaSource) -> &Got {
        static NOTHING: Got = Got::new();
        let track = self
            .tracks
            .iter()
            .find(|it| it.participant.as_str() == whose && it.source == source);
        track
            .and_then(|it| self.got.get(&Mid::from(it.mid.as_str())))
            .unwrap_or(&NOTHING)
    }

    /// What came of a publisher's camera with layers.
    pub fn decoder(&self, whose: &str) -> &Decoder {
        let is_meant = |it: &&SubscribedTrack| it.participant.as_str() == whose && it.source == MediaSource::Camera;
        let track = self.tracks.iter().find(is_meant).expect("a camera is shown");
        self.decoders
            .get(&Mid::from(track.mid.as_str()))
            .expect("something came")
    }

    /// What came of a publisher's camera with layers in one stream.
    pub fn svc_decoder(&self, whose: &str) -> &SvcDecoder {
        let is_meant = |it: &&SubscribedTrack| it.participant.as_str() == whose && it.source == MediaSource::Camera;
        let track = self.tracks.iter().find(is_meant).expect("a camera is shown");
        let mid = Mid::from(track.mid.as_str());
        self.svc_decoders.get(&mid).expect("something came")
    }

    /// Asks for the key frames that its decoders need.
    pub fn ask_key_frames(&mut self, now: Instant) {
        let Some(down) = self.down.as_mut() else { return };
        let decoders = self.decoders.iter_mut().map(|(mid, it)| (mid, it.needs_key_frame(now)));
        let others = self
            .svc_decoders
            .iter_mut()
            .map(|(mid, it)| (mid, it.needs_key_frame(now)));
        for (mid, needs_key_frame) in decoders.chain(others) {
            if needs_key_frame && let Some(stream) = down.rtc.direct_api().stream_rx_by_mid(*mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    /// Which links are its own: see [`World`](crate::sim::World).
    pub fn pipe(&self) -> u16 {
        self.port / 1000
    }

    pub fn address(&mut self) -> SocketAddr {
        self.port += 1;
        SocketAddr::from(([198, 51, 100, 1], self.port))
    }
}

impl Client {
    /// Closes both connections, as a page does.
    pub fn hang_up(&mut self) {
        for link in [self.up.as_mut(), self.down.as_mut()].into_iter().flatten() {
            link.rtc.close().unwrap();
        }
        self.encoders.clear();
    }

    pub fn hear_up(&mut self, events: &[Event], now: Instant) {
        self.chat.hear_up(events, now);
        for event in events {
            if let Event::KeyframeRequest(request) = event
                && let Some(camera) = self.camera.as_mut().filter(|it| it.mid == request.mid)
            {
                camera.want_key_frame(request.rid, now);
            }
            if let Event::KeyframeRequest(request) = event
                && let Some(camera) = self.svc_camera.as_mut().filter(|it| it.mid == request.mid)
            {
                camera.want_key_frame(now);
            }
            if let Event::KeyframeRequest(request) = event
                && let Some(encoder) = self.encoders.iter_mut().find(|it| it.mid == request.mid)
            {
                encoder.needs_key = true;
                encoder.key_frames_asked.push(now);
            }
        }
    }

    pub fn hear_down(&mut self, events: Vec<Event>, now: Instant) {
        self.chat.hear_down(&events, now);
        for event in events {
            let Event::RtpPacket(packet) = event else { continue };
            let rtc = &mut self.down.as_mut().unwrap().rtc;
            let Some(mid) = rtc.direct_api().stream_rx(&packet.header.ssrc).map(|it| it.mid()) else {
                continue;
            };
            let payload = &packet.payload;
            let params = rtc.codec_config().find(|it| it.pt() == packet.header.payload_type);
            if params.is_some_and(|it| it.spec().codec == Codec::Vp9) {
                let decoder = self.svc_decoders.entry(mid).or_default();
                let header = &packet.header;
                decoder.take(*packet.seq_no, (header.timestamp, header.marker), payload, now);
                continue;
            }
            // An extended descriptor: of a camera with layers. Nothing: something of it was left out.
            if payload.first().is_none_or(|it| it & 0x80 != 0) {
                let decoder = self.decoders.entry(mid).or_default();
                decoder.take(*packet.seq_no, packet.header.timestamp, payload, now);
                continue;
            }
            let counter = u64::from_be_bytes(payload[2..10].try_into().unwrap());
            let content = Content {
                counter,
                is_key: payload[..2] == KEY,
                time: packet.header.timestamp,
                audio_level: packet.header.ext_vals.audio_level,
                sender_info: packet
                    .last_sender_info
                    .map(|it| (it.ntp_time, it.rtp_time.numer() as u32)),
            };
            let got = self.got.entry(mid).or_default();
            // As a decoder that has nothing to begin with.
            let has_begin = content.is_key || !got.needs_key || content.audio_level.is_some();
            if !has_begin && got.asked_at.is_none_or(|at| now - at > 200 * MS) {
                got.asked_at = Some(now);
                if let Some(stream) = rtc.direct_api().stream_rx_by_mid(mid, None) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
            got.needs_key &= !has_begin;
            got.arrivals.push((now, *packet.seq_no));
            got.packets.insert(*packet.seq_no, content);
        }
    }
}

/// Every source's first RTP time: just before it wraps.
pub const FIRST_TIME: u32 = u32::MAX - 50_000;

const KEY: [u8; 2] = [0x10, 0x00];
const DELTA: [u8; 2] = [0x10, 0x01];
const REST: [u8; 2] = [0x00, 0x00];

impl Encoder {
    pub fn new(source: MediaSource, mid: Mid) -> Self {
        Self {
            source,
            mid,
            // Just before the sequence numbers' first wrap.
            seq: 65_400,
            counter: 0,
            time: FIRST_TIME,
            key_frames_asked: Vec::new(),
            needs_key: true,
            is_running: true,
        }
    }

    /// Video: a frame of three packets every 33 ms. Audio: a packet every 20 ms.
    pub fn encode(&mut self, link: &mut Link, ms: u128, now: Instant) {
        if self.source.is_video() {
            if !ms.is_multiple_of(33) {
                return;
            }
            let head = if std::mem::take(&mut self.needs_key) {
                KEY
            } else {
                DELTA
            };
            self.write(link, head, 900, false, now);
            self.write(link, REST, 900, false, now);
            self.write(link, REST, 300, true, now);
            self.time = self.time.wrapping_add(33 * 90);
        } else if ms.is_multiple_of(20) {
            self.write(link, REST, 100, true, now);
            self.time = self.time.wrapping_add(20 * 48);
        }
    }

    pub fn write(&mut self, link: &mut Link, head: [u8; 2], size: usize, marker: bool, now: Instant) {
        let wanted = if self.source.is_video() {
            Codec::Vp8
        } else {
            Codec::Opus
        };
        let params = link
            .rtc
            .codec_config()
            .find(|it| it.spec().codec == wanted)
            .unwrap()
            .pt();
        let mut payload = vec![0; size];
        payload[..2].copy_from_slice(&head);
        payload[2..10].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        let extensions = ExtensionValues {
            audio_level: (!self.source.is_video()).then_some(-37),
            voice_activity: (!self.source.is_video()).then_some(true),
            ..ExtensionValues::default()
        };
        let mut direct = link.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(self.mid, None).unwrap();
        stream.set_unpaced(true);
        stream.write_rtp(
            RtpWrite::new(params, self.seq.into(), self.time, now, payload)
                .marker(marker)
                .ext_vals(extensions)
                .nackable(self.source.is_video()),
        );
        self.seq += 1;
        drop(link.drain(now));
    }
}
