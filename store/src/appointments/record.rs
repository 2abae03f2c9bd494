//! What is kept of an appointment: the record, and apart from it whom it is for.

use protocol::booking::{Channel, Slot};
use protocol::config::Kind;
use protocol::ids::{AppointmentId, BookingId, SectionId, StaffId, TopicId};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where an appointment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It will be, or is.
    Booked,
    /// The resident, or staff for them, gave it back.
    Cancelled,
    /// Nobody came.
    NoShow,
    /// It was.
    Done,
}

/// An appointment, as stored. Nothing in it says who the resident is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    pub id: AppointmentId,
    /// What was booked.
    pub booking: BookingId,
    /// What kind that is.
    pub kind: Kind,
    /// Whose business it is.
    pub section: SectionId,
    /// What it is about.
    pub topic: Option<TopicId>,
    /// When.
    pub slot: Slot,
    /// By which way it came; the way whose share of the slot it takes.
    pub channel: Channel,
    /// Where it stands.
    pub state: State,
    /// Grows with every change; 1 at first.
    pub version: u64,
    /// When it was booked.
    pub created_at: UnixMillis,
    /// Which member of staff booked it for the resident.
    pub created_by: Option<StaffId>,
    /// The resident's language, by its tag.
    pub lang: String,
    /// Staff have noted that the resident is to be called by telephone.
    #[serde(default)]
    pub is_to_be_called: bool,
}

/// Whom it is for. Deleted some time after the appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name to be called by, as it was typed: every character, also those with variation selectors.
    pub name: String,
    /// A mail address.
    pub mail: Option<String>,
    /// A telephone number.
    pub telephone: Option<String>,
    /// The account of LINE that has asked to be told there: the id that LINE gives it for this office.
    #[serde(default)]
    pub line: Option<String>,
    /// Questions and what was answered.
    pub answers: Vec<(TopicId, String)>,
}

/// The link of a form: 128 bits that only who has the form can know. The same form gives the same link, so that who
/// sends it twice is shown the appointment that it has made already.
#[must_use]
pub fn code_of_form(form: &str) -> String {
    let digest = Sha256::digest(format!("appointment/{form}"));
    data_encoding::BASE32_NOPAD.encode(&digest[..16]).to_ascii_lowercase()
}

/// What became of a wish to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booked {
    /// It is booked now.
    New(Record),
    /// The same form has booked before: this is what.
    Already(Record),
    /// There was no room.
    Full,
    /// The form was given up: see [`Book::settle`](super::Book::settle).
    GivenUp,
}

/// What became of a wish to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It is at its new time.
    Done(Record),
    /// There was no room; it is where it was.
    Full,
    /// It isn't booked any more, or was changed at the same time; it is as it is now.
    Changed,
}
