//! One connection at work.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec as EngineCodec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RtpPacket, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::channels::{self, Delivery};
use super::checks::Checks;
use super::described::{self, Descriptions};
use super::keys::Slot;
use super::{ChannelId, Codec, Drain, EngineError, Extensions, Keys, Mid, OfferPlan, Packet, PeerEvent, Rid};
use crate::core::codec::{self, Video};
use crate::core::demux::is_media;
use crate::core::egress::{ExtensionIds, StreamPlan};
use crate::core::{Path, PeerKey, Remote, Side, Transport};

/// A timeout that is due at once is served at once, but so often at most; the next is served a moment later.
const MAX_SPINS: u32 = 16;
const MOMENT: Duration = Duration::from_millis(1);

/// One connection.
pub struct Peer {
    key: PeerKey,
    pub(super) rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    keys: Slot,
    /// Data channels that this end opens.
    pub(super) channels: Vec<ChannelId>,
    /// Which section and layer an incoming source belongs to; found once for each. As long as the layers' list.
    streams: Vec<(Ssrc, Mid, Option<Rid>)>,
    descriptions: Descriptions,
    /// The connectivity check that is being answered: by which way it came, and whether it nominates that.
    check: Option<(Path, bool)>,
    /// Those that came.
    checks: Checks,
    /// NACK messages of a section, when last looked at.
    nacks: Vec<(Mid, u64)>,
    deadline: Instant,
    is_closed: bool,
}

impl Peer {
    pub(super) fn new(
        key: PeerKey,
        mut rtc: Rtc,
        keys: Slot,
        (udp, tcp): (&[SocketAddr], &[SocketAddr]),
        now: Instant,
    ) -> Self {
        let by_udp = udp.iter().map(|it| Candidate::builder().udp().host(*it).build());
        let passive = |it: &SocketAddr| {
            let candidate = Candidate::builder().tcp().host(*it);
            candidate.tcptype(TcpType::Passive).build()
        };
        for candidate in by_udp.chain(tcp.iter().map(passive)) {
            match candidate {
                Ok(candidate) => drop(rtc.add_local_candidate(candidate)),
                Err(error) => tracing::warn!(%error, "not a usable address"),
            }
        }
        Self {
            key,
            rtc,
            pending: None,
            keys,
            channels: Vec::new(),
            streams: Vec::new(),
            descriptions: Descriptions::default(),
            check: None,
            checks: Checks::default(),
            nacks: Vec::new(),
            deadline: now,
            is_closed: false,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.key
    }

    /// When [`Peer::tick`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The handshake's keys, once it is done.
    #[must_use]
    pub fn keys(&self) -> Option<&Keys> {
        self.keys.get()
    }

    /// The name by which the other end's connectivity checks call this connection. (RFC 8445 §5.3)
    #[must_use]
    pub fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// Takes the other end's offer and gives the answer.
    ///
    /// # Errors
    /// [`EngineError`]; the connection may be half changed and is best dropped when it was new.
    pub fn accept_offer(&mut self, sdp: &str, now: Instant, drain: &mut Drain) -> Result<String, EngineError> {
        let sdp = match self.key.side {
            Side::Up => described::only_for_av1(sdp),
            Side::Down => Cow::Borrowed(sdp),
        };
        let offer = SdpOffer::from_sdp_string(&sdp).map_err(|error| EngineError::Unreadable(error.to_string()))?;
        self.streams.clear();
        let answer = self.rtc.sdp_api().accept_offer(offer);
        self.tick(now, drain);
        answer
            .map(|answer| answer.to_sdp_string())
            .map_err(|error| EngineError::Unfit(error.to_string()))
    }

    /// Makes an offer. Gives it and the names of the added sections, in the plan's order; nothing when the
    /// plan changes nothing. A second offer before the answer to the first replaces it.
    pub fn offer(&mut self, plan: &OfferPlan, now: Instant, drain: &mut Drain) -> Option<(String, Vec<Mid>)> {
        let mut changes = self.rtc.sdp_api();
        for mid in &plan.pause {
            changes.set_direction(*mid, Direction::Inactive);
        }
        for mid in &plan.resume {
            changes.set_direction(*mid, Direction::SendOnly);
        }
        if plan.restart {
            changes.ice_restart(true);
        }
        let mut added = Vec::new();
        for (is_video, stream) in &plan.add {
            let kind = if *is_video { MediaKind::Video } else { MediaKind::Audio };
            added.push(changes.add_media(kind, Direction::SendOnly, Some(stream.clone()), None, None));
        }
        if plan.data {
            for delivery in [Delivery::Reliable, Delivery::Lossy] {
                self.channels.push(changes.add_channel_with_config(delivery.config()));
            }
        }
        let made = changes.apply();
        self.tick(now, drain);
        let (offer, pending) = made?;
        self.pending = Some(pending);
        Some((offer.to_sdp_string(), added))
    }

    /// Takes the answer to the last offer.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`]: the offer still waits for its answer. [`EngineError::Unfit`]: it doesn't.
    pub fn accept_answer(&mut self, sdp: &str, now: Instant, drain: &mut Drain) -> Result<(), EngineError> {
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| EngineError::Unreadable(error.to_string()))?;
        let Some(pending) = self.pending.take() else {
            return Err(EngineError::Unfit("no offer waits for an answer".to_owned()));
        };
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        self.tick(now, drain);
        accepted.map_err(|error| EngineError::Unfit(error.to_string()))
    }

