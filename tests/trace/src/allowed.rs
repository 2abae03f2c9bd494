//! What a program may do, as its test states it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// How many bytes may go somewhere in all. The default is none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// At each start of the program.
    pub start: u64,
    /// In each second that it runs.
    pub second: u64,
}

impl Budget {
    /// So many bytes at each start and in each second after it.
    #[must_use]
    pub const fn new(start: u64, second: u64) -> Self {
        Self { start, second }
    }

    /// So many bytes at each start, however long the program runs.
    #[must_use]
    pub const fn once(start: u64) -> Self {
        Self::new(start, 0)
    }

    /// Bytes for a program that was started so often and ran so long in all.
    #[must_use]
    pub fn most(self, starts: u64, lasted: Duration) -> u64 {
        let seconds = lasted.as_secs() + 1;
        (self.start.saturating_mul(starts)).saturating_add(self.second.saturating_mul(seconds))
    }
}

/// What may leave by a pipe that the program was given, and has not made itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlet {
    /// Nothing.
    #[default]
    Nothing,
    /// Text, so many bytes.
    Text(Budget),
    /// Pictures too: whoever started it is the worker.
    Pictures,
}

/// The unix socket at which the program listens for who sets cameras up.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Door {
    /// Where it lies.
    pub socket: PathBuf,
    /// Bytes of answers: text only.
    pub answers: Budget,
    /// The largest still, in pixels across and down; `None`: no picture of any size may go there.
    pub still: Option<[u32; 2]>,
}

/// A folder into which files may be taken.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Folder {
    /// Where.
    pub path: PathBuf,
    /// The files that are taken in: afterwards each file there is one of them, byte by byte, or text.
    pub given: Vec<PathBuf>,
    /// Bytes of text beside them.
    pub text: Budget,
}

/// Where a program may write, and how much. The default is nowhere.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowed {
    /// Its log, and files that it may write: text only.
    pub texts: Vec<(PathBuf, Budget)>,
    /// Folders into which it may take files.
    pub folders: Vec<Folder>,
    /// The unix sockets of Redis.
    pub redis: Vec<PathBuf>,
    /// Bytes that may go to Redis: text only.
    pub to_redis: Budget,
    /// Cameras' addresses, `host:port` with the host as a number.
    pub cameras: Vec<String>,
    /// Bytes that may go to cameras.
    pub to_cameras: Budget,
    /// Where it is asked for what setting a camera up takes.
    pub door: Option<Door>,
    /// The unix sockets of players that share their frames, by a path or by `@` and a name that is on no disk: connecting is
    /// allowed, and nothing may be sent there.
    pub players: Vec<PathBuf>,
    /// Its standard output, where that is a pipe.
    pub output: Outlet,
    /// Its standard error, where that is a pipe.
    pub errors: Outlet,
}

impl Allowed {
    /// Whether a file is text that may be written, by its path.
    pub(crate) fn is_text(&self, path: &str) -> bool {
        self.texts.iter().any(|(file, _)| Path::new(path) == file)
    }

    /// The folder in which a file lies, where it may be taken in.
    pub(crate) fn folder_of(&self, path: &str) -> Option<&Folder> {
        // `..` could lead out of it.
        let is_plain = !Path::new(path).components().any(|part| part.as_os_str() == "..");
        let is_in = |folder: &&Folder| is_plain && Path::new(path).starts_with(&folder.path);
        self.folders.iter().find(is_in)
    }
}
