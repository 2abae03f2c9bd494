//! One connection at work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec as EngineCodec;
use str0m::media::{Direction, ExtensionValues, KeyframeRequestKind, MediaKind, Pt};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc, Vp8Descriptor};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::{Codec, Drain, EngineError, Extensions, Mid, OfferPlan, Packet, PeerEvent, Stamp};
use crate::core::{Datagram, MAX_PAYLOAD, PeerKey, Remote, Transport};

/// How long, and how many packets, a sent packet can be asked for again.
const RESEND_PACKETS: usize = 1024;
const RESEND_AGE: Duration = Duration::from_secs(3);

/// The share of resent bytes above which queued resends are thrown away. str0m's own 0.15 gives up on a
/// burst of loss that a call survives.
const RESEND_SHARE: f32 = 0.5;

/// A timeout that is due at once is served at once, but so often at most; the next is served a moment later.
const MAX_SPINS: u32 = 16;
const MOMENT: Duration = Duration::from_millis(1);

/// One connection.
pub struct Peer {
    key: PeerKey,
    rtc: Rtc,
    pending: Option<(SdpPendingOffer, Vec<Mid>)>,
    /// Which section an incoming source belongs to; found once for each. As long as the sections' list.
    streams: Vec<(Ssrc, Mid)>,
    /// How a section names a codec toward the other end; found once for each.
    payload_types: Vec<(Mid, Codec, Pt)>,
    /// NACK messages of a section, when last looked at.
    nacks: Vec<(Mid, u64)>,
    deadline: Instant,
    is_closed: bool,
}

