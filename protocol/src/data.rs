//! Data messages between the participants of a room: bytes that a media node passes on and doesn't look into.
//!
//! They travel on data channels (RFC 8831): from a participant on those that it opens on its *up* connection, to a
//! participant on those that the node opens on its *down* connection. A channel's label says nothing. One that is ordered
//! and loses nothing is *reliable*; any other is *lossy*. A message is binary: a head, then the body.
//!
//! | byte | to the node | from the node |
//! |---|---|---|
//! | 0 | [`VERSION`] | [`VERSION`] |
//! | 1 | 0 | 1 when it is for nobody else, otherwise 0 |
//! | 2–5 | the sender's number for it, big-endian | the same |
//! | 6 | how many bytes follow in the name | the same |
//! | 7– | for whom; empty: for all | from whom: the node writes it, the sender can't |
//!
//! Every message on a reliable channel is answered there once, by a [`DataAnswer`] in a text message. An answer waits
//! while who is to get the message has much before it: that is how a sender is held back. It never waits for somebody who
//! takes nothing. Who sends no more than [`WINDOW`] bytes ahead of the answers is never told that it sends too fast.
//!
//! A message that was answered is kept until its receiver's end has it, also while that one's connection is made anew; it
//! may come twice then, with the same number.

use serde::{Deserialize, Serialize};

use crate::ids::ParticipantId;
use crate::problem::Problem;

/// The version of the head.
pub const VERSION: u8 = 1;

/// The largest body, in bytes: what every WebRTC implementation takes in one message. (RFC 8831 §6.6)
pub const MAX_BODY: usize = 16 * 1024;

/// How many bytes of messages a sender may have on the way whose answers it doesn't have yet.
pub const WINDOW: usize = 32 * 1024;

/// The most names in a [`DataAnswer::Taken`].
pub const MAX_MISSED: usize = 16;

/// Bytes before the name.
const HEAD: usize = 7;

const FOR_YOU_ALONE: u8 = 1;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataMessage<'a> {
    /// The sender's number for it.
    pub number: u32,
    /// To the node: for whom; none: for all. From the node: from whom.
    pub peer: Option<ParticipantId>,
    /// From the node: whether it is for the receiver alone.
    pub is_private: bool,
    /// What is in it.
    pub body: &'a [u8],
}

/// What a media node says about a message on a reliable channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DataAnswer {
    /// It was passed on.
    Taken {
        /// The sender's number for it.
        number: u32,
        /// Who doesn't get it, because too much waits for them already: [`MAX_MISSED`] of them at most.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missed: Vec<ParticipantId>,
        /// How many more don't get it.
        #[serde(default, skip_serializing_if = "is_zero")]
        missed_more: u32,
    },
    /// Nobody gets it.
    Refused {
        /// The sender's number for it, if that could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        /// Why.
        problem: Problem,
    },
}

// serde gives a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why bytes aren't a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// It ends within its head.
    #[error("the message is too short for its head")]
    TooShort,
    /// Another version, or a flag that this one doesn't know.
    #[error("the message is of version {version} with flags {flags}: expected version {VERSION}")]
    Unknown {
        /// Byte 0.
        version: u8,
        /// Byte 1.
        flags: u8,
    },
    /// The name is none.
    #[error("the name in the message isn't a participant's")]
    BadName,
}

