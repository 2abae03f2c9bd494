//! A participant whose network lets only TCP out: str0m, each connection over one stream.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::MediaSource::{Camera, Microphone};
use protocol::ids::ParticipantId;
use protocol::signal::PublishTrack;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

use crate::office::{Office, Signaling, room};

/// What the peer receives: whether of video, and the payload.
pub type Received = mpsc::Receiver<(bool, Vec<u8>)>;

pub struct TcpPeer {
    pub received: Received,
    up: tokio::task::JoinHandle<()>,
    down: tokio::task::JoinHandle<()>,
}

impl TcpPeer {
    /// Cuts both streams.
    pub fn drop_out(self) {
        self.up.abort();
        self.down.abort();
    }
}

/// Joins, publishes camera and microphone and talks, and answers offers.
pub async fn enter(office: &Office, signaling: &Signaling, name: &str) -> TcpPeer {
    let me = ParticipantId::new(name).unwrap();
    let mut offers = signaling.events.subscribe();
    let join = RequestBody::Join {
        token: office.media_token(name, &[Camera, Microphone]),
        has_connections: false,
    };
    assert!(matches!(
        signaling.ask(join).await,
        AnswerBody::Joined { fresh: true, .. }
    ));

    let mut up = Link::connect(office.tcp).await;
    let mut changes = up.rtc.sdp_api();
    let mut add = |kind| changes.add_media(kind, Direction::SendOnly, Some("me".into()), None, None);
    let (video, audio) = (add(MediaKind::Video), add(MediaKind::Audio));
    let (offer, pending) = changes.apply().unwrap();
    let track = |mid: Mid, source| PublishTrack {
        mid: mid.to_string(),
        source,
    };
    let publish = RequestBody::Publish {
        room: room(),
        participant: me.clone(),
        sdp: offer.to_sdp_string(),
        tracks: vec![track(video, Camera), track(audio, Microphone)],
    };
    let AnswerBody::Published { sdp } = signaling.ask(publish).await else {
        panic!("not published")
    };
    let answer = SdpAnswer::from_sdp_string(&sdp).unwrap();
    up.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    let up = tokio::spawn(up.talk(name.to_owned(), [(video, Codec::Vp8), (audio, Codec::Opus)]));

    let (heard, received) = mpsc::channel(1024);
    let (answers, tcp) = (signaling.clone_for_answers(), office.tcp);
    let down = tokio::spawn(async move {
        let mut link = Link::connect(tcp).await;
        loop {
            let wake = link.hear(&heard).await;
            tokio::select! {
                event = offers.recv() => {
                    if let Ok(AnswerBody::Offer { participant, revision, sdp, .. }) = event
                        && participant == me
                    {
                        let offer = SdpOffer::from_sdp_string(&sdp).unwrap();
                        let answer = link.rtc.sdp_api().accept_offer(offer).unwrap();
                        link.hear(&heard).await;
                        answers.answer(room(), me.clone(), revision, answer.to_sdp_string()).await;
                    }
                }
                frame = link.frames.recv() => link.take(&frame.expect("the stream stays")),
                () = tokio::time::sleep_until(wake.into()) => link.tick(),
            }
        }
    });
    TcpPeer { received, up, down }
}

struct Link {
    rtc: Rtc,
    local: SocketAddr,
    server: SocketAddr,
    stream: OwnedWriteHalf,
    frames: mpsc::Receiver<Vec<u8>>,
}

impl Link {
    async fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let local = stream.local_addr().unwrap();
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .build(Instant::now());
        let candidate = Candidate::builder().tcp().host(local).tcptype(TcpType::Active);
        rtc.add_local_candidate(candidate.build().unwrap());
        let (mut reading, stream) = stream.into_split();
        let (came, frames) = mpsc::channel(256);
        tokio::spawn(async move {
            while let Ok(len) = reading.read_u16().await {
                let mut frame = vec![0; usize::from(len)];
                if reading.read_exact(&mut frame).await.is_err() || came.send(frame).await.is_err() {
                    return;
                }
            }
        });
        Self {
            rtc,
            local,
            server,
            stream,
            frames,
        }
    }

    fn take(&mut self, frame: &[u8]) {
        let receive = Receive {
            proto: Protocol::Tcp,
            source: self.server,
            destination: self.local,
            contents: frame.try_into().unwrap(),
        };
        self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
    }

    fn tick(&mut self) {
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
    }

    /// Sends what wants out. Gives what happened, and when to look again.
    async fn drain(&mut self) -> (Vec<Event>, Instant) {
        let mut events = Vec::new();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return (events, at),
                Output::Event(event) => events.push(event),
                Output::Transmit(transmit) => {
                    assert_eq!((transmit.proto, transmit.destination), (Protocol::Tcp, self.server));
                    let len = u16::try_from(transmit.contents.len()).unwrap();
                    let frame = [&len.to_be_bytes()[..], &transmit.contents].concat();
                    // In two parts, as a network may cut it.
                    self.stream.write_all(&frame[..1]).await.unwrap();
                    self.stream.write_all(&frame[1..]).await.unwrap();
                }
            }
        }
    }

    async fn hear(&mut self, heard: &mpsc::Sender<(bool, Vec<u8>)>) -> Instant {
        let (events, wake) = self.drain().await;
        for event in events {
            if let Event::RtpPacket(packet) = event {
                let params = self.rtc.codec_config().params().iter();
                let is_vp8 = |it: &&str0m::format::PayloadParams| it.spec().codec == Codec::Vp8;
                let is_video = params.filter(is_vp8).any(|it| it.pt() == packet.header.payload_type);
                // A test that has seen enough reads no more.
                let _ = heard.try_send((is_video, packet.payload.to_vec()));
            }
        }
        wake
    }

    /// Sends fake media: video with a key frame every half second, audio every 20 ms. The content says whose
    /// it is.
    async fn talk(mut self, name: String, sections: [(Mid, Codec); 2]) {
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        let mut is_connected = false;
        let mut n = 0_u32;
        loop {
            let (events, wake) = self.drain().await;
            is_connected |= events.iter().any(|event| matches!(event, Event::Connected));
            tokio::select! {
                frame = self.frames.recv() => self.take(&frame.expect("the stream stays")),
                () = tokio::time::sleep_until(wake.into()) => self.tick(),
                _ = clock.tick(), if is_connected => {
                    for (mid, codec) in sections {
                        self.say(mid, codec, &name, n);
                        self.drain().await;
                    }
                    n += 1;
                }
            }
        }
    }

    fn say(&mut self, mid: Mid, codec: Codec, name: &str, n: u32) {
        let is_video = codec == Codec::Vp8;
        let head: &[u8] = match (is_video, n % 25) {
            (true, 0) => &[0x10, 0x00],
            (true, _) => &[0x10, 0x01],
            (false, _) => &[0x78],
        };
        let content = [head, name.as_bytes(), &n.to_be_bytes()].concat();
        let mut params = self.rtc.codec_config().params().iter();
        let payload_type = params.find(|it| it.spec().codec == codec).unwrap().pt();
        let time = n.wrapping_mul(if is_video { 1800 } else { 960 });
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, None).unwrap();
        stream.write_rtp(
            RtpWrite::new(payload_type, u64::from(n).into(), time, Instant::now(), content)
                .marker(is_video)
                .nackable(is_video),
        );
        self.tick();
    }
}
