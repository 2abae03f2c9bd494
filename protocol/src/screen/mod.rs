//! Screen ↔ signaling, and what a screen shows: layouts of pages, zones and widgets.
//!
//! A layout names its contents; a manifest says what each name is (SHA-256, size, media type), so that a
//! screen can fetch them, verify them, and play from its own disk with nobody there.

pub mod address;
pub mod bundle;
pub mod check;
pub mod group;
pub mod layout;
pub mod live;
pub mod pairing;
pub mod remote;
pub mod report;
pub mod schedule;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::congestion::AreaState;
use crate::ids::ScreenId;
use crate::problem::Problem;
use crate::time::UnixMillis;
pub use address::{AddressFault, check_address};
pub use check::{LayoutError, MAX_QR, MAX_TEXT, parse_color};
pub use group::{Group, InGroup, Role};
pub use layout::*;
pub use live::{LotState, Notice, QueueState, Urgency};
pub use remote::{Choice, ChoiceKind, Choices, Press, Remote};
pub use schedule::When;
pub use text::{Language, Text};

/// The version of these messages. The layout format has one of its own: [`LAYOUT_VERSION`].
pub const VERSION: u32 = 1;

/// One content, by what it is and not by where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Such as `video/mp4`, `image/png`.
    pub media_type: String,
}

/// Whether a text is a SHA-256 as contents are named: 64 lower-case hexadecimal digits.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// All that a screen needs to play.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What to show.
    pub layout: Layout,
    /// The layout's contents by name; fetched from `/content/SHA256`.
    pub contents: BTreeMap<String, Content>,
    /// The screens with which it shows the same frames; none: it plays alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<Group>>,
    /// The public half of the key with which the server signs bundles for memory sticks (Ed25519, base64); the screen takes
    /// what is signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_key: Option<String>,
}

/// A frame from a screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ScreenFrame {
    /// The first frame. The connection itself is authorised by a
    /// [`ScreenGrant`](crate::grants::ScreenGrant) in its `Authorization` header.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The player's own version.
        player: String,
        /// Which manifest it has: SHA-256 of its JSON, so that the same needn't be sent again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<String>,
    },
    /// How it is doing; every ten seconds.
    Report {
        /// The report.
        report: Report,
    },
    /// What a phone may press on the page on show, whenever that changes; `None`: the layout has no remote control.
    Choices {
        /// What.
        choices: Option<Choices>,
    },
    /// Proves that the link works; answered by [`ToScreen::Pong`].
    Ping,
}

/// How a screen is doing, in short, over its socket. More of it, and what it has shown, goes into a
/// [`report::Report`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The page on show.
    pub page: String,
    /// Frames that left the stage since the start.
    pub frames: u64,
    /// Of these, late or skipped.
    pub dropped: u64,
    /// Of these, black all over.
    #[serde(default)]
    pub black: u64,
    /// How long nothing has moved on the screen by now.
    #[serde(default)]
    pub still_ms: u64,
    /// The longest that a film on show has stood still since the start, where its frames were due.
    #[serde(default)]
    pub film_still_ms: u64,
    /// Items that couldn't be played, by name, and why.
    #[serde(default)]
    pub faults: Vec<String>,
    /// How it is doing in its group, where it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<InGroup>,
}

/// A frame to a screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToScreen {
    /// Hello to you.
    Welcome {
        /// Which screen you are.
        screen: ScreenId,
        /// The server's clock.
        now: UnixMillis,
        /// The office's IANA time zone, for the clock.
        time_zone: String,
    },
    /// What to play from now on.
    Manifest {
        /// The whole of it.
        manifest: Manifest,
    },
    /// The state of areas: all after hello, later those that changed.
    Areas {
        /// The states, stale ones already turned unknown.
        areas: Vec<AreaState>,
    },
    /// All notices of now; those that it doesn't name are over.
    Notices {
        /// From the most to the least important.
        notices: Vec<Notice>,
    },
    /// The queues of people with numbers: all after hello, later those that changed.
    Queues {
        /// Their states.
        queues: Vec<QueueState>,
    },
    /// The car parks: all after hello, later those that changed.
    Lots {
        /// Their states.
        lots: Vec<LotState>,
    },
    /// Somebody wants to see what is on show: send it as PNG to `POST /api/screens/{id}/picture`.
    Look,
    /// How the screen's remote control is from now on. Comes only after [`ScreenFrame::Choices`].
    Remote {
        /// How.
        remote: Remote,
    },
    /// A phone has pressed something. Told once, and not again where it got lost.
    Press {
        /// What.
        press: Press,
    },
    /// Something was wrong with the last frame.
    Error {
        /// What.
        problem: Problem,
    },
    /// Answer to a ping.
    Pong {
        /// The server's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now: Option<UnixMillis>,
    },
}
