//! A participant made of the `webrtc` crate: two peer connections, fake media.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::{DataGrant, MediaSource};
use protocol::ids::ParticipantId;
use protocol::signal::PublishTrack;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{broadcast, mpsc};
use webrtc::data_channel::{
    DataChannel, DataChannelEvent, RTCDataChannelInit, RTCDataChannelMessage, RTCDataChannelState,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
    RTCSessionDescription, Registry, register_default_interceptors,
};
use webrtc::runtime::TokioRuntime;

use crate::office::{LIMIT, Office, Signaling, room};

/// What a peer receives: kind and content of each packet.
pub type Received = mpsc::Receiver<(RtpCodecKind, rtp::Packet)>;

/// Messages with the labels of their channels.
pub type Messages = mpsc::Receiver<(String, RTCDataChannelMessage)>;

#[derive(Clone)]
struct Handler {
    gathered: mpsc::Sender<()>,
    connected: mpsc::Sender<()>,
    received: mpsc::Sender<(RtpCodecKind, rtp::Packet)>,
    messages: mpsc::Sender<(String, RTCDataChannelMessage)>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.connected.try_send(());
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        tokio::spawn(listen(channel, self.messages.clone()));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let received = self.received.clone();
        tokio::spawn(async move {
            let kind = track.kind().await;
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    // A test that has seen enough reads no more.
                    let _ = received.try_send((kind, packet));
                }
            }
        });
    }
}

/// Passes on what comes by a channel; a test that has seen enough reads no more.
async fn listen(channel: Arc<dyn DataChannel>, to: mpsc::Sender<(String, RTCDataChannelMessage)>) {
    let label = channel.label().await.unwrap_or_default();
    while let Some(event) = channel.poll().await {
        if let DataChannelEvent::OnMessage(message) = event {
            let _ = to.send((label.clone(), message)).await;
        }
    }
}

struct Link {
    peer: Arc<dyn PeerConnection>,
    gathered: mpsc::Receiver<()>,
    connected: mpsc::Receiver<()>,
    received: Received,
    messages: Messages,
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodecParameters {
    let is_video = kind == RtpCodecKind::Video;
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: if is_video { MIME_TYPE_VP8 } else { MIME_TYPE_OPUS }.to_owned(),
            clock_rate: if is_video { 90_000 } else { 48_000 },
            channels: if is_video { 0 } else { 2 },
            sdp_fmtp_line: String::new(),
            rtcp_feedback: vec![],
        },
        payload_type: if is_video { 96 } else { 111 },
    }
}

async fn link() -> Link {
    let mut engine = MediaEngine::default();
    for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
        engine.register_codec(codec(kind), kind).unwrap();
    }
    let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
    let (gathered_out, gathered) = mpsc::channel(4);
    let (connected_out, connected) = mpsc::channel(4);
    let (received_out, received) = mpsc::channel(1024);
    let (messages_out, messages) = mpsc::channel(1024);
    let handler = Handler {
        gathered: gathered_out,
        connected: connected_out,
        received: received_out,
        messages: messages_out,
    };
    let peer = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(handler))
        .with_runtime(Arc::new(TokioRuntime))
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .build()
        .await
        .unwrap();
    Link {
        peer: Arc::new(peer),
        gathered,
        connected,
        received,
        messages,
    }
}

impl Link {
    /// The local description with its candidates.
    async fn complete(&mut self) -> String {
        tokio::time::timeout(LIMIT, self.gathered.recv())
            .await
            .expect("gathers");
        self.peer.local_description().await.unwrap().sdp
    }

    async fn connected(&mut self) {
        tokio::time::timeout(LIMIT, self.connected.recv())
            .await
            .expect("connects");
    }
}

/// A peer's data channels.
pub struct Talk {
    /// It sends by these.
    pub reliable: Arc<dyn DataChannel>,
    pub lossy: Arc<dyn DataChannel>,
    /// What the node says to that.
    pub answers: Messages,
    /// What the others say.
    pub heard: Messages,
}

pub struct Peer {
    pub received: Received,
    /// None without a grant for data messages.
    pub talk: Option<Talk>,
    up: Link,
    down: Arc<dyn PeerConnection>,
    tracks: Vec<(RtpCodecKind, u32, Arc<TrackLocalStaticRTP>)>,
}

/// Joins, publishes camera and microphone, and answers offers until both connections stand.
pub async fn enter(office: &Office, signaling: &Signaling, name: &str) -> Peer {
    enter_talking(office, signaling, name, DataGrant::None).await
}

