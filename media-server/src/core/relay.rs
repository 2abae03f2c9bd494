//! What the workers that share a room say to each other. See [`super::spill`].
//!
//! Invariant: a message names everything that it concerns; only media may be lost.

use std::sync::Arc;
use std::time::Instant;

use protocol::control::OutReason;
use protocol::grants::{Encryption, MediaSource, RoomRole};
use protocol::ids::{ParticipantId, RoomId, TrackId};
use protocol::signal::Quality;

use super::engine::{Packet, Rid};
use super::sfu::Asker;
use super::{ConnectionId, Request};

/// A worker's number, from 0.
pub type WorkerIndex = usize;

/// What a worker says to another.
#[derive(Debug, Clone)]
pub enum Relay {
    /// To a branch: signaling asks. The branch answers it.
    Ask {
        /// Who asks.
        connection: ConnectionId,
        /// What the answer is to be called.
        id: u64,
        /// What.
        request: Box<Request>,
        /// Grows with each participant that is given to a branch.
        number: u64,
    },
    /// To a branch: who publishes what. It replaces what was said before.
    Publishers {
        /// Whether somebody follows whom the branch has to take in; otherwise it need not be opened for this.
        opens: bool,
        /// The state.
        publishers: Arc<Publishers>,
    },
    /// To a branch: packets of one layer, with the times when they were captured.
    Media {
        /// The room.
        room: RoomId,
        /// The track.
        track: TrackId,
        /// Its layer's number.
        layer: usize,
        /// In the order in which they came.
        packets: Arc<[(Arc<Packet>, Instant)]>,
    },
    /// To a branch: a participant goes over to another worker.
    Forget {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// To a branch: the room is closed.
    Close {
        /// The room.
        room: RoomId,
        /// Why.
        reason: OutReason,
    },
    /// To the home: this participant isn't here, or not any more.
    Gone {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// The number of the last [`Relay::Ask`] before it went.
        seen: u64,
    },
    /// To the home: the layers of a track that are watched at a branch.
    Layers {
        /// The room.
        room: RoomId,
        /// The track.
        track: TrackId,
        /// Their names.
        rids: Vec<Rid>,
    },
    /// To the home: a layer's key frame is needed.
    KeyFrame {
        /// The room.
        room: RoomId,
        /// The track.
        track: TrackId,
        /// The layer's number.
        layer: usize,
    },
}

impl Relay {
    /// Whether it is stale so soon that it is better lost than late.
    #[must_use]
    pub fn is_media(&self) -> bool {
        matches!(self, Self::Media { .. })
    }

    pub(super) fn ask(to: Asker, request: Request, number: u64) -> Self {
        Self::Ask {
            connection: to.connection,
            id: to.request,
            request: Box::new(request),
            number,
        }
    }
}

/// What a branch knows of its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publishers {
    pub(super) room: RoomId,
    pub(super) encryption: Encryption,
    pub(super) all: Vec<Publisher>,
    /// The loudest first.
    pub(super) speakers: Vec<ParticipantId>,
}

/// Who publishes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Publisher {
    pub(super) id: ParticipantId,
    pub(super) role: RoomRole,
    pub(super) tracks: Vec<(MediaSource, TrackId, Vec<Rid>)>,
    pub(super) muted: Vec<MediaSource>,
    pub(super) quality: Option<Quality>,
}

/// When rooms spill, and where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spill {
    /// This worker.
    pub worker: WorkerIndex,
    /// How many there are.
    pub workers: usize,
    /// A room with so many participants on its own worker gives those who come and only watch to others.
    pub after: usize,
}

impl Spill {
    /// There is only one worker.
    pub const NEVER: Self = Self {
        worker: 0,
        workers: 1,
        after: usize::MAX,
    };
}
