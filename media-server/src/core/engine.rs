//! WebRTC connections: the only place that touches str0m ([`Peer`] is in `engine/peer.rs`).
//!
//! Invariant: every change to a connection ends in a full drain, so that between two calls str0m holds
//! nothing that wants out. What came out lies in [`Drain`], in order.
//!
//! str0m describes and opens both of a participant's connections and receives what publishers send. What goes to
//! subscribers passes around it: see [`super::egress`].

mod channels;
mod checks;
mod described;
mod keys;
mod peer;
mod rsa;
pub mod streams;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use protocol::grants::Encryption;
use str0m::format::{Codec as EngineCodec, FormatParams};
use str0m::media::Frequency;
use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

use super::codec::dependency::Frame;
use super::codec::{self, Facts, Video};
use super::outbox::Outbox;
use super::{Path, PeerKey, Side};

pub use channels::{Delivery, Written};
pub use keys::Keys;
pub use peer::Peer;

/// A media section's name within one connection, and a layer's name within one section (RFC 8851).
pub use str0m::media::{Mid, Rid};

/// A data channel's name within one connection.
pub use str0m::channel::ChannelId;

/// How often a publisher's connection tells its NACKs and losses.
const COUNTING: Duration = Duration::from_secs(2);

/// Payload types that we propose, and those of their retransmissions.
const VP9: u8 = 98;
const VP9_RESENT: u8 = 99;
const H264: u8 = 108;
const H264_RESENT: u8 = 109;

/// How AV1's dependency descriptor is called where a publisher proposes no name, and in our own offers. (No browser calls
/// anything by the first, which the one-byte form can't say: nothing else is taken for a descriptor.)
const DESCRIPTION_UP: u8 = 16;
const DESCRIPTION_DOWN: u8 = 12;

/// H.264's profile-level-id: constrained baseline, level 3.1.
const CONSTRAINED_BASELINE: u32 = 0x42_e01f;

/// str0m's own reports toward subscribers would know nothing of what passes around it: never.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// Why a connection refused a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Not SDP, or not the SDP of a WebRTC connection.
    #[error("the SDP can't be read: {0}")]
    Unreadable(String),
    /// It doesn't fit what was agreed on before.
    #[error("the SDP doesn't fit this connection: {0}")]
    Unfit(String),
}

/// What the server's connections can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Opus with its last packets repeated. (RFC 2198)
    Red,
    /// A picture.
    Video(Video),
}

impl Codec {
    /// RTP clock ticks a second.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Video(_) => 90_000,
            Self::Opus | Self::Red => 48_000,
        }
    }

    /// Whether it is a sound.
    #[must_use]
    pub fn is_audio(self) -> bool {
        !matches!(self, Self::Video(_))
    }
}

/// The header extensions of a packet that belong to its content, not to its way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extensions {
    /// How loud, in decibels below full scale: -127 (silence) to 0. (RFC 6464)
    pub audio_level: Option<i8>,
    /// Whether the sound is a voice.
    pub has_voice: bool,
    /// How the camera was held: the extension's byte. (3GPP TS 26.114 §7.4.5)
    pub orientation: Option<u8>,
    /// The extension's byte: 1 is a screen.
    pub content_type: Option<u8>,
    /// Least and most, 12 bits each of 10 ms.
    pub playout_delay: Option<[u8; 3]>,
    /// NTP time of the capture, and the capture clock's offset.
    pub capture_time: Option<(u64, Option<i64>)>,
    /// The AV1 dependency descriptor, as it came.
    pub dependency: Option<Arc<[u8]>>,
}

/// A packet from a publisher.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// The section it came by.
    pub mid: Mid,
    /// The layer, where the section has several.
    pub rid: Option<Rid>,
    /// Its synchronisation source: another one is another timeline.
    pub ssrc: u32,
    /// What is in it.
    pub codec: Codec,
    /// Sequence number, extended: it never wraps.
    pub seq: u64,
    /// RTP time in ticks of the codec's clock.
    pub time: u32,
    /// RTP's marker bit.
    pub marker: bool,
    /// What the picture's payload says; none: a sound, or nothing that can be read, such as padding.
    pub facts: Option<Facts>,
    /// What AV1's dependency descriptor says, where one was agreed on and can be read.
    pub frame: Option<Arc<Frame>>,
    /// What goes on to the subscribers besides the payload.
    pub extensions: Extensions,
    /// RTP payload.
    pub payload: Arc<[u8]>,
}