/// The same, with another grant for data messages.
pub async fn enter_talking(office: &Office, signaling: &Signaling, name: &str, data: DataGrant) -> Peer {
    let participant = ParticipantId::new(name).unwrap();
    let offers = signaling.events.subscribe();
    let sources = [MediaSource::Camera, MediaSource::Microphone];
    join(signaling, office.talking_token(name, &sources, data)).await;

    let mut up = link().await;
    let mut tracks = Vec::new();
    for (index, kind) in [RtpCodecKind::Video, RtpCodecKind::Audio].into_iter().enumerate() {
        let ssrc = 1000 + index as u32 + name.bytes().map(u32::from).sum::<u32>() * 10;
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec: codec(kind).rtp_codec,
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            name.to_owned(),
            format!("{name}-{kind}"),
            String::new(),
            kind,
            vec![encoding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        up.peer
            .add_track(Arc::clone(&track) as Arc<dyn TrackLocal>)
            .await
            .unwrap();
        tracks.push((kind, ssrc, track));
    }
    let channels = match data {
        DataGrant::None => None,
        _ => Some(open_channels(&*up.peer).await),
    };
    let offer = up.peer.create_offer(None).await.unwrap();
    up.peer.set_local_description(offer).await.unwrap();
    let sdp = up.complete().await;
    let publish = RequestBody::Publish {
        room: room(),
        participant: participant.clone(),
        tracks: named(&sdp),
        sdp,
    };
    let AnswerBody::Published { sdp } = signaling.ask(publish).await else {
        panic!("not published")
    };
    let answer = RTCSessionDescription::answer(sdp).unwrap();
    up.peer.set_remote_description(answer).await.unwrap();

    let (down, received, heard) = answer_offers(signaling, participant, offers).await;
    up.connected().await;
    if let Some((reliable, lossy, _)) = &channels {
        for channel in [reliable, lossy] {
            while matches!(channel.ready_state().await, Ok(RTCDataChannelState::Connecting)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    Peer {
        received,
        talk: channels.map(|(reliable, lossy, answers)| Talk {
            reliable,
            lossy,
            answers,
            heard,
        }),
        up,
        down,
        tracks,
    }
}

/// One of each kind, and what comes back by the first.
async fn open_channels(peer: &dyn PeerConnection) -> (Arc<dyn DataChannel>, Arc<dyn DataChannel>, Messages) {
    let lossy = RTCDataChannelInit {
        ordered: false,
        max_retransmits: Some(0),
        ..RTCDataChannelInit::default()
    };
    let reliable = peer.create_data_channel("mine", None).await.unwrap();
    let lossy = peer.create_data_channel("quick", Some(lossy)).await.unwrap();
    let (answers_out, answers) = mpsc::channel(1024);
    tokio::spawn(listen(Arc::clone(&reliable), answers_out));
    (reliable, lossy, answers)
}

/// Joins and watches: what comes, and the connection by which it comes.
pub async fn watch(office: &Office, signaling: &Signaling, name: &str) -> (Received, Arc<dyn PeerConnection>) {
    let offers = signaling.events.subscribe();
    join(signaling, office.media_token(name, &[])).await;
    let (down, received, _) = answer_offers(signaling, ParticipantId::new(name).unwrap(), offers).await;
    (received, down)
}

async fn join(signaling: &Signaling, token: String) {
    let join = RequestBody::Join {
        token,
        has_connections: false,
    };
    assert!(matches!(
        signaling.ask(join).await,
        AnswerBody::Joined { fresh: true, .. }
    ));
}

/// Answers the offers for a participant from now on.
async fn answer_offers(
    signaling: &Signaling,
    me: ParticipantId,
    mut offers: broadcast::Receiver<AnswerBody>,
) -> (Arc<dyn PeerConnection>, Received, Messages) {
    let mut down = link().await;
    let (peer, received, messages) = (
        Arc::clone(&down.peer),
        std::mem::replace(&mut down.received, mpsc::channel(1).1),
        std::mem::replace(&mut down.messages, mpsc::channel(1).1),
    );
    let answers = signaling.clone_for_answers();
    tokio::spawn(async move {
        while let Ok(event) = offers.recv().await {
            if let AnswerBody::Offer {
                participant,
                revision,
                sdp,
                ..
            } = event
                && participant == me
            {
                let offer = RTCSessionDescription::offer(sdp).unwrap();
                down.peer.set_remote_description(offer).await.unwrap();
                let answer = down.peer.create_answer(None).await.unwrap();
                down.peer.set_local_description(answer).await.unwrap();
                let sdp = if revision == 1 {
                    down.complete().await
                } else {
                    down.peer.local_description().await.unwrap().sdp
                };
                answers.answer(room(), me.clone(), revision, sdp).await;
            }
        }
    });
    (peer, received, messages)
}

/// Names an offer's sections by their kind.
fn named(sdp: &str) -> Vec<PublishTrack> {
    let mut tracks = Vec::new();
    let mut source = None;
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            source = match media.split(' ').next() {
                Some("video") => Some(MediaSource::Camera),
                Some("audio") => Some(MediaSource::Microphone),
                _ => None,
            };
        } else if let (Some(mid), Some(source)) = (line.strip_prefix("a=mid:"), source) {
            let mid = mid.trim().to_owned();
            tracks.push(PublishTrack { mid, source });
        }
    }
    tracks
}

impl Peer {
    /// Sends fake media until dropped: video with a key frame every half second, audio every 20 ms. The
    /// content says whose it is.
    pub fn talk(&self, name: &str) -> tokio::task::JoinHandle<()> {
        let tracks = self.tracks.clone();
        let name = name.to_owned();
        tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(20));
            for n in 0_u32.. {
                clock.tick().await;
                for (kind, ssrc, track) in &tracks {
                    let is_video = *kind == RtpCodecKind::Video;
                    let head: &[u8] = match (is_video, n % 25) {
                        (true, 0) => &[0x10, 0x00],
                        (true, _) => &[0x10, 0x01],
                        (false, _) => &[0x78],
                    };
                    let content = [head, name.as_bytes(), &n.to_be_bytes()].concat();
                    let header = rtp::Header {
                        version: 2,
                        marker: is_video,
                        payload_type: if is_video { 96 } else { 111 },
                        sequence_number: n as u16,
                        timestamp: n.wrapping_mul(if is_video { 1800 } else { 960 }),
                        ssrc: *ssrc,
                        ..Default::default()
                    };
                    let packet = rtp::Packet {
                        header,
                        payload: Bytes::from(content),
                    };
                    if track.write_rtp(packet).await.is_err() {
                        return;
                    }
                }
            }
        })
    }

    pub async fn close(self) {
        self.up.peer.close().await.unwrap();
        self.down.close().await.unwrap();
    }
}
