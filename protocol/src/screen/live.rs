//! What changes while a screen plays: notices, called numbers, car parks. Each message carries the whole
//! state, so that a screen that missed one is put right by the next.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::time::UnixMillis;

/// How a notice is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// In the layout's own notices, where it has some.
    Normal,
    /// As a band over whatever is on show.
    Urgent,
    /// Over the whole screen.
    Emergency,
}

/// Something that the office says now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its own, for logs.
    pub id: String,
    /// What it says.
    pub text: Text,
    /// How.
    pub urgency: Urgency,
    /// From then on it is not shown any more; none: until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMillis>,
}

/// A queue of people with numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// Which.
    pub queue: String,
    /// The number called last; none: nobody yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// To which counter, in words such as `3番窓口`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<Text>,
    /// How often somebody was called: when it grows, the board calls again.
    pub calls: u64,
    /// How many wait.
    pub waiting: u32,
    /// When this was so, by the server's clock.
    pub at: UnixMillis,
}

/// A car park.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotState {
    /// Which.
    pub lot: String,
    /// Free places; none: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<u32>,
    /// Places in all.
    pub places: u32,
    /// When this was so, by the server's clock.
    pub at: UnixMillis,
}
