//! Signaling ↔ media node: JSON over one WebSocket that the node serves, with the same framing as
//! [`crate::signal`]. The node knows rooms, participants, tracks and grants, and nothing of what they
//! are for.

use serde::{Deserialize, Serialize};

use crate::grants::MediaSource;
use crate::ids::{NodeId, ParticipantId, RoomId, TrackId};
use crate::problem::Problem;
use crate::signal::{PublishTrack, Quality, SubscribedTrack, TrackView};

/// The version of these messages. Grows only when an old side couldn't go on with a new one: nodes and signaling of
/// two releases have to get along while an office is upgraded node by node.
pub const VERSION: u32 = 1;

/// The kind of problem with which a draining node refuses a new room (503): it belongs on another node.
pub const DRAINING: &str = "draining";

/// The kind of problem with which a node refuses who was put out of a room (403).
pub const KICKED: &str = "kicked";

/// The kind of problem with which a node refuses a second publisher (409): see [`RequestBody::Ingest`].
pub const BUSY: &str = "busy";

/// A request to a node. The connection itself is authorised by a
/// [`NodeGrant`](crate::grants::NodeGrant) in its `Authorization` header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRequest {
    /// Given back with the answer.
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub body: RequestBody,
}

/// What a node is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RequestBody {
    /// The first request. Answered by [`AnswerBody::Welcome`].
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// A participant enters its room, which opens when it is the first. Answered by [`AnswerBody::Joined`].
    /// News of it go to this connection from now on.
    Join {
        /// A token with a [`MediaGrant`](crate::grants::MediaGrant).
        token: String,
        /// True: a participant that is there already stays as it is (`fresh: false`). False: its page is new;
        /// what the node still holds of it is dropped, and it begins anew (`fresh: true`).
        #[serde(default)]
        has_connections: bool,
    },
    /// A participant's *up* offer. Answered by [`AnswerBody::Published`].
    Publish {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// SDP offer.
        sdp: String,
        /// What each media section carries; what the grant doesn't name is refused.
        tracks: Vec<PublishTrack>,
    },
    /// A participant's answer to the node's *down* offer.
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
    /// See [`ClientBody::View`](crate::signal::ClientBody::View).
    View {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// How large it shows what.
        tracks: Vec<TrackView>,
    },
    /// See [`ClientBody::Restart`](crate::signal::ClientBody::Restart).
    Restart {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// A participant mutes one of its tracks: the node forwards nothing of it while muted.
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
    /// A participant leaves, or is made to.
    Leave {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// A participant is put out, and its tokens stop working at once: until every token that was signed before has
    /// expired ([`MEDIA_TOKEN_LASTS`](crate::grants::MEDIA_TOKEN_LASTS)) it can't join this room on this node again.
    /// Who isn't there is kept out all the same.
    Kick {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// Somebody who speaks by one offer and one answer only (WHIP, RFC 9725) enters and publishes: the first picture of the
    /// offer is its camera, the first sound its microphone. One at a time: while another is there who publishes, it is
    /// refused ([`BUSY`]). Nothing is told of it later; it is out when its connection closes. Answered by
    /// [`AnswerBody::Published`].
    Ingest {
        /// A token with a [`MediaGrant`](crate::grants::MediaGrant).
        token: String,
        /// SDP offer.
        sdp: String,
    },
    /// Somebody who speaks by one offer and one answer only (WHEP, draft-ietf-wish-whep) enters and is served what others
    /// publish, now and later, by the sections that it offers to receive. As for [`RequestBody::Ingest`] nothing is told
    /// of it later. Answered by [`AnswerBody::Published`].
    Watch {
        /// A token with a [`MediaGrant`](crate::grants::MediaGrant).
        token: String,
        /// SDP offer.
        sdp: String,
    },
    /// By which ICE credentials the connection of such a participant is called; with `restart` they are made anew
    /// (RFC 9725 §4.3.3). Answered by [`AnswerBody::Ice`].
    Ice {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// The client's new ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart: Option<IceCredentials>,
    },
    /// The room ends for all. A room that isn't there is as good as closed.
    CloseRoom {
        /// The room.
        room: RoomId,
    },
    /// The node takes no new rooms any more and ends when it is empty, or when the time is over: who is there then is
    /// out ([`OutReason::Draining`]) and may join elsewhere. Asked again, the new time holds. Answered by
    /// [`AnswerBody::Status`].
    Drain {
        /// How long rooms may still last, in milliseconds from now.
        within_ms: u64,
    },
    /// How is the node? Answered by [`AnswerBody::Status`].
    Status,
    /// Proves that the link works.
    Ping,
}

/// One end's of an ICE session. (RFC 8839 §5.4)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceCredentials {
    /// `ice-ufrag`.
    pub ufrag: String,
    /// `ice-pwd`.
    pub pwd: String,
}

impl IceCredentials {
    /// Those in a trickle ICE fragment, at either level; none: it doesn't have both. (RFC 8840 §9)
    #[must_use]
    pub fn of_fragment(fragment: &str) -> Option<Self> {
        let value = |name| {
            fragment
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim_end)
        };
        Some(Self {
            ufrag: value("a=ice-ufrag:")?.to_owned(),
            pwd: value("a=ice-pwd:")?.to_owned(),
        })
    }
}