impl Packet {
    /// A sound without the repetitions of what came before it; none: it has none.
    pub(crate) fn without_repetitions(&self) -> Option<Self> {
        if self.codec != Codec::Red {
            return None;
        }
        Some(Self {
            codec: Codec::Opus,
            payload: codec::red::newest(&self.payload)?.into(),
            ..self.clone()
        })
    }

    /// Whether a decoder can begin with this packet.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.codec.is_audio() || self.facts.is_some_and(|facts| facts.starts_key_frame)
    }
}

/// How a picture's own numbers are called toward one subscriber; none: as they came. Of AV1 the first is the frame's number
/// in its dependency descriptor, which is in the header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patch(pub(crate) Option<(u16, u8)>);

impl Patch {
    /// Writes picture id and `tl0_pic_idx` into a copy of the packet's payload.
    pub(crate) fn apply(self, facts: Option<&Facts>, payload: &mut [u8]) {
        if let (Some((picture_id, tl0)), Some(facts)) = (self.0, facts) {
            facts.patch(payload, picture_id, tl0);
        }
    }
}

/// What a connection tells.
#[derive(Debug)]
pub enum PeerEvent {
    /// Media can flow.
    Connected,
    /// The other end closed it, or it broke.
    Closed,
    /// Somebody who knows the connection's secret was heard.
    Proven {
        /// By which way.
        path: Path,
        /// Whether it chose this path. (RFC 8445 §7.3.1.5)
        is_nominated: bool,
    },
    /// A packet of a publisher.
    Packet(Arc<Packet>),
    /// A data channel is open: one of ours, or one of the other end's.
    ChannelOpen {
        /// Which.
        channel: ChannelId,
        /// What it promises.
        delivery: Delivery,
        /// Whether this end opened it.
        is_ours: bool,
    },
    /// A data channel is closed.
    ChannelClosed(ChannelId),
    /// A data channel takes more again.
    ChannelLow(ChannelId),
    /// A message came by a data channel.
    Message {
        /// By which.
        channel: ChannelId,
        /// Whether it is bytes; otherwise it is text.
        is_binary: bool,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// So many more NACK messages went to a publisher.
    Nacks(u64),
    /// The share of a publisher's packets that were lost lately, 0 to 1.
    Loss(f64),
    /// A publisher's clock: at `ntp` its layer's RTP time was `time`. (RFC 3550 §6.4.1)
    SenderReport {
        /// The section.
        mid: Mid,
        /// The layer.
        rid: Option<Rid>,
        /// When the report came.
        at: Instant,
        /// The publisher's wall clock.
        ntp: SystemTime,
        /// RTP time in ticks of the codec's clock.
        time: u32,
    },
}

/// What came out of connections.
#[derive(Debug, Default)]
pub struct Drain {
    /// To the network.
    pub outbox: Outbox,
    /// To the room, which empties it before the input is done.
    pub events: VecDeque<(PeerKey, PeerEvent)>,
    /// Connections that changed, with the time when each wants to be woken. Emptied as `events`.
    pub touched: Vec<(PeerKey, Instant)>,
}

/// What to put into an offer.
#[derive(Debug, Default)]
pub struct OfferPlan {
    /// New sections, sending: whether of video, and the stream (RFC 8830) they are played in step with.
    pub add: Vec<(bool, String)>,
    /// Sections that send again.
    pub resume: Vec<Mid>,
    /// Sections that stop sending.
    pub pause: Vec<Mid>,
    /// New ICE credentials: the other end's network has changed. (RFC 8839 §4.4.1.1.1)
    pub restart: bool,
    /// The section of data channels, and one channel of each kind in it.
    pub data: bool,
}

/// What a connection has to be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerKind {
    /// A page in a room whose media the node may read.
    Open,
    /// A page in a room whose media it may not.
    Sealed,
    /// A caller: OBS, GStreamer, a page that only watches.
    Called,
}

