//! Browser ↔ signaling: JSON over one WebSocket (`/ws`).
//!
//! Every frame is `{"id"?, "type", …}`. A client numbers its requests; exactly one answer comes back
//! with the same id ([`ServerBody::Ok`], [`ServerBody::Error`] or the answer's own type). Frames without
//! an id are news. State travels whole with a `version` that only grows: a client that resumes on any
//! instance is sent the present state, and drops what is older than what it has.

use serde::{Deserialize, Serialize};

use crate::grants::{Encryption, MediaSource, RoomRole};
use crate::ids::{AppointmentId, ConsultationId, ParticipantId, SeatId, SectionId, StaffId, TrackId};
use crate::keys::KeyMessage;
use crate::problem::Problem;
use crate::seats::{Act, Colleague, InCall, Notes};
use crate::time::UnixMillis;
use crate::turn::IceServer;

/// The version of these messages; a client with another is told to reload its page.
pub const VERSION: u32 = 1;

/// The largest frame either side accepts, in bytes (an SDP with many tracks has about 20,000).
pub const MAX_FRAME: usize = 128 * 1024;

/// A frame from a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientFrame {
    /// The request's number, given back with its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What is asked.
    #[serde(flatten)]
    pub body: ClientBody,
}

/// Who a client says it is. Links prove residents; the session cookie proves staff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Identity {
    /// The holder of a consultation's link.
    Resident {
        /// The link's secret code.
        code: String,
    },
    /// A member of staff, logged in (cookie on the WebSocket's request).
    Staff,
    /// The holder of a guest's link.
    Guest {
        /// The link's secret code.
        code: String,
    },
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientBody {
    /// The first frame. Answered by [`ServerBody::Welcome`].
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Who is there.
        identity: Identity,
    },
    /// The resident has passed the device check and waits.
    Ready {
        /// Whether the page's browser can encrypt a call from end to end.
        #[serde(default)]
        can_encrypt: bool,
    },
    /// Staff ask the resident in.
    Admit {
        /// Which consultation.
        consultation: ConsultationId,
        /// Whether the page's browser can encrypt a call from end to end.
        #[serde(default)]
        can_encrypt: bool,
    },
    /// Either end hangs up, or staff withdraw the link: the consultation is over.
    End {
        /// Which; residents may only name their own.
        consultation: ConsultationId,
    },
    /// Enters the media room. Answered by [`ServerBody::Joined`]. Again after [`ServerBody::MediaLost`].
    Join {
        /// The media token from [`ServerBody::Admitted`].
        token: String,
        /// Whether the page still has both its connections (its WebSocket was lost, not the page). False:
        /// the page is new, and the node opens everything anew for it.
        #[serde(default)]
        has_connections: bool,
    },
    /// Offers the *up* connection. Answered by [`ServerBody::Published`].
    Publish {
        /// The client's SDP offer, complete.
        sdp: String,
        /// What each media section carries.
        tracks: Vec<PublishTrack>,
    },
    /// Answers the *down* connection's offer.
    Answer {
        /// Which offer.
        revision: u32,
        /// The client's SDP answer.
        sdp: String,
    },
    /// How large the page shows the tracks that it receives: the server sends no more than that, and divides a narrow
    /// link by it. Each replaces what was said before; what isn't named is shown as large as it comes.
    View {
        /// At most [`MAX_VIEWS`].
        tracks: Vec<TrackView>,
    },
    /// The page's *down* connection is broken: the server offers it anew with an ICE restart (RFC 8839 §4.4.1.1.1), by the
    /// next [`ServerBody::Offer`].
    Restart,
    /// Tells the others that a track is muted or not.
    Mute {
        /// Which of the client's own tracks.
        source: MediaSource,
        /// True: nothing to see or hear for now.
        muted: bool,
    },
    /// Tells the others in the room something of keys. Signaling passes it on as it is, to those who are there.
    Keys {
        /// To whom; none: to all others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<ParticipantId>,
        /// What.
        message: KeyMessage,
    },
    /// Does something with the seats of a consultation. An invitation is answered by [`ServerBody::Invited`].
    Act {
        /// Which consultation.
        consultation: ConsultationId,
        /// What.
        act: Act,
    },
    /// Staff ask whom they may call. Answered by [`ServerBody::Colleagues`].
    Colleagues,
    /// Staff ask for what was written down. Answered by [`ServerBody::Notes`].
    Notes {
        /// Of which consultation.
        consultation: ConsultationId,
    },
    /// Proves that the link works. Answered by [`ServerBody::Pong`].
    Ping,
}

