//! One participant: what it may, what it publishes, and its two connections.
//!
//! Invariant: a participant has a track for exactly those sections of its *up* connection that its grant
//! names, and no track without that connection, unless both are another worker's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use protocol::grants::{MediaGrant, MediaSource, RoomRole};
use protocol::ids::{ParticipantId, TrackId};
use protocol::signal::TrackView;

use super::data::Place;
use super::down::Down;
use super::engine::{Mid, Peer, Rid};
use super::layers::Track;
use super::lipsync::PublisherClock;
use super::quality::Health;
use super::{ConnectionId, Side};

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
    /// What it sends and receives besides; none: nothing.
    pub(super) data: Option<Box<Place>>,
    /// Muted sources, published or not.
    pub(crate) muted: BTreeSet<MediaSource>,
    pub(crate) clock: PublisherClock,
    /// How tall it shows the tracks of others, in pixels.
    pub(crate) views: BTreeMap<TrackId, TrackView>,
    pub(crate) health: Health,
    /// The other end closed this one: a client that comes back begins anew.
    pub(crate) closed: Option<Side>,
    /// What a caller offered; none: it isn't one. See [`super::caller`].
    pub(crate) called_with: Option<Box<str>>,
    /// Its connections are another worker's. See [`super::branch`].
    pub(super) is_elsewhere: bool,
    heard_at: Instant,
}

/// The connection by which a participant publishes.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) peer: Peer,
    /// Who wrote its offers. (RFC 8829 §5.2.1)
    pub(crate) session: String,
    pub(crate) sections: Vec<Section>,
    /// Whether data channels can be opened on it.
    pub(crate) has_data: bool,
    pub(crate) is_connected: bool,
}

/// What a section of an *up* connection carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) mid: Mid,
    pub(crate) source: MediaSource,
    /// Its layers in ascending order of quality; empty: one without a name.
    pub(crate) rids: Vec<Rid>,
}

impl Up {
    /// What a section carries.
    pub(crate) fn source_of(&self, mid: Mid) -> Option<MediaSource> {
        self.sections.iter().find(|it| it.mid == mid).map(|it| it.source)
    }

    /// Which section carries it.
    pub(crate) fn section_of(&self, source: MediaSource) -> Option<Mid> {
        self.sections.iter().find(|it| it.source == source).map(|it| it.mid)
    }
}

impl Participant {
    pub(crate) fn new(grant: MediaGrant, connection: Option<ConnectionId>, now: Instant) -> Self {
        Self {
            granted: grant.publish,
            may_subscribe: grant.subscribe,
            data: Place::granted(grant.data, now),
            connection,
            ..Self::bare(grant.participant, grant.role, now)
        }
    }

    /// A publisher that is on another worker.
    pub(super) fn elsewhere(id: ParticipantId, role: RoomRole, now: Instant) -> Self {
        Self {
            is_elsewhere: true,
            ..Self::bare(id, role, now)
        }
    }

    fn bare(id: ParticipantId, role: RoomRole, now: Instant) -> Self {
        Self {
            id,
            role,
            granted: Vec::new(),
            may_subscribe: false,
            connection: None,
            up: None,
            down: None,
            tracks: BTreeMap::new(),
            data: None,
            muted: BTreeSet::new(),
            clock: PublisherClock::default(),
            views: BTreeMap::new(),
            health: Health::default(),
            closed: None,
            called_with: None,
            is_elsewhere: false,
            heard_at: now,
        }
    }

    /// It gave a sign of life.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// How long nothing was heard of it.
    pub(crate) fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard_at)
    }

    /// Whether nothing was heard for `limit`. Who has no connection (nothing to send, nothing to see yet) is
    /// vouched for by signaling, who is on another worker by that.
    pub(crate) fn is_silent(&mut self, limit: Duration, now: Instant) -> bool {
        let is_vouched_for = self.connection.is_some() || self.is_elsewhere;
        if self.up.is_none() && self.down.is_none() && is_vouched_for && self.closed.is_none() {
            self.heard_at = now;
        }
        self.silent_for(now) >= limit
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