impl Peer {
    pub(super) fn new(key: PeerKey, mut rtc: Rtc, udp: &[SocketAddr], tcp: &[SocketAddr], now: Instant) -> Self {
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
            streams: Vec::new(),
            payload_types: Vec::new(),
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
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| EngineError::Unreadable(error.to_string()))?;
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
        let mut added = Vec::new();
        for (is_video, stream) in &plan.add {
            let kind = if *is_video { MediaKind::Video } else { MediaKind::Audio };
            added.push(changes.add_media(kind, Direction::SendOnly, Some(stream.clone()), None, None));
        }
        let made = changes.apply();
        self.tick(now, drain);
        let (offer, pending) = made?;
        self.pending = Some((pending, added.clone()));
        Some((offer.to_sdp_string(), added))
    }

    /// Takes the answer to the last offer.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`]: the offer still waits for its answer. [`EngineError::Unfit`]: it doesn't.
    pub fn accept_answer(&mut self, sdp: &str, now: Instant, drain: &mut Drain) -> Result<(), EngineError> {
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| EngineError::Unreadable(error.to_string()))?;
        let Some((pending, added)) = self.pending.take() else {
            return Err(EngineError::Unfit("no offer waits for an answer".to_owned()));
        };
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        self.tick(now, drain);
        accepted.map_err(|error| EngineError::Unfit(error.to_string()))?;
        for mid in added {
            if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
                stream.set_rtx_cache(RESEND_PACKETS, RESEND_AGE, Some(RESEND_SHARE));
            }
            self.tick(now, drain);
        }
        Ok(())
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
        true
    }

    /// Moves the connection's time on.
    pub fn tick(&mut self, now: Instant, drain: &mut Drain) {
        self.drain(now, drain);
        let handled = self.rtc.handle_input(Input::Timeout(now));
        self.settle(handled, now, drain);
    }

    /// Sends a packet. `wallclock` is when its content was captured, by the server's clock. False: this
    /// section doesn't carry such a packet.
    pub fn write(&mut self, mid: Mid, packet: &Packet, out: Stamp, now: Instant, drain: &mut Drain) -> bool {
        // Larger ones would panic where str0m writes them into its fixed buffer.
        if packet.payload.len() > MAX_PAYLOAD {
            return false;
        }
        let Some(payload_type) = self.payload_type(mid, packet.codec) else {
            return false;
        };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, None) else {
            return false;
        };
        stream.write_rtp(
            RtpWrite::new(
                payload_type,
                out.seq.into(),
                out.time,
                out.wallclock.min(now),
                Arc::clone(&packet.payload),
            )
            .marker(packet.marker)
            .ext_vals(packet.extensions.0.clone())
            .nackable(packet.codec == Codec::Vp8),
        );
        // Time makes a written packet ready to go.
        self.tick(now, drain);
        true
    }

    /// Asks the publisher for a key frame (PLI, RFC 4585 §6.3.1). False: nothing comes by this section yet.
    pub fn ask_key_frame(&mut self, mid: Mid, now: Instant, drain: &mut Drain) -> bool {
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_rx_by_mid(mid, None) else {
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
                    let transport = match transmit.proto {
                        Protocol::Udp => Transport::Udp,
                        _ => Transport::Tcp,
                    };
                    if is_stun_success(&transmit.contents) {
                        let proven = PeerEvent::Proven(Remote {
                            transport,
                            address: transmit.destination,
                        });
                        drain.events.push_back((self.key, proven));
                    }
                    drain.datagrams.push_back(Datagram {
                        transport,
                        source: transmit.source,
                        destination: transmit.destination,
                        bytes: transmit.contents.into(),
                    });
                }
                Ok(Output::Event(event)) => self.tell(event, drain),
                Err(error) => self.broke(&error, drain),
            }
        }
    }

    fn tell(&mut self, event: Event, drain: &mut Drain) {
        let event = match event {
            Event::Connected => PeerEvent::Connected,
            Event::Closed => return self.tell_closed(drain),
            Event::KeyframeRequest(request) => PeerEvent::KeyFrameAsked(request.mid),
            Event::SenderFeedback(report) => PeerEvent::SenderReport {
                mid: report.mid,
                at: report.received_at,
                ntp: report.sender_info.ntp_time,
                // RTP time is 32 bits; the rest counts its rounds.
                time: report.sender_info.rtp_time.numer() as u32,
            },
            Event::MediaIngressStats(stats) => match self.count_nacks(stats.mid, stats.nacks) {
                Some(more) => PeerEvent::Nacks(more),
                None => return,
            },
            Event::MediaEgressStats(stats) => match self.count_nacks(stats.mid, stats.nacks) {
                Some(more) => PeerEvent::Nacks(more),
                None => return,
            },
            Event::RtpPacket(packet) => match self.read(packet) {
                Some(packet) => PeerEvent::Packet(packet),
                None => return,
            },
            _ => return,
        };
        drain.events.push_back((self.key, event));
    }

    /// Names section and codec of a packet, and keeps of its header what concerns subscribers.
    fn read(&mut self, packet: RtpPacket) -> Option<Packet> {
        let header = packet.header;
        let mid = self.section_of(header.ssrc)?;
        let params = self.rtc.codec_config().find(|it| it.pt() == header.payload_type)?;
        let codec = match params.spec().codec {
            EngineCodec::Vp8 => Codec::Vp8,
            EngineCodec::Opus => Codec::Opus,
            _ => return None,
        };
        let is_start = match codec {
            Codec::Opus => true,
            Codec::Vp8 => Vp8Descriptor::parse(&packet.payload).is_ok_and(|it| it.starts_keyframe(&packet.payload)),
        };
        let of = header.ext_vals;
        let extensions = ExtensionValues {
            audio_level: of.audio_level,
            voice_activity: of.voice_activity,
            video_orientation: of.video_orientation,
            video_content_type: of.video_content_type,
            abs_capture_time: of.abs_capture_time,
            play_delay_min: of.play_delay_min,
            play_delay_max: of.play_delay_max,
            ..ExtensionValues::default()
        };
        Some(Packet {
            mid,
            ssrc: *header.ssrc,
            codec,
            seq: *packet.seq_no,
            time: header.timestamp,
            marker: header.marker,
            is_start,
            extensions: Extensions(extensions),
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

    fn section_of(&mut self, ssrc: Ssrc) -> Option<Mid> {
        if let Some((_, mid)) = self.streams.iter().find(|(known, _)| *known == ssrc) {
            return Some(*mid);
        }
        let mid = self.rtc.direct_api().stream_rx(&ssrc)?.mid();
        // A publisher that changes its source replaces the section's entry.
        self.streams.retain(|(_, known)| *known != mid);
        self.streams.push((ssrc, mid));
        Some(mid)
    }

    fn payload_type(&mut self, mid: Mid, codec: Codec) -> Option<Pt> {
        if let Some((_, _, found)) = self.payload_types.iter().find(|it| it.0 == mid && it.1 == codec) {
            return Some(*found);
        }
        let theirs = self.rtc.media(mid)?.remote_pts();
        let wanted = match codec {
            Codec::Vp8 => EngineCodec::Vp8,
            Codec::Opus => EngineCodec::Opus,
        };
        let params = self.rtc.codec_config().params().iter();
        let found = params
            .filter(|it| it.spec().codec == wanted)
            .map(|it| it.pt())
            .find(|it| theirs.contains(it))?;
        self.payload_types.push((mid, codec, found));
        Some(found)
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A binding success response (RFC 8489 §5) proves the request it answers: it was signed.
fn is_stun_success(bytes: &[u8]) -> bool {
    bytes.len() >= 20 && bytes[..2] == [0x01, 0x01]
}