/// A track in an *up* offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishTrack {
    /// The media section's `mid` in the offer.
    pub mid: String,
    /// What it shows.
    pub source: MediaSource,
}

/// The most tracks in a [`ClientBody::View`].
pub const MAX_VIEWS: usize = 256;

/// How large a received track is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackView {
    /// Which.
    pub track: TrackId,
    /// Its height on the screen in physical pixels. 0: it isn't shown, and needn't be sent.
    pub height: u32,
    /// Every frame matters, more than how sharp each is (somebody signs): on a narrow link it is given as a smaller picture,
    /// never as fewer, and before others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub motion: bool,
}

/// How well a participant's connection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Nothing was heard of it for some seconds: it is reconnecting, or gone.
    Lost,
    /// Much is lost, or pictures are held back because the link is too narrow.
    Poor,
    /// Some loss or delay that a call stands.
    Good,
    /// Nothing to complain of.
    Excellent,
}

/// A track in a *down* offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribedTrack {
    /// The media section's `mid` in the offer.
    pub mid: String,
    /// Which track.
    pub track: TrackId,
    /// Whose.
    pub participant: ParticipantId,
    /// Their role.
    pub role: RoomRole,
    /// What it shows.
    pub source: MediaSource,
}

/// A frame to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerFrame {
    /// The request that this answers; none: news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// What is told.
    #[serde(flatten)]
    pub body: ServerBody,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerBody {
    /// Done.
    Ok,
    /// Not done, and why.
    Error {
        /// The same as the HTTP APIs give.
        problem: Problem,
    },
    /// Hello to you.
    Welcome {
        /// The server's clock, for "waiting since".
        now: UnixMillis,
    },
    /// A consultation as it is now, to those whom it concerns.
    Consultation {
        /// The whole of it.
        consultation: Consultation,
    },
    /// A consultation that staff saw until now isn't theirs to see any more: it went to another section's line, or to
    /// somebody of another section. It goes on, without this page.
    Gone {
        /// Which.
        consultation: ConsultationId,
    },
    /// All open consultations of the staff's office: after hello.
    Consultations {
        /// Newest first.
        consultations: Vec<Consultation>,
        /// The server's clock.
        now: UnixMillis,
    },
    /// You may enter the room now (also after a reconnect during a call).
    Admitted {
        /// Which consultation.
        consultation: ConsultationId,
        /// A short-lived media token for [`ClientBody::Join`].
        token: String,
        /// Servers that help where the node can't be reached directly.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ice_servers: Vec<IceServer>,
        /// Whether the call is encrypted from end to end.
        #[serde(default)]
        encryption: Encryption,
    },
    /// You are in the room.
    Joined {
        /// You.
        participant: ParticipantId,
        /// False: the node knew you already (a resumed link); your connections go on. True: open them anew.
        fresh: bool,
    },
    /// The *up* connection's answer.
    Published {
        /// SDP answer.
        sdp: String,
    },
    /// The *down* connection's (next) offer.
    Offer {
        /// Grows by one.
        revision: u32,
        /// SDP offer.
        sdp: String,
        /// All tracks that are in it now.
        tracks: Vec<SubscribedTrack>,
    },
    /// Another participant muted or unmuted a track.
    Muted {
        /// Who.
        participant: ParticipantId,
        /// What.
        source: MediaSource,
        /// Muted?
        muted: bool,
    },
    /// Another participant left the room.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
    },
    /// Which layers of the page's own track somebody watches: the others need not be sent.
    Layers {
        /// The track.
        source: MediaSource,
        /// Their RIDs (RFC 8851); empty: nobody watches any.
        rids: Vec<String>,
    },
    /// A received track is held back because the link is too narrow for it, or isn't any more.
    Paused {
        /// Which.
        track: TrackId,
        /// Held back?
        paused: bool,
    },
    /// Who speaks, the loudest first. The whole list, whenever it changes.
    Speakers {
        /// Who; perhaps the page's own participant.
        participants: Vec<ParticipantId>,
    },
    /// How well a participant's connection works, whenever that changes.
    ConnectionQuality {
        /// Who; perhaps the page's own participant.
        participant: ParticipantId,
        /// How well.
        quality: Quality,
    },
    /// Another participant tells something of keys.
    Keys {
        /// Who, by their seat.
        from: ParticipantId,
        /// What.
        message: KeyMessage,
    },
    /// The media node is gone: drop both connections, and join again when told [`ServerBody::Admitted`].
    MediaLost,
    /// An answer to a ping.
    Pong,
    /// Somebody was invited.
    Invited {
        /// Their seat.
        seat: SeatId,
        /// Of who was invited by a link: its address, which nobody can read again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Whom staff may call: all others whose console is open.
    Colleagues {
        /// In no order.
        colleagues: Vec<Colleague>,
    },
    /// What was written down of a consultation.
    Notes {
        /// Empty where nothing was.
        notes: Notes,
    },
}

