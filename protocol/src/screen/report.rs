//! What a player tells the office: how it is doing, what is wrong, what it has shown.
//!
//! `POST /api/screens/{id}/reports`, `Authorization: Bearer TOKEN` with the screen's token, JSON. Answers:
//! 204 kept; 400 or 422 not a report (don't send it again); 401 or 403 the token doesn't hold (pair anew);
//! 413 too large (send fewer plays at once); 429 and 503 keep it and try again after `Retry-After`.
//!
//! `health` and `faults` are states: each report replaces what the one before said. `plays` and `changes` are events: a
//! player keeps them until a report with them was answered by 204. The same one may come twice: it counts
//! once, as long as all its fields are the same.

use serde::{Deserialize, Serialize};

use super::InGroup;
use crate::time::UnixMillis;

/// The version of these messages.
pub const VERSION: u32 = 1;
/// The longest report, in bytes of JSON.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most plays in one report.
pub const MAX_PLAYS: usize = 500;
/// The most faults in one report: the newest of more.
pub const MAX_FAULTS: usize = 50;
/// The most faults' changes in one report.
pub const MAX_CHANGES: usize = 100;
/// The longest text in any field, in bytes of UTF-8.
pub const MAX_FIELD: usize = 500;

/// All that a player has to say at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// How it is doing now.
    pub health: Health,
    /// What is wrong now; what isn't named is all right again.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What faults have come and gone since the last report, in their order: also those that are over by now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What was shown since the last report, in any order. None while the machine's clock was never set.
    #[serde(default)]
    pub plays: Vec<Play>,
}

/// How a player is doing. What can't be measured on a machine is left out, not guessed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// When this was so, by the player's clock.
    pub at: UnixMillis,
    /// The player's version, such as `0.1.0`.
    pub player: String,
    /// GStreamer's version, such as `1.22.0`; empty: not told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gstreamer: String,
    /// The machine's system and its kernel, such as `Debian GNU/Linux 12 (bookworm), Linux 6.1.0`; empty: not told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// The layout on show, by its name.
    pub layout: String,
    /// The page of it on show.
    pub page: String,
    /// Seconds since the stage was started.
    pub uptime_s: u64,
    /// Frames that left the stage since its start.
    pub frames: u64,
    /// Of these, late or skipped.
    pub dropped: u64,
    /// Of these, black all over.
    #[serde(default)]
    pub black: u64,
    /// For how many milliseconds nothing has moved on the screen by now.
    #[serde(default)]
    pub still_ms: u64,
    /// Thousandths of one core that all of the player's processes took since the last report, those of live pictures too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_permille: Option<u32>,
    /// Resident memory of all of the player's processes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Free bytes where the player keeps its contents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_free_bytes: Option<u64>,
    /// The hottest sensor, in thousandths of a degree Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_millicelsius: Option<i32>,
    /// The player's clock minus the server's, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// How it is doing in its group, where it is in one: also how far its picture was off the leader's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<InGroup>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Of what kind.
    pub kind: FaultKind,
    /// What it is about: a content's name, a zone, a device.
    pub about: String,
    /// What happened, in plain English, for whoever mends it.
    pub what: String,
    /// Since when, by the player's clock.
    pub since: UnixMillis,
    /// How often it has happened since then; at least 1.
    pub count: u32,
}

/// A fault came, or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of what kind.
    pub kind: FaultKind,
    /// What it is about, as in [`Fault`].
    pub about: String,
    /// What happened, as in [`Fault`].
    pub what: String,
    /// When it came, by the player's clock.
    pub since: UnixMillis,
    /// When it went, by the player's clock; `None`: it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMillis>,
}

/// Where something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A content couldn't be played.
    Item,
    /// A content couldn't be fetched or has the wrong hash.
    Fetch,
    /// A layout can't be shown.
    Layout,
    /// The stage, its output or its process broke off and was started anew.
    Stage,
    /// The disk is full, slow or broken.
    Storage,
    /// The clock was never set, or is far from the server's.
    Clock,
    /// The screens of its group aren't heard.
    Group,
    /// The camera at the screen gives no pictures.
    Camera,
    /// Something that this version has no word for.
    #[serde(other)]
    Other,
}

/// One item that was on show once: proof of play.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Play {
    /// When it appeared, by the player's clock.
    pub from: UnixMillis,
    /// For how many milliseconds it was seen.
    pub shown_ms: u64,
    /// The layout.
    pub layout: String,
    /// The page.
    pub page: String,
    /// The zone.
    pub zone: String,
    /// The content's name in the manifest; a live picture's own name.
    pub content: String,
    /// The content's SHA-256: 64 lower-case hexadecimal digits; empty: it was live, and has none.
    pub sha256: String,
    /// Whether it was seen to its own end: false where it broke off or the page was changed.
    pub is_whole: bool,
}

/// Why a report isn't kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct ReportError {
    /// The field at fault, such as `plays[3].zone`.
    pub field: String,
    /// What is wrong with it, and what was expected.
    pub what: String,
}

