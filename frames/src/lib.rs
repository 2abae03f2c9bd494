//! Pictures from one process to another on the same machine, by shared memory: from a live picture's process to the
//! screen's, and from a screen's camera to the worker that counts.
//!
//! One end writes ([`Writer`]), one reads ([`Reader`]), and a socket between them (`socket`) says what happens. The memory is a
//! file that never has a name (memfd_create(2)): no picture is on any disk, and it is gone with the last of the two. The
//! reader is given a descriptor that can't write. It holds a few pictures of the largest size; writing goes around, so the writer
//! waits for nobody, and a picture that was overwritten while it was read is known by its number and thrown away. Both ends
//! copy by pwrite(2) and pread(2): no mapping, no pointer, and no signal when the other end does what it must not.
//!
//! Invariant: neither end can make the other wait, grow or fall. What comes from the other end is checked like anything that
//! comes from outside.

mod reader;
pub mod socket;
mod wire;
pub mod writer;

use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub use reader::Reader;
pub use socket::Socket;
pub use writer::Writer;

/// The largest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 8192;

/// How a picture's pixels lie: rows from the top, without gaps between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Blue, green, red, and a byte that says nothing.
    Bgrx,
    /// Blue, green, red.
    Bgr,
}

impl Format {
    /// Bytes of a pixel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bgrx => 4,
            Self::Bgr => 3,
        }
    }
}

/// What is said of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// How its pixels lie.
    pub format: Format,
    /// In pixels, from 1 to [`MAX_SIDE`].
    pub width: u32,
    /// As `width`.
    pub height: u32,
    /// When it was taken, by the source's own clock, from its first picture on.
    pub at: Duration,
    /// When its reader had it, by the machine's clock, in milliseconds since 1970.
    pub taken_ms: u64,
}

impl Picture {
    /// Bytes of a row.
    #[must_use]
    pub fn row(&self) -> usize {
        self.width as usize * self.format.bytes()
    }

    /// Bytes of all of it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.row() * self.height as usize
    }
}

/// A picture that is there to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// What is said of it.
    pub picture: Picture,
    number: u64,
}

/// Why no more pictures come, or can be given.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The other end's process is gone, or doesn't want to any more.
    #[error("the other process is gone")]
    Gone,
    /// The other end says why.
    #[error("{0}")]
    Said(String),
    /// The other end says what makes no sense.
    #[error("the other process says what makes no sense: {0}")]
    Nonsense(&'static str),
    /// Somebody else's process.
    #[error("the other process is another user's")]
    Stranger,
    /// A picture that is larger than what there is room for.
    #[error("a picture of {0} bytes, where there is room for {1}")]
    TooLarge(usize, usize),
    /// The system's own words.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl From<rustix::io::Errno> for End {
    fn from(error: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match error {
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Self::Gone,
            error => Self::System(error.into()),
        }
    }
}

/// The name by which the pictures that a screen shares are found (an abstract address, unix(7): it is on no disk, and goes
/// with the process). `home`: the screen's folder.
///
/// # Errors
/// When the folder that paths begin from can't be known.
pub fn name_of(home: &Path) -> std::io::Result<String> {
    let home = std::path::absolute(home)?;
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(home.as_os_str().as_encoded_bytes()));
    Ok(format!("madoguchi-camera-{}", &hash[..32]))
}
