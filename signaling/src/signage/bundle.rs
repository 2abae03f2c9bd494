//! What a screen shows, as a file to be unpacked onto a memory stick: a signed bundle ([`protocol::screen::bundle`]) in a
//! ZIP archive, whose entries aren't compressed. The archive is written while it is sent.
//!
//! Invariant: `bundle.json` is the last entry. A stick on which unpacking broke off has none, and no screen takes it.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::PathBuf;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::body::Body;
use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::stream;
use protocol::ids::ScreenId;
use protocol::screen::Manifest;
use protocol::screen::bundle::{Bundle, FILE, SIGNATURE, VERSION, place_of, signed};
use protocol::time::UnixMillis;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::library::Library;

/// Bytes of the archive that are sent at a time.
const PIECE: usize = 64 * 1024;

/// Pieces that wait for a slow network; then the writing waits.
const WAITING: usize = 4;

/// For whoever opens the stick on a computer.
const README: &str = "はじめにお読みください.txt";

/// Signs bundles.
#[derive(Debug)]
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    /// A signer whose key is made of a secret.
    pub(crate) fn new(secret: &[u8]) -> anyhow::Result<Self> {
        let seed = Sha256::new()
            .chain_update(b"bundle key 1\n")
            .chain_update(secret)
            .finalize();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        pair.map(Self)
            .map_err(|_| anyhow::anyhow!("the key for bundles can't be made"))
    }

    /// The public half, in base64.
    pub(crate) fn public(&self) -> String {
        BASE64.encode(self.0.public_key().as_ref())
    }
}

/// A bundle whose contents are all there.
pub(crate) struct Packed {
    /// `bundle.json`.
    words: Vec<u8>,
    signature: String,
    /// Each content once: its hash, its size, where it lies.
    files: Vec<(String, u64, PathBuf)>,
}

impl Packed {
    /// What a screen shall show now, signed. `None`: that is nothing yet, or a content is gone from the disk.
    pub(crate) fn of(library: &Library, signer: &Signer, screen: &ScreenId, now: UnixMillis) -> Option<Self> {
        let manifest = Manifest {
            // A stick is for a screen alone.
            group: None,
            ..Manifest::clone(&*library.manifest_of(screen)?)
        };
        let mut files: Vec<(String, u64, PathBuf)> = Vec::new();
        for content in manifest.contents.values() {
            let stored = library.find(&content.sha256)?;
            files.push((content.sha256.clone(), content.size, stored.path));
        }
        files.sort();
        files.dedup_by(|a, b| a.0 == b.0);
        let bundle = Bundle {
            version: VERSION,
            made_at: now,
            manifest,
        };
        let words = serde_json::to_vec_pretty(&bundle).ok()?;
        let signature = BASE64.encode(signer.0.sign(&signed(&words)).as_ref());
        Some(Self {
            words,
            signature,
            files,
        })
    }

    /// The archive, as it is written. `readme`: a text for people. Where a content can't be read any more the body breaks off, so
    /// that no browser takes it for whole.
    pub(crate) fn into_body(self, readme: String) -> Body {
        let (pieces, sent) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let pipe = Pipe(pieces.clone());
            if let Err(error) = self.write(&readme, pipe) {
                tracing::warn!("a bundle broke off: {error}");
                let _ = pieces.blocking_send(Err(error));
            }
        });
        Body::from_stream(stream::unfold(sent, |mut sent| async move {
            sent.recv().await.map(|piece| (piece, sent))
        }))
    }

    fn write(&self, readme: &str, pipe: Pipe) -> io::Result<()> {
        let mut archive = ZipWriter::new_stream(BufWriter::with_capacity(PIECE, pipe));
        let plain = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (sha256, size, path) in &self.files {
            archive.start_file(place_of(sha256), plain.large_file(*size >= u64::from(u32::MAX)))?;
            let copied = io::copy(&mut File::open(path)?.take(*size), &mut archive)?;
            if copied < *size {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("{} is shorter than it was", path.display()),
                ));
            }
        }
        for (name, bytes) in [
            (README, readme.as_bytes()),
            (SIGNATURE, self.signature.as_bytes()),
            (FILE, self.words.as_slice()),
        ] {
            archive.start_file(name, plain)?;
            archive.write_all(bytes)?;
        }
        let mut rest = archive.finish()?.into_inner();
        rest.flush()
    }
}

/// Sends what is written.
struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody waits for it any more"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