impl Report {
    /// Checks what the types can't: the version, how many there are, how long each text is.
    ///
    /// # Errors
    /// [`ReportError`] that names the first field at fault.
    pub fn check(&self) -> Result<(), ReportError> {
        if self.version != VERSION {
            return fail("version", format!("{} is not known, expected {VERSION}", self.version));
        }
        check_count("faults", self.faults.len(), MAX_FAULTS)?;
        check_count("changes", self.changes.len(), MAX_CHANGES)?;
        check_count("plays", self.plays.len(), MAX_PLAYS)?;
        let health = &self.health;
        for (field, text) in [
            ("player", &health.player),
            ("gstreamer", &health.gstreamer),
            ("system", &health.system),
            ("layout", &health.layout),
            ("page", &health.page),
        ] {
            check_text(&format!("health.{field}"), text)?;
        }
        for (at, fault) in self.faults.iter().enumerate() {
            for (field, text) in [("about", &fault.about), ("what", &fault.what)] {
                check_text(&format!("faults[{at}].{field}"), text)?;
            }
        }
        for (at, change) in self.changes.iter().enumerate() {
            for (field, text) in [("about", &change.about), ("what", &change.what)] {
                check_text(&format!("changes[{at}].{field}"), text)?;
            }
        }
        for (at, play) in self.plays.iter().enumerate() {
            for (field, text) in [
                ("layout", &play.layout),
                ("page", &play.page),
                ("zone", &play.zone),
                ("content", &play.content),
            ] {
                check_text(&format!("plays[{at}].{field}"), text)?;
            }
            if !play.sha256.is_empty() && !super::is_sha256(&play.sha256) {
                return fail(
                    &format!("plays[{at}].sha256"),
                    "expected 64 lower-case hexadecimal digits, or nothing for a live picture".to_owned(),
                );
            }
        }
        Ok(())
    }
}

fn fail(field: &str, what: String) -> Result<(), ReportError> {
    Err(ReportError {
        field: field.to_owned(),
        what,
    })
}

fn check_count(field: &str, count: usize, most: usize) -> Result<(), ReportError> {
    match count <= most {
        true => Ok(()),
        false => fail(field, format!("{count} of them, at most {most} are taken at once")),
    }
}

fn check_text(field: &str, text: &str) -> Result<(), ReportError> {
    match text.len() {
        0..=MAX_FIELD => Ok(()),
        bytes => fail(field, format!("{bytes} bytes, at most {MAX_FIELD} are taken")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play() -> Play {
        Play {
            from: UnixMillis(1_000),
            shown_ms: 8_000,
            layout: "lobby".into(),
            page: "home".into(),
            zone: "main".into(),
            content: "a.png".into(),
            sha256: "a".repeat(64),
            is_whole: true,
        }
    }

    fn report() -> Report {
        Report {
            version: VERSION,
            health: Health::default(),
            faults: vec![Fault {
                kind: FaultKind::Item,
                about: "b.mp4".into(),
                what: "no decoder".into(),
                since: UnixMillis(500),
                count: 3,
            }],
            changes: vec![Change {
                kind: FaultKind::Fetch,
                about: "c.mp4".into(),
                what: "no answer".into(),
                since: UnixMillis(300),
                until: Some(UnixMillis(400)),
            }],
            plays: vec![play()],
        }
    }

    #[test]
    fn a_report_round_trips_and_a_new_kind_of_fault_is_no_error() {
        let json = serde_json::to_string(&report()).expect("json");
        assert_eq!(serde_json::from_str::<Report>(&json).expect("read"), report());
        let newer = json.replace("\"item\"", "\"gravity\"");
        let read: Report = serde_json::from_str(&newer).expect("read");
        assert_eq!(read.faults[0].kind, FaultKind::Other);
    }

    #[test]
    fn what_is_too_much_is_named_with_its_place() {
        assert_eq!(report().check(), Ok(()));
        let field_of = |report: Report| report.check().expect_err("refused").field;
        let mut of_later = report();
        of_later.version = 2;
        assert_eq!(field_of(of_later), "version");
        let mut many = report();
        many.plays = vec![play(); MAX_PLAYS + 1];
        assert_eq!(field_of(many), "plays");
        let mut long = report();
        long.plays[0].zone = "z".repeat(MAX_FIELD + 1);
        assert_eq!(field_of(long), "plays[0].zone");
        let mut wrong = report();
        wrong.plays[0].sha256 = "A".repeat(64);
        assert_eq!(field_of(wrong), "plays[0].sha256");
        let mut wordy = report();
        wordy.changes[0].what = "w".repeat(MAX_FIELD + 1);
        assert_eq!(field_of(wordy), "changes[0].what");
        let mut live = report();
        live.plays[0].sha256.clear();
        assert_eq!(live.check(), Ok(()));
    }

    #[test]
    fn the_largest_usual_report_fits() {
        let mut large = report();
        large.plays = vec![play(); MAX_PLAYS];
        assert!(serde_json::to_vec(&large).expect("json").len() < MAX_BYTES);
    }
}