impl From<Encryption> for PeerKind {
    fn from(encryption: Encryption) -> Self {
        match encryption {
            Encryption::Off => Self::Open,
            Encryption::Require => Self::Sealed,
        }
    }
}

/// Makes connections, all with one certificate and the same addresses.
pub struct Engine {
    /// For rooms whose media the node may read, for those whose media it may not, and for callers.
    open: RtcConfig,
    sealed: RtcConfig,
    called: RtcConfig,
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
}

impl Engine {
    /// `udp` and `tcp` are told to browsers as host candidates, `tcp` as passive ones (RFC 6544 §4.1).
    #[must_use]
    pub fn new(udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) -> Self {
        let provider = keys::provider();
        let certificate = provider.dtls_provider.generate_certificate();
        let mut config = Rtc::builder()
            .set_crypto_provider(Arc::new(provider))
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .set_sctp_max_message_size(channels::MAX_READ)
            .clear_codecs()
            .set_extension(5, Extension::AbsoluteCaptureTime)
            .set_extension(6, Extension::PlayoutDelay)
            .set_extension(7, Extension::VideoContentType);
        if let Some(certificate) = certificate {
            config = config.set_dtls_cert(certificate);
        }
        let sealed = config.clone().enable_opus(true, false).enable_vp8(true);
        let mut open = config.enable_opus(true, true).enable_vp8(true);
        // The one profile that every browser encodes and decodes. (RFC 7742 §6.2)
        open.codec_config()
            .add_h264(H264.into(), Some(H264_RESENT.into()), true, CONSTRAINED_BASELINE);
        open.codec_config().add_config(
            VP9.into(),
            Some(VP9_RESENT.into()),
            EngineCodec::Vp9,
            Frequency::NINETY_KHZ,
            None,
            FormatParams {
                profile_id: Some(0),
                ..FormatParams::default()
            },
        );
        let open = open.enable_av1(true);
        let called = open.clone().set_crypto_provider(Arc::new(keys::provider_for_all()));
        Self {
            open,
            sealed,
            called,
            udp,
            tcp,
        }
    }

    /// A new connection, not yet described.
    #[must_use]
    pub fn peer(&self, key: PeerKey, kind: PeerKind, now: Instant) -> Peer {
        let config = match kind {
            PeerKind::Open => self.open.clone(),
            PeerKind::Sealed => self.sealed.clone(),
            PeerKind::Called => self.called.clone(),
        };
        let is_open = kind != PeerKind::Sealed;
        let config = match (key.side, is_open) {
            (Side::Up, true) => config.set_extension(DESCRIPTION_UP, described::extension()),
            (Side::Down, true) => config.set_extension(DESCRIPTION_DOWN, described::extension()),
            (_, false) => config,
        };
        let config = match key.side {
            Side::Up => config.set_stats_interval(Some(COUNTING)),
            Side::Down => config
                .set_rtcp_report_interval_audio(NEVER)
                .set_rtcp_report_interval_video(NEVER),
        };
        let rtc = config.build(now);
        Peer::new(key, rtc, keys::take_slot(), (&self.udp, &self.tcp), now)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("udp", &self.udp)
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}

/// What a packet is called toward one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Sequence number, extended; a stream begins below 65,536.
    pub seq: u64,
    /// RTP time in ticks of the codec's clock.
    pub time: u32,
    /// RTP's marker bit.
    pub marker: bool,
    /// When the content was captured, by the server's clock: sender reports are made of it.
    pub wallclock: Instant,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A name of a channel.
    pub(crate) fn channel() -> ChannelId {
        let mut rtc = Rtc::builder().build(std::time::Instant::now());
        rtc.direct_api()
            .create_data_channel(str0m::channel::ChannelConfig::default())
    }

    /// A packet of a picture.
    pub(crate) fn packet(seq: u64, payload: &[u8]) -> Packet {
        Packet {
            mid: Mid::from("0"),
            rid: None,
            ssrc: 1,
            codec: Codec::Video(Video::Vp8),
            seq,
            time: 0,
            marker: false,
            facts: None,
            frame: None,
            extensions: Extensions::default(),
            payload: payload.into(),
        }
    }
}