/// Where a consultation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The link was made; nobody came yet.
    Booked,
    /// The resident waits to be asked in.
    Waiting,
    /// Talking.
    Admitted,
    /// Over; the link is dead.
    Ended,
}

/// A consultation as pages see it. Holds no name and no link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// Which.
    pub id: ConsultationId,
    /// Whose business it is.
    pub section: SectionId,
    /// Where it stands.
    pub phase: Phase,
    /// Grows with every change.
    pub version: u64,
    /// Whether the resident's page is open now.
    pub is_present: bool,
    /// When the link was made.
    pub created_at: UnixMillis,
    /// When the link dies by itself.
    pub expires_at: UnixMillis,
    /// Since when the resident waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<UnixMillis>,
    /// When the resident was asked in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<UnixMillis>,
    /// Who serves; staff see it, residents don't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffId>,
    /// How many wait longer in the same section, for the resident's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u32>,
    /// Who sits in it, and how the call is.
    #[serde(default, skip_serializing_if = "InCall::is_empty")]
    pub call: InCall,
    /// The appointment that it is; staff see it, and ask for its name where they need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<AppointmentId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, json: &str) {
        assert_eq!(serde_json::to_string(value).expect("json"), json);
        assert_eq!(&serde_json::from_str::<T>(json).expect("json"), value);
    }

    #[test]
    fn client_frames_round_trip() {
        round_trip(
            &ClientFrame {
                id: Some(1),
                body: ClientBody::Hello {
                    version: 1,
                    identity: Identity::Resident { code: "abc".into() },
                },
            },
            r#"{"id":1,"type":"hello","version":1,"identity":{"kind":"resident","code":"abc"}}"#,
        );
        round_trip(
            &ClientFrame {
                id: Some(2),
                body: ClientBody::Publish {
                    sdp: "v=0".into(),
                    tracks: vec![PublishTrack {
                        mid: "0".into(),
                        source: MediaSource::Camera,
                    }],
                },
            },
            r#"{"id":2,"type":"publish","sdp":"v=0","tracks":[{"mid":"0","source":"camera"}]}"#,
        );
        round_trip(
            &ClientFrame {
                id: None,
                body: ClientBody::Ready { can_encrypt: true },
            },
            r#"{"type":"ready","can_encrypt":true}"#,
        );
        round_trip(
            &ClientFrame {
                id: None,
                body: ClientBody::Mute {
                    source: MediaSource::Microphone,
                    muted: true,
                },
            },
            r#"{"type":"mute","source":"microphone","muted":true}"#,
        );
    }

    #[test]
    fn server_frames_round_trip() {
        let consultation = Consultation {
            id: ConsultationId::new("c1").expect("valid"),
            section: SectionId::new("kosodate").expect("valid"),
            phase: Phase::Waiting,
            version: 4,
            is_present: true,
            created_at: UnixMillis(1),
            expires_at: UnixMillis(2),
            waiting_since: Some(UnixMillis(3)),
            admitted_at: None,
            staff: None,
            ahead: Some(0),
            call: InCall::default(),
            appointment: None,
        };
        round_trip(
            &ServerFrame {
                id: None,
                body: ServerBody::Consultation { consultation },
            },
            r#"{"type":"consultation","consultation":{"id":"c1","section":"kosodate","phase":"waiting","version":4,"is_present":true,"created_at":1,"expires_at":2,"waiting_since":3,"ahead":0}}"#,
        );
        round_trip(
            &ServerFrame {
                id: Some(9),
                body: ServerBody::Error {
                    problem: Problem::new(403, "not-allowed", "許可されていません"),
                },
            },
            r#"{"id":9,"type":"error","problem":{"type":"urn:madoguchi:problem:not-allowed","title":"許可されていません","status":403}}"#,
        );
        round_trip(
            &ServerFrame {
                id: None,
                body: ServerBody::MediaLost,
            },
            r#"{"type":"media_lost"}"#,
        );
    }

    #[test]
    fn an_unknown_message_is_an_error_not_a_guess() {
        assert!(serde_json::from_str::<ClientFrame>(r#"{"type":"record_everything"}"#).is_err());
        assert!(serde_json::from_str::<ClientFrame>(r#"{"id":-1,"type":"ready"}"#).is_err());
    }
}