    /// Whether both ends know a codec for a section.
    #[must_use]
    pub fn has_codec(&self, mid: Mid) -> bool {
        self.rtc.media(mid).is_some_and(|media| !media.remote_pts().is_empty())
    }

    /// How what is sent by a section is called; none: the section isn't agreed on.
    pub(crate) fn stream_plan(&mut self, mid: Mid) -> Option<StreamPlan> {
        let (ssrc, resend_ssrc) = {
            let mut direct = self.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, None)?;
            (*stream.ssrc(), stream.rtx().map(|it| *it))
        };
        let media = self.rtc.media(mid)?;
        let theirs = media.remote_pts();
        let params = self.rtc.codec_config().params().iter();
        let mut codecs = Vec::new();
        for it in params.filter(|it| theirs.contains(&it.pt())) {
            let Some(codec) = codec_of(it.spec().codec) else {
                continue;
            };
            codecs.push((codec, *it.pt(), it.resend().map(|it| *it)));
            if let Some(red) = it.red() {
                codecs.push((Codec::Red, *red, None));
            }
        }
        Some(StreamPlan {
            mid: mid.to_string(),
            ssrc,
            resend_ssrc,
            ids: extension_ids(media.remote_extmap()),
            codecs,
            name: media.cname().to_owned(),
        })
    }

    /// A datagram for this connection. False: it is none of WebRTC's.
    pub fn receive(
        &mut self,
        source: Remote,
        destination: SocketAddr,
        bytes: &[u8],
        now: Instant,
        drain: &mut Drain,
    ) -> bool {
        let Ok(contents) = bytes.try_into() else {
            return false;
        };
        let path = Path {
            transport: source.transport,
            ours: destination,
            theirs: source.address,
        };
        self.check = is_check(bytes).then(|| (path, nominates(bytes)));
        if self.check.is_some() {
            self.checks.came(bytes, source);
        }
        let receive = Receive {
            proto: match source.transport {
                Transport::Udp => Protocol::Udp,
                Transport::Tcp => Protocol::Tcp,
            },
            source: source.address,
            destination,
            contents,
        };
        let handled = self.rtc.handle_input(Input::Receive(now, receive));
        self.settle(handled, now, drain);
        self.check = None;
        true
    }

    /// Whether this is a check that came from elsewhere before.
    #[must_use]
    pub fn is_overheard(&self, source: Remote, bytes: &[u8]) -> bool {
        is_check(bytes) && self.checks.is_overheard(bytes, source)
    }

    /// Moves the connection's time on.
    pub fn tick(&mut self, now: Instant, drain: &mut Drain) {
        self.drain(now, drain);
        let handled = self.rtc.handle_input(Input::Timeout(now));
        self.settle(handled, now, drain);
    }

    /// Asks the publisher for a key frame (PLI, RFC 4585 §6.3.1). False: nothing comes by this layer yet.
    pub fn ask_key_frame(&mut self, mid: Mid, rid: Option<Rid>, now: Instant, drain: &mut Drain) -> bool {
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_rx_by_mid(mid, rid) else {
            return false;
        };
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.tick(now, drain);
        true
    }

    /// Says goodbye to the other end.
    pub fn close(&mut self, now: Instant, drain: &mut Drain) {
        let closed = self.rtc.close();
        self.is_closed = true;
        self.settle(closed, now, drain);
    }

    fn settle(&mut self, handled: Result<(), str0m::RtcError>, now: Instant, drain: &mut Drain) {
        if let Err(error) = handled {
            self.broke(&error, drain);
        }
        self.drain(now, drain);
    }

    fn broke(&mut self, error: &str0m::RtcError, drain: &mut Drain) {
        tracing::debug!(%error, "a connection broke");
        self.rtc.disconnect();
        self.tell_closed(drain);
    }

    fn tell_closed(&mut self, drain: &mut Drain) {
        if !self.is_closed {
            self.is_closed = true;
            drain.events.push_back((self.key, PeerEvent::Closed));
        }
    }

    fn drain(&mut self, now: Instant, drain: &mut Drain) {
        let mut spins = 0;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) if at <= now && spins < MAX_SPINS => {
                    spins += 1;
                    if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
                        self.broke(&error, drain);
                    }
                }
                Ok(Output::Timeout(at)) => {
                    self.deadline = at.max(now + MOMENT);
                    drain.touched.push((self.key, self.deadline));
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    let path = Path {
                        transport: match transmit.proto {
                            Protocol::Udp => Transport::Udp,
                            _ => Transport::Tcp,
                        },
                        ours: transmit.source,
                        theirs: transmit.destination,
                    };
                    self.tell_proven(path.theirs, &transmit.contents, drain);
                    // Reports of str0m's toward a subscriber would use the counters of ours.
                    if self.key.side == Side::Up || !is_media(&transmit.contents) {
                        drain.outbox.push(path, &transmit.contents);
                    }
                }
                Ok(Output::Event(event)) => self.tell(event, drain),
                Err(error) => self.broke(&error, drain),
            }
        }
    }

    /// A check that is answered with success was signed by who knows the connection's secret.
    fn tell_proven(&mut self, destination: SocketAddr, answer: &[u8], drain: &mut Drain) {
        if let Some((path, is_nominated)) = self.check
            && path.theirs == destination
            && is_stun_success(answer)
        {
            let way = Remote {
                transport: path.transport,
                address: path.theirs,
            };
            self.checks.answered(answer, way);
            let proven = PeerEvent::Proven { path, is_nominated };
            drain.events.push_back((self.key, proven));
        }
    }

    fn tell(&mut self, event: Event, drain: &mut Drain) {
        let event = match event {
            Event::Connected => PeerEvent::Connected,
            Event::Closed => return self.tell_closed(drain),
            Event::SenderFeedback(report) => PeerEvent::SenderReport {
                mid: report.mid,
                rid: report.rid,
                at: report.received_at,
                ntp: report.sender_info.ntp_time,
                // RTP time is 32 bits; the rest counts its rounds.
                time: report.sender_info.rtp_time.numer() as u32,
            },
            Event::MediaIngressStats(stats) => {
                if let Some(loss) = stats.loss {
                    drain.events.push_back((self.key, PeerEvent::Loss(loss.into())));
                }
                match self.count_nacks(stats.mid, stats.nacks) {
                    Some(more) => PeerEvent::Nacks(more),
                    None => return,
                }
            }
            Event::ChannelOpen(channel, _) => match self.channel_opened(channel) {
                Some(opened) => opened,
                None => return,
            },
            Event::ChannelClose(channel) => PeerEvent::ChannelClosed(channel),
            Event::ChannelBufferedAmountLow(channel) => PeerEvent::ChannelLow(channel),
            Event::ChannelData(data) => channels::message(data),
            Event::RtpPacket(packet) => match self.read(packet) {
                Some(packet) => PeerEvent::Packet(Arc::new(packet)),
                None => return,
            },
            _ => return,
        };
        drain.events.push_back((self.key, event));
    }

    /// Names section, layer and codec of a packet, and keeps of its header what concerns subscribers.
    fn read(&mut self, packet: RtpPacket) -> Option<Packet> {
        let header = packet.header;
        let (mid, rid) = self.place_of(header.ssrc)?;
        let named = header.payload_type;
        let params = self.rtc.codec_config();
        let params = params.find(|it| it.pt() == named || it.red() == Some(named))?;
        let codec = match codec_of(params.spec().codec)? {
            Codec::Opus if params.red() == Some(named) => Codec::Red,
            codec => codec,
        };
        let described = match codec {
            Codec::Video(Video::Av1) => described::bytes(&header.ext_vals),
            _ => None,
        };
        let frame = described
            .as_ref()
            .and_then(|it| self.descriptions.read(*header.ssrc, it));
        let facts = match codec {
            Codec::Video(video) => codec::read(video, &packet.payload, header.marker, frame.as_ref()),
            Codec::Opus | Codec::Red => None,
        };
        Some(Packet {
            mid,
            rid,
            ssrc: *header.ssrc,
            codec,
            seq: *packet.seq_no,
            time: header.timestamp,
            marker: header.marker,
            facts,
            frame: frame.map(Arc::new),
            extensions: Extensions {
                dependency: described,
                ..extensions(&header.ext_vals)
            },
            payload: packet.payload,
        })
    }

    /// How many a section has more than when it was last looked at. A section goes one way only.
    fn count_nacks(&mut self, mid: Mid, total: u64) -> Option<u64> {
        let more = match self.nacks.iter_mut().find(|(known, _)| *known == mid) {
            Some((_, before)) => total.saturating_sub(std::mem::replace(before, total)),
            None => {
                self.nacks.push((mid, total));
                total
            }
        };
        (more > 0).then_some(more)
    }

    fn place_of(&mut self, ssrc: Ssrc) -> Option<(Mid, Option<Rid>)> {
        if let Some((_, mid, rid)) = self.streams.iter().find(|(known, ..)| *known == ssrc) {
            return Some((*mid, *rid));
        }
        let (mid, rid) = {
            let mut direct = self.rtc.direct_api();
            let stream = direct.stream_rx(&ssrc)?;
            (stream.mid(), stream.rid())
        };
        // A publisher that changes its source replaces the layer's entry.
        self.streams.retain(|(_, known, layer)| (*known, *layer) != (mid, rid));
        self.streams.push((ssrc, mid, rid));
        let streams = &self.streams;
        self.descriptions
            .retain(|ssrc| streams.iter().any(|(known, ..)| **known == ssrc));
        Some((mid, rid))
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("key", &self.key).finish_non_exhaustive()
    }
}

