//! One participant: what it may, what it publishes, and its two connections.
//!
//! Invariant: a participant has a track for exactly those sections of its *up* connection that its grant
//! names, and no track without that connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use protocol::grants::{MediaGrant, MediaSource, RoomRole};
use protocol::ids::{ParticipantId, TrackId};

use super::down::Down;
use super::engine::{Mid, Packet, Peer};
use super::keyframes::KeyFrames;
use super::lipsync::{PublisherClock, Report};
use super::{ConnectionId, Seat, Side};

/// How many of a picture's last packets are kept. They serve a subscriber whose first packet, the beginning
/// of a key frame, comes late: those that overtook it are not lost on it. When full the oldest goes.
const RECENT_PACKETS: usize = 64;

/// Who is in a room.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) role: RoomRole,
    /// What may be published.
    pub(crate) granted: Vec<MediaSource>,
    /// Whether others' tracks may be received.
    pub(crate) may_subscribe: bool,
    /// By which connection of signaling it hears.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) up: Option<Up>,
    pub(crate) down: Option<Down>,
    pub(crate) tracks: BTreeMap<MediaSource, Track>,
    /// Muted sources, published or not.
    pub(crate) muted: BTreeSet<MediaSource>,
    pub(crate) clock: PublisherClock,
    /// The other end closed this one: a client that comes back begins anew.
    pub(crate) closed: Option<Side>,
    heard_at: Instant,
}

/// The connection by which a participant publishes.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) peer: Peer,
    /// Who wrote its offers. (RFC 8829 §5.2.1)
    pub(crate) session: String,
    pub(crate) sections: Vec<(Mid, MediaSource)>,
    pub(crate) is_connected: bool,
}

impl Up {
    /// What a section carries.
    pub(crate) fn source_of(&self, mid: Mid) -> Option<MediaSource> {
        self.sections
            .iter()
            .find(|(it, _)| *it == mid)
            .map(|(_, source)| *source)
    }

    /// Which section carries it.
    pub(crate) fn section_of(&self, source: MediaSource) -> Option<Mid> {
        self.sections.iter().find(|(_, it)| *it == source).map(|(mid, _)| *mid)
    }
}

/// What a participant publishes.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) keyframes: KeyFrames,
    pub(crate) report: Option<Report>,
    /// Who gets it: seat and slot of its *down* connection.
    pub(crate) subscribers: Vec<(Seat, usize)>,
    pub(crate) recent: Recent,
}

impl Track {
    pub(crate) fn new() -> Self {
        Self {
            id: TrackId::random(),
            keyframes: KeyFrames::default(),
            report: None,
            subscribers: Vec::new(),
            recent: Recent::default(),
        }
    }
}

/// The last packets of a picture, with the time when they were captured.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<(Packet, Instant)>);

impl Recent {
    pub(crate) fn keep(&mut self, packet: &Packet, captured_at: Instant) {
        if self.0.len() == RECENT_PACKETS {
            self.0.pop_front();
        }
        self.0.push_back((packet.clone(), captured_at));
    }

    /// Those that follow a packet in its stream, in no order.
    pub(crate) fn after(&self, first: &Packet) -> impl Iterator<Item = &(Packet, Instant)> {
        let (ssrc, seq) = (first.ssrc, first.seq);
        self.0.iter().filter(move |(it, _)| it.ssrc == ssrc && it.seq > seq)
    }
}

impl Participant {
    pub(crate) fn new(grant: MediaGrant, connection: ConnectionId, now: Instant) -> Self {
        Self {
            id: grant.participant,
            role: grant.role,
            granted: grant.publish,
            may_subscribe: grant.subscribe,
            connection: Some(connection),
            up: None,
            down: None,
            tracks: BTreeMap::new(),
            muted: BTreeSet::new(),
            clock: PublisherClock::default(),
            closed: None,
            heard_at: now,
        }
    }

    /// It gave a sign of life.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// Whether nothing was heard for `limit`. Who has no connection (nothing to send, nothing to see yet) is
    /// vouched for by signaling.
    pub(crate) fn is_silent(&mut self, limit: Duration, now: Instant) -> bool {
        if self.up.is_none() && self.down.is_none() && self.connection.is_some() && self.closed.is_none() {
            self.heard_at = now;
        }
        now.saturating_duration_since(self.heard_at) >= limit
    }

    /// The connection on this side, if it is still this one.
    pub(crate) fn peer(&mut self, side: Side, epoch: u32) -> Option<&mut Peer> {
        let peer = match side {
            Side::Up => self.up.as_mut().map(|up| &mut up.peer),
            Side::Down => self.down.as_mut().map(Down::peer),
        };
        peer.filter(|peer| peer.key().epoch == epoch)
    }
}
