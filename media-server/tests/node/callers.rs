//! One who publishes a camera with layers and a voice, and one who watches, over real UDP. What they publish says what it
//! is, so that what arrives is judged by its content.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::MediaSource::{self, Camera as CameraSource, Microphone};
use protocol::ids::ParticipantId;
use protocol::signal::PublishTrack;
use str0m::Event;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::format::Codec;
use str0m::media::{Direction, ExtensionValues, KeyframeRequestKind, MediaKind, Mid, Simulcast, SimulcastLayer};
use str0m::rtp::{RtpPacket, RtpWrite};
use tokio::net::UdpSocket;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use crate::camera::{Camera, Decoder, Layer};
use crate::client::Link;
use crate::office::{Office, Signaling, room};

/// Between looks at the clock.
const TICK: Duration = Duration::from_millis(5);
/// Between two packets of a voice.
const VOICE: Duration = Duration::from_millis(20);
/// How loud a voice is, in dBov.
const LOUDNESS: i8 = -37;

/// What a publisher has done.
#[derive(Default)]
pub struct Sent {
    pub is_connected: bool,
    /// Packets of its voice.
    pub voices: u32,
    /// Key frames that it was asked for, of all layers.
    pub key_frames_asked: usize,
    /// Its datagrams.
    pub tape: Vec<Vec<u8>>,
}

/// What a watcher has seen and heard.
#[derive(Default)]
pub struct Seen {
    pub decoder: Decoder,
    /// When each packet of the voice came first, by its number.
    pub voices: BTreeMap<u32, Instant>,
    /// What it was told about its picture, in order: whether it is held back.
    pub paused: Vec<bool>,
    /// Its datagrams.
    pub tape: Vec<Vec<u8>>,
    picture: Option<Mid>,
}

/// One who publishes, until it is dropped.
pub struct Publisher {
    sent: Arc<Mutex<Sent>>,
    /// By which it sends.
    pub socket: Arc<UdpSocket>,
    _running: JoinSet<()>,
}

/// One who watches, until it is dropped.
pub struct Watcher {
    seen: Arc<Mutex<Seen>>,
    _running: JoinSet<()>,
}

impl Publisher {
    pub fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }
}