fn codec_of(codec: EngineCodec) -> Option<Codec> {
    match codec {
        EngineCodec::Opus => Some(Codec::Opus),
        EngineCodec::Vp8 => Some(Codec::Video(Video::Vp8)),
        EngineCodec::H264 => Some(Codec::Video(Video::H264)),
        EngineCodec::Vp9 => Some(Codec::Video(Video::Vp9)),
        EngineCodec::Av1 => Some(Codec::Video(Video::Av1)),
        _ => None,
    }
}

fn extension_ids(map: &ExtensionMap) -> ExtensionIds {
    let id = |extension| map.id_of(extension);
    ExtensionIds {
        mid: id(Extension::RtpMid),
        transport_seq: id(Extension::TransportSequenceNumber),
        send_time: id(Extension::AbsoluteSendTime),
        audio_level: id(Extension::AudioLevel),
        orientation: id(Extension::VideoOrientation),
        capture_time: id(Extension::AbsoluteCaptureTime),
        playout_delay: id(Extension::PlayoutDelay),
        content_type: id(Extension::VideoContentType),
        dependency: id(described::extension()),
    }
}

fn extensions(of: &ExtensionValues) -> Extensions {
    let playout_delay = of.play_delay_min.zip(of.play_delay_max).map(|(least, most)| {
        let ticks = |it: str0m::media::MediaTime| (it.as_seconds() * 100.0) as u32 & 0xfff;
        let [_, bytes @ ..] = (ticks(least) << 12 | ticks(most)).to_be_bytes();
        bytes
    });
    Extensions {
        audio_level: of.audio_level,
        has_voice: of.voice_activity.unwrap_or_default(),
        orientation: of.video_orientation.map(|it| it as u8),
        content_type: of.video_content_type,
        playout_delay,
        capture_time: None,
        dependency: None,
    }
}

const STUN_HEADER: usize = 20;
const STUN_USE_CANDIDATE: u16 = 0x0025;

fn is_check(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_HEADER && bytes[..2] == [0x00, 0x01]
}

/// A binding success response (RFC 8489 §5) proves the request it answers: it was signed.
fn is_stun_success(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_HEADER && bytes[..2] == [0x01, 0x01]
}

/// Whether a check says that its path is to be used. (RFC 8445 §7.1.2)
fn nominates(check: &[u8]) -> bool {
    let mut rest = check.get(STUN_HEADER..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(4) {
        if u16::from_be_bytes([head[0], head[1]]) == STUN_USE_CANDIDATE {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        rest = body.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}
