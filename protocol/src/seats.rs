//! Who sits in a consultation beside the resident and who serves, what staff may do there, and what pages see of it.
//!
//! Invariant: what is told of somebody names what they are (通訳, ご家族 …), never who, unless the office wants names
//! shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ParticipantId, SeatId, SectionId, StaffId};
use crate::time::UnixMillis;

/// The most seats that are taken or waited for at once, beside the resident's and who serves'.
pub const MAX_SEATS: usize = 6;

/// How long a colleague's console rings.
pub const RING_LASTS: Duration = Duration::from_secs(30);

/// The longest note, in characters.
pub const MAX_NOTE: usize = 2000;

/// The most minutes that a wait is told in; a longer one is only "longer than that".
pub const MAX_WAIT_MINUTES: u32 = 60;

/// What somebody is in a consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Who came for advice.
    Resident,
    /// Who serves (区職員).
    Staff,
    /// Another member of the office's staff (区職員).
    Colleague,
    /// 本庁.
    HeadOffice,
    /// 通訳.
    Interpreter,
    /// ご家族.
    Family,
}

impl Part {
    /// Whether somebody may be invited as this by a link.
    #[must_use]
    pub fn is_by_link(self) -> bool {
        matches!(self, Self::HeadOffice | Self::Interpreter | Self::Family)
    }

    /// Whether a member of staff may be called as this.
    #[must_use]
    pub fn is_by_ring(self) -> bool {
        matches!(self, Self::Colleague | Self::HeadOffice | Self::Interpreter)
    }
}

/// Where an invited person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// The link was made; nobody came yet.
    Invited,
    /// The colleague's console rings.
    Ringing,
    /// They wait to be let in.
    Waiting,
    /// They may be in the room.
    Admitted,
    /// The colleague can't come.
    Declined,
    /// Nobody answered.
    Missed,
    /// They went.
    Left,
    /// Staff put them out, or withdrew the link.
    Removed,
}

impl SeatState {
    /// Whether the seat is of no use any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Declined | Self::Missed | Self::Left | Self::Removed)
    }
}

/// What somebody in a consultation does, or has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Invites somebody: a member of staff whose console rings then, or (without one) by a link.
    Invite {
        /// As what.
        part: Part,
        /// Whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        staff: Option<StaffId>,
        /// By a link: whether they come in without being let in.
        #[serde(default)]
        is_let_in: bool,
    },
    /// The colleague comes, or doesn't.
    Answer {
        /// Which seat.
        seat: SeatId,
        /// Comes?
        accepts: bool,
        /// Whether the page's browser can encrypt a call from end to end.
        #[serde(default)]
        can_encrypt: bool,
    },
    /// Lets in who waits.
    LetIn {
        /// Which seat.
        seat: SeatId,
    },
    /// Puts somebody out, withdraws a link, or stops the ringing.
    Remove {
        /// Which seat.
        seat: SeatId,
    },
    /// Switches somebody's microphone off. They switch it on again themselves; nobody else can.
    Silence {
        /// Whose.
        participant: ParticipantId,
    },
    /// The resident and all who came by a link wait with music, or are back.
    Hold {
        /// On hold?
        is_held: bool,
    },
    /// Nobody else comes in, or somebody may again.
    Lock {
        /// Locked?
        is_locked: bool,
    },
    /// A colleague who is in the call serves from now on; who served goes.
    HandOver {
        /// Whose seat.
        seat: SeatId,
    },
    /// Back to the waiting room, in the place that they had.
    CallBack,
    /// Nobody came.
    NoShow,
    /// Into another section's line, or a certain colleague's; the time since when they wait stays.
    Move {
        /// Which section's.
        section: SectionId,
        /// Who is wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        staff: Option<StaffId>,
    },
    /// Goes, while the others go on.
    Leave,
    /// Writes down what stays inside, and what the resident gets at the end.
    Write {
        /// Both.
        notes: Notes,
    },
}

/// What staff write down of a consultation. Dies with what else is private of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// For colleagues only.
    #[serde(default)]
    pub inside: String,
    /// Shown to the resident when the call is over.
    #[serde(default)]
    pub for_resident: String,
}

impl Notes {
    /// Whether neither is longer than [`MAX_NOTE`].
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        [&self.inside, &self.for_resident]
            .iter()
            .all(|text| text.chars().count() <= MAX_NOTE)
    }
}

/// Somebody in a consultation, as pages see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who, in the room.
    pub participant: ParticipantId,
    /// What they are.
    pub part: Part,
    /// Where they stand.
    pub state: SeatState,
    /// Since when they stand there.
    pub since: UnixMillis,
    /// Of who was invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatId>,
    /// Of staff; only staff see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffId>,
    /// Of staff: their section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<SectionId>,
    /// Of staff, where the office wants names shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How often staff switched their microphone off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mutes: u32,
}

/// The part of a consultation that is about its call, as pages see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InCall {
    /// All of them to staff; to others who may be in the room, and themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
    /// Who among them the page is; not told to staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub you: Option<ParticipantId>,
    /// The resident, and who came by a link, wait with music.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_held: bool,
    /// Nobody else comes in.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_locked: bool,
    /// When another member of staff took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_over_at: Option<UnixMillis>,
    /// Who is wanted to serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<StaffId>,
    /// How long the wait will be about, in minutes; above [`MAX_WAIT_MINUTES`]: longer than that. None: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_minutes: Option<u32>,
}

impl InCall {
    /// Nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A member of staff whose console is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colleague {
    /// Who.
    pub staff: StaffId,
    /// Their name, for colleagues.
    pub name: String,
    /// Their first section; none: they belong to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<SectionId>,
    /// In a call now.
    pub is_busy: bool,
}

// `skip_serializing_if` gives references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(act: &Act, json: &str) {
        assert_eq!(serde_json::to_string(act).expect("json"), json);
        assert_eq!(&serde_json::from_str::<Act>(json).expect("json"), act);
    }

    #[test]
    fn acts_round_trip_and_unknown_ones_are_errors() {
        round_trip(
            &Act::Invite {
                part: Part::HeadOffice,
                staff: Some(StaffId::new("taro").expect("valid")),
                is_let_in: false,
            },
            r#"{"do":"invite","part":"head_office","staff":"taro","is_let_in":false}"#,
        );
        round_trip(&Act::Hold { is_held: true }, r#"{"do":"hold","is_held":true}"#);
        round_trip(&Act::CallBack, r#"{"do":"call_back"}"#);
        assert!(serde_json::from_str::<Act>(r#"{"do":"unmute","participant":"p"}"#).is_err());
        assert!(serde_json::from_str::<Act>(r#"{"do":"hold","is_held":true,"more":1}"#).is_err());
    }

    #[test]
    fn notes_have_a_bound_in_characters() {
        let notes = |n| Notes {
            inside: "窓".repeat(n),
            for_resident: String::new(),
        };
        assert!(notes(MAX_NOTE).is_within_bounds());
        assert!(!notes(MAX_NOTE + 1).is_within_bounds());
    }

    #[test]
    fn nothing_to_tell_takes_no_room() {
        assert_eq!(serde_json::to_string(&InCall::default()).expect("json"), "{}");
        assert!(InCall::default().is_empty());
    }
}
