//! Ids of the things the parts talk about.
//!
//! Two kinds: *names* that an operator writes in the configuration (`office`, `area`, `screen` …: 1 to
//! 40 characters of `a`–`z`, `0`–`9` and `-`), and *random* ids that the programs make (128 bits as 26
//! characters of lower-case base32). Both are safe in a URL, a Redis key and a log line.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text isn't an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: expected 1 to 40 of the characters a-z, 0-9 and \"-\"")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

pub(crate) const MAX_LEN: usize = 40;

fn is_valid(text: &str) -> bool {
    (1..=MAX_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// 128 random bits as 26 characters of lower-case base32 (RFC 4648, unpadded).
fn random_text() -> String {
    let bytes: [u8; 16] = rand::random();
    data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// [`InvalidId`] when it is empty, longer than 40 or has a character outside `a-z0-9-`.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, text }) }
            }

            /// A new id of 128 random bits, written as 26 characters.
            #[must_use]
            pub fn random() -> Self {
                Self(random_text())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One ward office. A city runs many on one installation.
    OfficeId,
    "office id"
);
id!(
    /// A place whose crowding is shown, such as the lobby of the first floor.
    AreaId,
    "area id"
);
id!(
    /// A camera that `vision` reads.
    CameraId,
    "camera id"
);
id!(
    /// A paired signage player.
    ScreenId,
    "screen id"
);
id!(
    /// A group of screens that show the same frames.
    GroupId,
    "group name"
);
id!(
    /// A booth where residents talk with sections from elsewhere (遠隔相談ブース).
    BoothId,
    "booth id"
);
id!(
    /// A section (課) of the office.
    SectionId,
    "section id"
);
id!(
    /// A member of staff. Logs and audit name this, never the person.
    StaffId,
    "staff id"
);
id!(
    /// One media-server process.
    NodeId,
    "node id"
);
id!(
    /// One consultation (相談), from its link to its end.
    ConsultationId,
    "consultation id"
);
id!(
    /// One broadcast (中継), as long as it may be watched.
    BroadcastId,
    "broadcast id"
);
id!(
    /// Something that may be booked.
    BookingId,
    "booking id"
);
id!(
    /// What an appointment is about, or a question asked before it.
    TopicId,
    "topic id"
);
id!(
    /// One appointment (予約).
    AppointmentId,
    "appointment id"
);
id!(
    /// One media session on a node.
    RoomId,
    "room id"
);
id!(
    /// One participant of a room.
    ParticipantId,
    "participant id"
);
id!(
    /// One seat of a consultation, for somebody who was invited.
    SeatId,
    "seat id"
);
id!(
    /// One published track.
    TrackId,
    "track id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_say_what_was_expected() {
        assert_eq!(OfficeId::new("minami").expect("valid").as_str(), "minami");
        for bad in ["", "南区", "Minami", "a b", "a{b}", &"x".repeat(41)] {
            let error = OfficeId::new(bad).expect_err(bad).to_string();
            assert!(error.contains("office id") && error.contains("a-z"), "{error}");
        }
    }

    #[test]
    fn random_ids_are_valid_and_differ() {
        let (a, b) = (RoomId::random(), RoomId::random());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 26);
        assert_eq!(RoomId::new(a.as_str()).expect("random ids are valid"), a);
    }

    #[test]
    fn a_bad_id_in_json_is_refused() {
        assert!(serde_json::from_str::<AreaId>("\"1階\"").is_err());
        assert_eq!(
            serde_json::to_string(&AreaId::new("lobby-1f").expect("valid")).expect("json"),
            "\"lobby-1f\""
        );
    }
}