impl<'a> DataMessage<'a> {
    /// Writes it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let name = self.peer.as_ref().map_or("", ParticipantId::as_str);
        let mut bytes = Vec::with_capacity(HEAD + name.len() + self.body.len());
        bytes.extend([VERSION, if self.is_private { FOR_YOU_ALONE } else { 0 }]);
        bytes.extend(self.number.to_be_bytes());
        // An id has at most 40 bytes.
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.extend(self.body);
        bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DataError`]
    pub fn read(bytes: &'a [u8]) -> Result<Self, DataError> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(DataError::TooShort)?;
        let [version, flags, n0, n1, n2, n3, len] = *head;
        if version != VERSION || flags & !FOR_YOU_ALONE != 0 {
            return Err(DataError::Unknown { version, flags });
        }
        let (name, body) = rest.split_at_checked(len.into()).ok_or(DataError::TooShort)?;
        let name = std::str::from_utf8(name).map_err(|_| DataError::BadName)?;
        let peer = if name.is_empty() {
            None
        } else {
            Some(ParticipantId::new(name).map_err(|_| DataError::BadName)?)
        };
        Ok(Self {
            number: u32::from_be_bytes([n0, n1, n2, n3]),
            peer,
            is_private: flags & FOR_YOU_ALONE != 0,
            body,
        })
    }

    /// The number of what may be no message at all, where it has one.
    #[must_use]
    pub fn number_of(bytes: &[u8]) -> Option<u32> {
        let (head, _) = bytes.split_first_chunk::<HEAD>()?;
        let [VERSION, _, n0, n1, n2, n3, _] = *head else {
            return None;
        };
        Some(u32::from_be_bytes([n0, n1, n2, n3]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<ParticipantId> {
        Some(ParticipantId::new(text).expect("a name"))
    }

    #[test]
    fn a_message_is_laid_out_as_it_is_described() {
        let message = DataMessage {
            number: 0x0102_0304,
            peer: name("aoi"),
            is_private: true,
            body: b"hi",
        };
        let bytes = message.write();
        assert_eq!(bytes, b"\x01\x01\x01\x02\x03\x04\x03aoihi");
        assert_eq!(DataMessage::read(&bytes), Ok(message));
        let to_all = DataMessage {
            number: 7,
            peer: None,
            is_private: false,
            body: &[],
        };
        assert_eq!(to_all.write(), [1, 0, 0, 0, 0, 7, 0]);
        assert_eq!(DataMessage::read(&[1, 0, 0, 0, 0, 7, 0]), Ok(to_all));
    }

    #[test]
    fn what_is_no_message_is_an_error_that_says_why() {
        let unknown = |version, flags| Err(DataError::Unknown { version, flags });
        for (bytes, error) in [
            (b"".as_slice(), Err(DataError::TooShort)),
            (b"\x01\0\0\0\0\0", Err(DataError::TooShort)),
            (b"\x01\0\0\0\0\0\x03ao", Err(DataError::TooShort)),
            (b"\x02\0\0\0\0\0\0", unknown(2, 0)),
            (b"\x01\x04\0\0\0\0\0", unknown(1, 4)),
            (b"\x01\0\0\0\0\0\x02A!", Err(DataError::BadName)),
            (b"\x01\0\0\0\0\0\x01\xff", Err(DataError::BadName)),
        ] {
            assert_eq!(DataMessage::read(bytes), error, "{bytes:?}");
        }
        assert_eq!(DataMessage::number_of(b"\x01\x04\0\0\0\x09\0"), Some(9));
        assert_eq!(DataMessage::number_of(b"\x02\x04\0\0\0\x09\0"), None);
    }

    #[test]
    fn answers_round_trip() {
        for (answer, json) in [
            (
                DataAnswer::Taken {
                    number: 3,
                    missed: Vec::new(),
                    missed_more: 0,
                },
                r#"{"type":"taken","number":3}"#,
            ),
            (
                DataAnswer::Taken {
                    number: 3,
                    missed: name("ren").into_iter().collect(),
                    missed_more: 2,
                },
                r#"{"type":"taken","number":3,"missed":["ren"],"missed_more":2}"#,
            ),
            (
                DataAnswer::Refused {
                    number: None,
                    problem: Problem::new(400, "bad-message", "x"),
                },
                r#"{"type":"refused","problem":{"type":"urn:madoguchi:problem:bad-message","title":"x","status":400}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&answer).expect("json"), json);
            assert_eq!(serde_json::from_str::<DataAnswer>(json).expect("json"), answer);
        }
    }
}
