//! Live pictures, each received and decoded by a process of its own, which lives as long as its item: what a network sends, and
//! what a codec does with it, can bring down nothing else. Frames come from it by shared memory (the crate `frames`).
//!
//! `crossing` is this process's end, `process` the other's; `whep` is how broadcasts are received. Calls will be such
//! processes too.
//!
//! Invariant: the stage never waits for such a process, and none outlives its item by more than some seconds.

pub mod crossing;
pub mod process;
pub mod whep;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The office's own server: what is trusted beside the system's authorities, and who is shown the screen's token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Office {
    /// `https://host[:port]`, as in the configuration.
    pub server: String,
    /// The file with the screen's token. May appear later.
    pub token: PathBuf,
    /// The office's own certificate authority (PEM), where there is one. May appear later.
    pub authority: PathBuf,
}

/// What processes for live pictures are made of. Cheap enough to clone.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    /// The player's program. `None`: there can be none.
    pub program: Option<PathBuf>,
    /// The office's server. `None`: nothing is shown to anybody.
    pub office: Option<Office>,
}

/// What a process is told to do, on its standard input: an address may carry a password, and arguments are everybody's to read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    url: String,
    /// The size in pixels into which the picture must fit.
    zone: (u32, u32),
    office: Option<Office>,
}
