//! A download on the disk: it grows under a temporary name and is hashed while it is written.

use std::io;
use std::path::Path;

use anyhow::{Context, Error, Result};
use sha2::{Digest, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A file that grows, and the hash of what it holds.
pub struct Growing {
    file: File,
    len: u64,
    hasher: Sha256,
}

impl Growing {
    /// Opens what is there already and hashes it.
    ///
    /// # Errors
    /// When it can't be opened or read.
    pub async fn open(path: &Path) -> Result<Self> {
        let named = || path.display().to_string();
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .await
            .with_context(named)?;
        let (mut hasher, mut len) = (Sha256::new(), 0);
        let mut block = vec![0; 256 << 10];
        loop {
            let count = file.read(&mut block).await.with_context(named)?;
            if count == 0 {
                return Ok(Self { file, len, hasher });
            }
            hasher.update(&block[..count]);
            len += count as u64;
        }
    }

    /// Bytes that it holds.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is a length in bytes, not a collection's")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Gives all that was pushed to the system: it is there after a kill, though not yet after a power cut.
    ///
    /// # Errors
    /// When the disk doesn't take it.
    pub async fn flush(&mut self) -> Result<()> {
        self.file.flush().await.map_err(written)
    }

    /// The same, and after a power cut.
    ///
    /// # Errors
    /// When the disk doesn't take it.
    pub async fn sync(&mut self) -> Result<()> {
        self.flush().await?;
        self.file.sync_all().await.map_err(written)
    }

    /// Begins anew.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).await.context("cutting")?;
        (self.len, self.hasher) = (0, Sha256::new());
        Ok(())
    }

    /// Grows by these bytes.
    ///
    /// # Errors
    /// When the disk doesn't take them.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).await.map_err(written)?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The SHA-256 of what it holds, in lower-case hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.hasher.clone().finalize())
    }
}

/// A new name survives a power cut only once its folder is synced.
///
/// # Errors
/// When the disk refuses.
pub async fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    File::open(folder).await?.sync_all().await.context("syncing the folder")
}

fn written(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull => Error::new(error).context("the disk is full"),
        io::ErrorKind::ReadOnlyFilesystem => Error::new(error).context("the disk can't be written"),
        _ => Error::new(error).context("writing"),
    }
}
