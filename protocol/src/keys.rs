//! How the pages of a call agree on keys that nobody else has: what they tell each other through signaling, which carries
//! it and can make nothing of it. What the steps mean is told where they are taken: `signaling/web/src/e2ee/round.ts`.
//!
//! Invariant: a message that is within its bounds takes at most [`MAX_MESSAGE`] bytes as JSON.

use serde::{Deserialize, Serialize};

use crate::ids::ParticipantId;

/// The most participants that share keys.
pub const MAX_MEMBERS: usize = 32;

/// The largest message, in bytes of JSON.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// The longest of a message's texts: a P-256 point takes 87 characters of base64url, a wrapped key 80.
const MAX_TEXT: usize = 128;

/// One page of one participant: it is another one after a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Whose page.
    pub participant: ParticipantId,
    /// 128 random bits of the page's own, in base64url (RFC 4648 §5) without padding, as are all bytes here.
    pub instance: String,
}

/// One agreement. Of two that go on at once the one with the larger number holds, then the one whose opener's name is
/// larger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Grows with each.
    pub number: u32,
    /// Who opened it.
    pub opener: ParticipantId,
    /// 128 random bits of the opener's.
    pub nonce: String,
}

/// What a page tells the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyMessage {
    /// I am here, and have no keys yet, or not those of everybody.
    Hello {
        /// Which page.
        instance: String,
        /// The largest number of a round that it knows.
        number: u32,
    },
    /// The hash of the public key that the sender is going to show in this round.
    Commit {
        /// Which.
        round: Round,
        /// All who take part in it.
        members: Vec<Member>,
        /// SHA-256, 32 bytes.
        commitment: String,
    },
    /// The key itself, once all hashes are known.
    Reveal {
        /// In which.
        round: Round,
        /// An uncompressed point of P-256, 65 bytes.
        public_key: String,
    },
    /// The sender's frame key, for one receiver.
    Wrap {
        /// In which.
        round: Round,
        /// Nonce, the key encrypted, tag: 60 bytes.
        wrapped: String,
    },
    /// The sender has the keys of all.
    Have {
        /// In which.
        round: Round,
    },
}

impl KeyMessage {
    /// Whether no text and no list in it is longer than such a message needs.
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        let is_short = |text: &String| text.len() <= MAX_TEXT;
        match self {
            Self::Hello { instance, .. } => is_short(instance),
            Self::Commit {
                round,
                members,
                commitment,
            } => {
                is_short(&round.nonce)
                    && is_short(commitment)
                    && members.len() <= MAX_MEMBERS
                    && members.iter().all(|one| is_short(&one.instance))
            }
            Self::Reveal {
                round,
                public_key: text,
            }
            | Self::Wrap { round, wrapped: text } => is_short(&round.nonce) && is_short(text),
            Self::Have { round } => is_short(&round.nonce),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest() -> KeyMessage {
        let participant = || ParticipantId::new("p".repeat(crate::ids::MAX_LEN)).expect("valid");
        KeyMessage::Commit {
            round: Round {
                number: u32::MAX,
                opener: participant(),
                nonce: "n".repeat(MAX_TEXT),
            },
            members: (0..MAX_MEMBERS)
                .map(|_| Member {
                    participant: participant(),
                    instance: "i".repeat(22),
                })
                .collect(),
            commitment: "c".repeat(43),
        }
    }

    #[test]
    fn the_longest_message_is_within_its_bounds() {
        assert!(longest().is_within_bounds());
        assert!(serde_json::to_string(&longest()).expect("json").len() <= MAX_MESSAGE);
    }

    #[test]
    fn what_is_longer_is_not() {
        let KeyMessage::Commit {
            round,
            mut members,
            commitment,
        } = longest()
        else {
            unreachable!("it is a commit")
        };
        let long = "x".repeat(MAX_TEXT + 1);
        let hello = KeyMessage::Hello {
            instance: long.clone(),
            number: 1,
        };
        assert!(!hello.is_within_bounds());
        let wrapped = KeyMessage::Wrap {
            round: round.clone(),
            wrapped: long,
        };
        assert!(!wrapped.is_within_bounds());
        members.push(members[0].clone());
        let crowded = KeyMessage::Commit {
            round,
            members,
            commitment,
        };
        assert!(!crowded.is_within_bounds());
    }

    #[test]
    fn an_unknown_step_or_field_is_an_error() {
        assert!(serde_json::from_str::<KeyMessage>(r#"{"step":"trust_me"}"#).is_err());
        assert!(serde_json::from_str::<KeyMessage>(r#"{"step":"hello","instance":"i","number":1,"more":1}"#).is_err());
    }
}