/// A frame from a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeFrame {
    /// The request that this answers; none: an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What is told.
    #[serde(flatten)]
    pub body: AnswerBody,
}

/// What a node tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AnswerBody {
    /// Done.
    Ok,
    /// Not done, and why.
    Error {
        /// The reason.
        problem: Problem,
    },
    /// The node's name.
    Welcome {
        /// A new one at each start: another id is another memory.
        node: NodeId,
    },
    /// The participant is in the room.
    Joined {
        /// The room, from the token.
        room: RoomId,
        /// Who, from the token.
        participant: ParticipantId,
        /// Whether it wasn't there before.
        fresh: bool,
    },
    /// The *up* connection's answer.
    Published {
        /// SDP answer.
        sdp: String,
    },
    /// The ICE session of a participant.
    Ice {
        /// The node's `ice-ufrag`: another session has another.
        ufrag: String,
        /// After a restart: the node's credentials and candidates, as a trickle fragment (RFC 8840 §9).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fragment: Option<String>,
    },
    /// How the node is.
    Status {
        /// Rooms that are open.
        rooms: u64,
        /// Participants in them.
        participants: u64,
        /// While it drains: when it ends at the latest, in milliseconds from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_in_ms: Option<u64>,
    },
    /// Event: a participant's *down* connection has a (next) offer. Sent again to a connection that re-joins it
    /// while it is unanswered.
    Offer {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// Grows by one.
        revision: u32,
        /// SDP offer.
        sdp: String,
        /// All tracks that are in it now.
        tracks: Vec<SubscribedTrack>,
    },
    /// Event: another participant muted a track.
    Muted {
        /// The room.
        room: RoomId,
        /// Who is told.
        participant: ParticipantId,
        /// Who muted.
        by: ParticipantId,
        /// What.
        source: MediaSource,
        /// Muted?
        muted: bool,
    },
    /// Event: which layers of a participant's track somebody watches.
    Layers {
        /// The room.
        room: RoomId,
        /// Whose track; it is told.
        participant: ParticipantId,
        /// The track.
        source: MediaSource,
        /// Their RIDs.
        rids: Vec<String>,
    },
    /// Event: a track is held back from a participant because its link is too narrow, or isn't any more.
    Paused {
        /// The room.
        room: RoomId,
        /// Who is told.
        participant: ParticipantId,
        /// Which track.
        track: TrackId,
        /// Held back?
        paused: bool,
    },
    /// Event: who speaks, the loudest first.
    Speakers {
        /// The room.
        room: RoomId,
        /// Who is told.
        participant: ParticipantId,
        /// Who speaks.
        speakers: Vec<ParticipantId>,
    },
    /// Event: how well somebody's connection works.
    ConnectionQuality {
        /// The room.
        room: RoomId,
        /// Who is told.
        participant: ParticipantId,
        /// Whose connection.
        who: ParticipantId,
        /// How well.
        quality: Quality,
    },
    /// Event: another participant left.
    Left {
        /// The room.
        room: RoomId,
        /// Who is told.
        participant: ParticipantId,
        /// Who left.
        who: ParticipantId,
    },
    /// Event: this participant itself is out, and why. Nothing more is told of it.
    Out {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: OutReason,
    },
}

/// Why a participant is out of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutReason {
    /// It left, or was made to.
    Left,
    /// Nothing was heard from it for too long.
    Silent,
    /// The room closed.
    RoomClosed,
    /// It was put out: its tokens hold no more.
    Kicked,
    /// The node ends: the room may go on on another one, at once.
    Draining,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_s_credentials_are_found_at_either_level() {
        let fragment = "a=ice-options:trickle\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:ysXw\r\n\
            a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n";
        let found = IceCredentials::of_fragment(fragment).expect("both");
        assert_eq!(
            (found.ufrag.as_str(), found.pwd.as_str()),
            ("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k")
        );
        assert_eq!(IceCredentials::of_fragment("a=ice-ufrag:ysXw\r\n"), None);
    }

    #[test]
    fn requests_and_events_round_trip() {
        let request = NodeRequest {
            id: 3,
            body: RequestBody::Leave {
                room: RoomId::new("r").expect("valid"),
                participant: ParticipantId::new("p").expect("valid"),
            },
        };
        let json = serde_json::to_string(&request).expect("json");
        assert_eq!(json, r#"{"id":3,"type":"leave","room":"r","participant":"p"}"#);
        assert_eq!(serde_json::from_str::<NodeRequest>(&json).expect("json"), request);

        let event = NodeFrame {
            id: None,
            body: AnswerBody::Out {
                room: RoomId::new("r").expect("valid"),
                participant: ParticipantId::new("p").expect("valid"),
                reason: OutReason::Silent,
            },
        };
        let json = serde_json::to_string(&event).expect("json");
        assert_eq!(json, r#"{"type":"out","room":"r","participant":"p","reason":"silent"}"#);
        assert_eq!(serde_json::from_str::<NodeFrame>(&json).expect("json"), event);
    }
}