impl Watcher {
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

async fn join(office: &Office, signaling: &Signaling, name: &str, publish: &[MediaSource]) {
    let join = RequestBody::Join {
        token: office.media_token(name, publish),
        has_connections: false,
    };
    let joined = signaling.ask(join).await;
    assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
}

/// Joins, and publishes by a server that it reaches at `server`.
pub async fn publish(
    office: &Office,
    signaling: &Signaling,
    (name, server): (&str, SocketAddr),
    layers: Vec<Layer>,
) -> Publisher {
    join(office, signaling, name, &[CameraSource, Microphone]).await;
    let mut link = Link::open(server).await;
    link.tape = Some(Vec::new());
    let mut simulcast = Simulcast::new();
    for rid in layers.iter().filter_map(|it| it.rid) {
        simulcast.add_send_layer(SimulcastLayer::new(&rid));
    }
    let simulcast = layers.iter().any(|it| it.rid.is_some()).then_some(simulcast);
    let mut changes = link.rtc.sdp_api();
    let stream = || Some("me".to_owned());
    let camera = changes.add_media(MediaKind::Video, Direction::SendOnly, stream(), None, simulcast);
    let voice = changes.add_media(MediaKind::Audio, Direction::SendOnly, stream(), None, None);
    let (offer, pending) = changes.apply().unwrap();
    let track = |mid: Mid, source| PublishTrack {
        mid: mid.to_string(),
        source,
    };
    let publish = RequestBody::Publish {
        room: room(),
        participant: ParticipantId::new(name).unwrap(),
        sdp: offer.to_sdp_string(),
        tracks: vec![track(camera, CameraSource), track(voice, Microphone)],
    };
    let AnswerBody::Published { sdp } = signaling.ask(publish).await else {
        panic!("not published")
    };
    let answer = SdpAnswer::from_sdp_string(&link.led_here(&sdp)).unwrap();
    link.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    let sent = Arc::default();
    let socket = Arc::clone(&link.socket);
    let mut running = JoinSet::new();
    running.spawn(talk(link, Camera::new(camera, layers), voice, Arc::clone(&sent)));
    Publisher {
        sent,
        socket,
        _running: running,
    }
}

async fn talk(mut link: Link, mut camera: Camera, voice: Mid, sent: Arc<Mutex<Sent>>) {
    let start = Instant::now();
    let mut clock = tokio::time::interval(TICK);
    let mut next_voice = None;
    drop(link.drain(start));
    loop {
        tokio::select! {
            events = link.turn() => {
                for event in events {
                    if let Event::KeyframeRequest(request) = event {
                        camera.want_key_frame(request.rid, Instant::now());
                        sent.lock().unwrap().key_frames_asked += 1;
                    }
                }
            }
            _ = clock.tick(), if link.is_connected => {
                let now = Instant::now();
                camera.capture(&mut link, start, now);
                let due = next_voice.get_or_insert(now);
                let mut sent = sent.lock().unwrap();
                if *due <= now {
                    *due += VOICE;
                    say(&mut link, voice, sent.voices, now);
                    sent.voices += 1;
                }
                sent.is_connected = true;
                if let Some(tape) = &mut link.tape {
                    sent.tape.append(tape);
                }
            }
        }
    }
}

fn say(link: &mut Link, mid: Mid, number: u32, now: Instant) {
    let params = link.rtc.codec_config().find(|it| it.spec().codec == Codec::Opus);
    let payload_type = params.unwrap().pt();
    let mut payload = vec![0x78; 100];
    payload[1..5].copy_from_slice(&number.to_be_bytes());
    let extensions = ExtensionValues {
        audio_level: Some(LOUDNESS),
        voice_activity: Some(true),
        ..ExtensionValues::default()
    };
    let mut direct = link.rtc.direct_api();
    let stream = direct.stream_tx_by_mid(mid, None).unwrap();
    stream.set_unpaced(true);
    let time = number.wrapping_mul(960);
    stream.write_rtp(
        RtpWrite::new(payload_type, u64::from(number).into(), time, now, payload)
            .marker(number == 0)
            .ext_vals(extensions),
    );
    drop(link.drain(now));
}

/// Joins, and watches by a server that it reaches at `server`.
pub async fn watch(office: &Office, signaling: &Signaling, name: &str, server: SocketAddr) -> Watcher {
    let me = ParticipantId::new(name).unwrap();
    let mut events = signaling.events.subscribe();
    let answers = signaling.clone_for_answers();
    join(office, signaling, name, &[]).await;
    let mut link = Link::open(server).await;
    link.tape = Some(Vec::new());
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let (mine, mut running) = (Arc::clone(&seen), JoinSet::new());
    running.spawn(async move {
        let mut clock = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(AnswerBody::Offer { participant, revision, sdp, .. }) if participant == me => {
                        let offer = SdpOffer::from_sdp_string(&link.led_here(&sdp)).unwrap();
                        let answer = link.rtc.sdp_api().accept_offer(offer).unwrap();
                        drop(link.drain(Instant::now()));
                        answers.answer(room(), me.clone(), revision, answer.to_sdp_string()).await;
                    }
                    Ok(AnswerBody::Paused { participant, paused, .. }) if participant == me => {
                        mine.lock().unwrap().paused.push(paused);
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                came = link.turn() => {
                    let mut seen = mine.lock().unwrap();
                    for event in came {
                        if let Event::RtpPacket(packet) = event {
                            seen.take(&mut link, packet);
                        }
                    }
                }
                _ = clock.tick() => {
                    let mut seen = mine.lock().unwrap();
                    seen.ask_key_frame(&mut link);
                    if let Some(tape) = &mut link.tape {
                        seen.tape.append(tape);
                    }
                }
            }
        }
    });
    Watcher {
        seen,
        _running: running,
    }
}

impl Seen {
    /// The most packets of the voice that are missing in a row.
    pub fn most_missing(&self) -> u32 {
        let numbers = self.voices.keys();
        let pairs = numbers.clone().zip(numbers.skip(1));
        pairs.map(|(one, next)| next - one - 1).max().unwrap_or(0)
    }

    fn take(&mut self, link: &mut Link, packet: RtpPacket) {
        let now = Instant::now();
        let params = link.rtc.codec_config().params().iter();
        let mut of_type = params.filter(|it| it.pt() == packet.header.payload_type);
        if of_type.any(|it| it.spec().codec == Codec::Vp8) {
            let mut direct = link.rtc.direct_api();
            self.picture = direct.stream_rx(&packet.header.ssrc).map(|it| it.mid());
            self.decoder
                .take(*packet.seq_no, packet.header.timestamp, &packet.payload, now);
        } else if let Some(number) = packet.payload.get(1..5) {
            let number = u32::from_be_bytes(number.try_into().unwrap());
            self.voices.entry(number).or_insert(now);
        }
    }

    fn ask_key_frame(&mut self, link: &mut Link) {
        let now = Instant::now();
        // Before the first packet nobody knows what to ask for.
        let Some(mid) = self.picture else { return };
        if self.decoder.needs_key_frame(now)
            && let Some(stream) = link.rtc.direct_api().stream_rx_by_mid(mid, None)
        {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            drop(link.drain(now));
        }
    }
}

/// Waits until the condition holds. How long that takes is the machine's affair, so the limit is generous.
#[track_caller]
pub fn until<'a>(what: &'a str, mut holds: impl FnMut() -> bool + 'a) -> impl Future<Output = ()> + 'a {
    let begun = Instant::now();
    async move {
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(90), "waited too long for: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
