//! The SFU without clock and without socket: every function takes `now` and bytes, and leaves datagrams
//! and events to be polled. [`Sfu`] is the entry; [`forward`] is the way of a packet.

mod allocate;
mod bandwidth;
mod branch;
mod caller;
mod clock;
pub mod codec;
pub mod counters;
mod data;
pub mod demux;
mod down;
mod egress;
pub mod engine;
mod feeds;
mod forward;
mod hearing;
mod keyframes;
mod kicked;
mod layers;
mod lipsync;
mod outbox;
mod participant;
mod picture;
mod publish;
mod quality;
mod relay;
mod rewrite;
mod room;
mod selection;
mod sfu;
mod shares;
mod signs;
mod skips;
mod slot;
mod speakers;
mod spill;
mod steps;
mod timers;

use std::net::SocketAddr;

use protocol::control::IceCredentials;
use protocol::grants::{MediaGrant, MediaSource};
use protocol::ids::{ParticipantId, RoomId};
use protocol::signal::{PublishTrack, TrackView};

pub use clock::WallClock;
pub use counters::{Counters, DataCounters, DataDrop, DropReason, LINK_BOUNDS_BPS};
pub use outbox::{Datagram, Outbox};
pub use relay::{Publishers, Relay, Spill, WorkerIndex};
pub use sfu::{Settings, Sfu};

/// The largest datagram that is looked at, in bytes: an Ethernet frame's payload. WebRTC sends less.
pub const MAX_DATAGRAM: usize = 1500;

/// The largest RTP payload that is forwarded, in bytes.
pub const MAX_PAYLOAD: usize = 1500;

/// A room's place in this process. Never given twice.
pub(crate) type RoomKey = u64;

/// A participant's place in this process. Never given twice.
pub(crate) type Seat = u64;

/// A connection of signaling to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Which of a participant's two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// By which it publishes.
    Up,
    /// By which it is served.
    Down,
}

/// A peer connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey {
    pub(crate) room: RoomKey,
    pub(crate) seat: Seat,
    pub(crate) side: Side,
    /// A connection made anew in the same place has another.
    pub(crate) epoch: u32,
}

/// How a datagram travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// As it is.
    Udp,
    /// As a frame of a TCP stream (RFC 4571), for who has no UDP.
    Tcp,
}

/// The other end of a way: the same address by UDP and by TCP are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Remote {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

/// A way between this node and the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// How.
    pub transport: Transport,
    /// Our end: one of the addresses told to browsers.
    pub ours: SocketAddr,
    /// The other one.
    pub theirs: SocketAddr,
}

impl Path {
    /// Its other end.
    #[must_use]
    pub fn remote(self) -> Remote {
        Remote {
            transport: self.transport,
            address: self.theirs,
        }
    }
}

/// What signaling asks, its tokens already checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// See [`RequestBody::Join`](protocol::control::RequestBody::Join).
    Join {
        /// What the token grants, and to whom.
        grant: MediaGrant,
        /// Whether the client still has the connections it made before.
        has_connections: bool,
    },
    /// See [`RequestBody::Publish`](protocol::control::RequestBody::Publish).
    Publish {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// SDP offer.
        sdp: String,
        /// What each media section carries.
        tracks: Vec<PublishTrack>,
    },
    /// See [`RequestBody::Answer`](protocol::control::RequestBody::Answer).
    Answer {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// Which offer.
        revision: u32,
        /// SDP answer.
        sdp: String,
    },
    /// See [`RequestBody::View`](protocol::control::RequestBody::View).
    View {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// How tall it shows what.
        tracks: Vec<TrackView>,
    },
    /// See [`RequestBody::Restart`](protocol::control::RequestBody::Restart).
    Restart {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// See [`RequestBody::Mute`](protocol::control::RequestBody::Mute).
    Mute {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// What.
        source: MediaSource,
        /// Muted?
        muted: bool,
    },
    /// See [`RequestBody::Leave`](protocol::control::RequestBody::Leave).
    Leave {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// See [`RequestBody::Kick`](protocol::control::RequestBody::Kick).
    Kick {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// See [`RequestBody::Ingest`](protocol::control::RequestBody::Ingest).
    Ingest {
        /// What the token grants, and to whom.
        grant: MediaGrant,
        /// SDP offer.
        sdp: String,
    },
    /// See [`RequestBody::Watch`](protocol::control::RequestBody::Watch).
    Watch {
        /// What the token grants, and to whom.
        grant: MediaGrant,
        /// SDP offer.
        sdp: String,
    },
    /// See [`RequestBody::Ice`](protocol::control::RequestBody::Ice).
    Ice {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// The client's new credentials.
        restart: Option<IceCredentials>,
    },
    /// See [`RequestBody::CloseRoom`](protocol::control::RequestBody::CloseRoom).
    CloseRoom {
        /// The room.
        room: RoomId,
    },
}
