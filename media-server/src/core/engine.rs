//! WebRTC connections: the only place that touches str0m ([`Peer`] is in `engine/peer.rs`).
//!
//! Invariant: every change to a connection ends in a full drain, so that between two calls str0m holds
//! nothing that wants out. What came out lies in [`Drain`], in order.

mod peer;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use str0m::media::ExtensionValues;
use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

use super::{Datagram, PeerKey, Remote};

pub use peer::Peer;

/// A media section's name within one connection.
pub use str0m::media::Mid;

/// How often a connection tells its NACKs.
const COUNTING: Duration = Duration::from_secs(5);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 7741.
    Vp8,
    /// RFC 7587.
    Opus,
}

impl Codec {
    /// RTP clock ticks a second.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Vp8 => 90_000,
            Self::Opus => 48_000,
        }
    }
}

/// The header extensions of a packet that belong to its content, not to its way.
#[derive(Debug, Clone, Default)]
pub struct Extensions(ExtensionValues);

/// A packet from a publisher.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The section it came by.
    pub mid: Mid,
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
    /// Whether a decoder can begin with this packet.
    pub is_start: bool,
    /// What goes on to the subscribers besides the payload.
    pub extensions: Extensions,
    /// RTP payload.
    pub payload: Arc<[u8]>,
}

/// What a connection tells.
#[derive(Debug)]
pub enum PeerEvent {
    /// Media can flow.
    Connected,
    /// The other end closed it, or it broke.
    Closed,
    /// Somebody who knows the connection's secret was heard from this address.
    Proven(Remote),
    /// A packet of a publisher.
    Packet(Packet),
    /// So many more NACK messages went to a publisher or came from a subscriber.
    Nacks(u64),
    /// A subscriber needs a key frame of what this section shows.
    KeyFrameAsked(Mid),
    /// A publisher's clock: at `ntp` its section's RTP time was `time`. (RFC 3550 §6.4.1)
    SenderReport {
        /// The section.
        mid: Mid,
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
    /// To the network. Bounded by what one input can cause (one datagram a subscriber and packet): the
    /// shell empties it after every input.
    pub datagrams: VecDeque<Datagram>,
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
}

/// Makes connections, all with one certificate and the same addresses.
pub struct Engine {
    config: RtcConfig,
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
}

impl Engine {
    /// `udp` and `tcp` are told to browsers as host candidates, `tcp` as passive ones (RFC 6544 §4.1).
    #[must_use]
    pub fn new(udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) -> Self {
        let provider = str0m::crypto::from_feature_flags();
        let certificate = provider.dtls_provider.generate_certificate();
        let mut config = Rtc::builder()
            .set_crypto_provider(Arc::new(provider))
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .set_stats_interval(Some(COUNTING))
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_extension(5, Extension::AbsoluteCaptureTime)
            .set_extension(6, Extension::PlayoutDelay)
            .set_extension(7, Extension::VideoContentType);
        if let Some(certificate) = certificate {
            config = config.set_dtls_cert(certificate);
        }
        Self { config, udp, tcp }
    }

    /// A new connection, not yet described.
    #[must_use]
    pub fn peer(&self, key: PeerKey, now: Instant) -> Peer {
        Peer::new(key, self.config.clone().build(now), &self.udp, &self.tcp, now)
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
    /// When the content was captured, by the server's clock: sender reports are made of it.
    pub wallclock: Instant,
}
