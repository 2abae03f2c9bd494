//! Taking in the files that staff give: each is hashed while it is written, known by its first bytes and not by its name, and
//! lies under its SHA-256 below `paths.run`.
//!
//! Invariant: a file under its final name is whole and synced; what is refused or breaks off leaves nothing.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use axum::extract::multipart::Field;
use bytes::Bytes;
use protocol::screen::Content;
use sha2::{Digest, Sha256};

/// Where files are given.
pub(crate) const PATH: &str = "/staff/screens/files";
/// The largest file, in bytes.
pub(crate) const LARGEST: u64 = 1024 * 1024 * 1024;
/// The most that one form may bring, in bytes.
pub(crate) const FORM: u64 = 4 * LARGEST;
/// The most that all files together may have, in bytes. Full: none is taken until others are deleted.
pub(crate) const ALL: u64 = 64 * 1024 * 1024 * 1024;
/// The largest picture that players show, in pixels.
const PIXELS: usize = 40_000_000;
/// By so many of the first bytes a file is known.
const HEAD: usize = 4096;
/// Pieces between the network and the disk. Full: the network waits.
const PIECES: usize = 16;

/// Why a file isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It has no bytes.
    Empty,
    /// It is larger than [`LARGEST`].
    TooLarge,
    /// It is nothing that players show.
    WrongType,
    /// It has more pixels than players show.
    TooManyPixels,
    /// It broke off on the way.
    BrokenOff,
    /// The disk doesn't take it.
    Disk,
}

/// What a file is, by its first bytes; `None`: nothing that players show.
fn media_type(head: &[u8]) -> Option<&'static str> {
    const SHOWN: [&str; 5] = ["video/mp4", "video/webm", "image/png", "image/jpeg", "application/pdf"];
    let found = infer::get(head)?.mime_type();
    SHOWN.into_iter().find(|shown| *shown == found)
}

/// A file that is being written; unless it is kept, it is gone with this.
struct Growing {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    head: Vec<u8>,
    size: u64,
}

impl Drop for Growing {
    fn drop(&mut self) {
        // Kept: it has another name by now.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Growing {
    fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{:032x}.part", rand::random::<u128>()));
        let mut options = File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self {
            path,
            file,
            hasher: Sha256::new(),
            head: Vec::with_capacity(HEAD),
            size: 0,
        })
    }

    fn add(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        self.size += piece.len() as u64;
        if self.size > LARGEST {
            return Err(Trouble::TooLarge);
        }
        let missing = HEAD - self.head.len();
        self.head.extend_from_slice(&piece[..piece.len().min(missing)]);
        self.hasher.update(piece);
        self.file.write_all(piece).map_err(|error| on_disk(&error))
    }

    fn keep(mut self, folder: &Path) -> Result<Content, Trouble> {
        if self.size == 0 {
            return Err(Trouble::Empty);
        }
        let media_type = media_type(&self.head).ok_or(Trouble::WrongType)?;
        if media_type.starts_with("image/") {
            let size = imagesize::size(&self.path).map_err(|_| Trouble::WrongType)?;
            if size.width.saturating_mul(size.height) > PIXELS {
                return Err(Trouble::TooManyPixels);
            }
        }
        let sha256 = data_encoding::HEXLOWER.encode(&std::mem::take(&mut self.hasher).finalize());
        let kept = self.file.sync_all();
        let kept = kept.and_then(|()| std::fs::rename(&self.path, folder.join(&sha256)));
        // The name itself is on the disk only with its folder.
        let kept = kept.and_then(|()| File::open(folder)?.sync_all());
        kept.map_err(|error| on_disk(&error))?;
        Ok(Content {
            sha256,
            size: self.size,
            media_type: media_type.to_owned(),
        })
    }
}

fn on_disk(error: &io::Error) -> Trouble {
    tracing::error!(%error, "an uploaded file can't be written");
    Trouble::Disk
}

/// Takes a file in. The disk is written to beside the tasks that serve everybody.
///
/// # Errors
/// [`Trouble`]; then nothing of it is left.
pub(crate) async fn take(folder: &Path, mut field: Field<'_>) -> Result<Content, Trouble> {
    let (pieces, mut written) = tokio::sync::mpsc::channel::<Bytes>(PIECES);
    let folder = folder.to_owned();
    let writing = tokio::task::spawn_blocking(move || {
        let mut growing = Growing::open(&folder).map_err(|error| on_disk(&error))?;
        let mut trouble = None;
        // An empty piece is the end: without it the sender has broken off.
        while let Some(piece) = written.blocking_recv() {
            match trouble {
                None if piece.is_empty() => return growing.keep(&folder),
                None => trouble = growing.add(&piece).err(),
                // The rest is let through, so that the browser reads the answer.
                Some(trouble) if piece.is_empty() => return Err(trouble),
                Some(_) => {}
            }
        }
        Err(trouble.unwrap_or(Trouble::BrokenOff))
    });
    let is_whole = loop {
        match field.chunk().await {
            Ok(Some(piece)) if piece.is_empty() => {}
            Ok(Some(piece)) => {
                if pieces.send(piece).await.is_err() {
                    break false;
                }
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    if is_whole {
        // Fails where the disk has failed, which is told below.
        let _ = pieces.send(Bytes::new()).await;
    }
    drop(pieces);
    writing.await.unwrap_or(Err(Trouble::Disk))
}

/// Deletes what was left of files that broke off when the server ended. Blocks.
pub(super) fn clear(folder: &Path) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.path().extension().is_some_and(|extension| extension == "part") {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let jpeg = include_bytes!("../../tests/pages/page.jpg");
        assert_eq!(media_type(jpeg), Some("image/jpeg"));
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(media_type(b"%PDF-1.7\n"), Some("application/pdf"));
        assert_eq!(
            media_type(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"),
            Some("video/mp4")
        );
        for other in [&b"GIF89a...."[..], b"<svg>", b"MZ\x90\0", b"PK\x03\x04", b"", b"\xff"] {
            assert_eq!(media_type(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_kept_has_its_hash_for_a_name_and_what_is_refused_leaves_nothing() {
        let dir = tempfile::tempdir().expect("temp");
        let files = || std::fs::read_dir(dir.path()).expect("read").count();
        for (bytes, trouble) in [
            (&b""[..], Trouble::Empty),
            (b"hello", Trouble::WrongType),
            (b"\x89PNG\r\n\x1a\n", Trouble::WrongType),
        ] {
            let mut growing = Growing::open(dir.path()).expect("opens");
            growing.add(bytes).expect("added");
            assert_eq!(growing.keep(dir.path()).expect_err("refused"), trouble);
            assert_eq!(files(), 0);
        }
        let mut growing = Growing::open(dir.path()).expect("opens");
        for piece in include_bytes!("../../tests/pages/page.jpg").chunks(1000) {
            growing.add(piece).expect("added");
        }
        let content = growing.keep(dir.path()).expect("kept");
        assert_eq!(
            std::fs::read(dir.path().join(&content.sha256)).expect("read").len() as u64,
            content.size
        );
        assert_eq!(files(), 1);
    }
}
