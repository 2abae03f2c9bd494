//! The way between the picture's process and the agent's: a Unix socket, JSON lines of limited length both ways.
//!
//! What must last lies in the cache's folder, which both read; here goes what is live. Every message carries state,
//! not a change: whichever side begins anew is told all again ([`memory`]).
//!
//! Invariant: neither side waits for the other. Who doesn't take what is sent is cut off, and may come again.

pub mod agent;
pub mod lines;
pub mod memory;
pub mod picture;
pub mod plays;

use std::time::Duration;

use protocol::screen::report::Play;
use protocol::screen::{Choices, Manifest, Report, ToScreen};
use serde::{Deserialize, Serialize};

/// The longest message in bytes: a manifest, with room to spare.
pub const MAX_LINE: u64 = 8 << 20;

/// The other side takes a message within so long, or is cut off.
pub const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// From the agent to the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPicture {
    /// Shows this from now on, with the contents that the disk has. The same again changes nothing.
    Show {
        /// A checked manifest.
        manifest: Box<Manifest>,
    },
    /// The disk has more contents than before.
    Look,
    /// What the office's server said.
    Said {
        /// How long ago, in milliseconds.
        age_ms: u64,
        /// What.
        frame: Box<ToScreen>,
    },
    /// All that is wrong on the agent's side.
    Faults {
        /// In words.
        faults: Vec<String>,
    },
    /// The journal has all of this connection's [`FromPicture::Played`] up to this number.
    Noted {
        /// The number.
        through: u64,
    },
}

/// From the picture to the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPicture {
    /// How the picture is doing.
    Status {
        /// The report.
        report: Report,
    },
    /// What a phone may press, whenever that changes, and at the beginning.
    Choices {
        /// What; `None`: the layout has no remote control.
        choices: Option<Choices>,
    },
    /// An item was on show. Said again on each connection until it is noted.
    Played {
        /// Grows by one.
        number: u64,
        /// What.
        play: Play,
    },
}

#[cfg(test)]
mod tests {
    use protocol::screen::Text;
    use protocol::time::UnixMillis;

    use super::*;

    #[test]
    fn every_message_comes_back_as_it_went() {
        let manifest = Manifest {
            layout: crate::scene::standby::layout(&Text::japanese("南区役所")),
            contents: std::collections::BTreeMap::new(),
            group: None,
            bundle_key: None,
        };
        for message in [
            ToPicture::Show {
                manifest: Box::new(manifest),
            },
            ToPicture::Look,
            ToPicture::Said {
                age_ms: 7,
                frame: Box::new(ToScreen::Pong { now: None }),
            },
            ToPicture::Faults {
                faults: vec!["a.png: gone".into()],
            },
            ToPicture::Noted { through: 9 },
        ] {
            let json = serde_json::to_string(&message).expect("json");
            assert_eq!(serde_json::from_str::<ToPicture>(&json).expect("read"), message);
        }
        let play = Play {
            from: UnixMillis(1),
            shown_ms: 1,
            layout: "lobby".into(),
            page: "home".into(),
            zone: "main".into(),
            content: "a.png".into(),
            sha256: "0".repeat(64),
            is_whole: true,
        };
        for message in [
            FromPicture::Status {
                report: Report::default(),
            },
            FromPicture::Choices { choices: None },
            FromPicture::Played { number: 3, play },
        ] {
            let json = serde_json::to_string(&message).expect("json");
            assert_eq!(serde_json::from_str::<FromPicture>(&json).expect("read"), message);
        }
    }
}
