//! Fetches what a manifest names and the disk lacks; then, and only then, puts the manifest on show.
//!
//! A download grows under a temporary name, is hashed while it is written, goes on where it broke off
//! (RFC 9110 §14), is synced and gets its name when it is whole and right.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use protocol::screen::{Content, Manifest};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::cache::Cache;
use super::{Settings, tls, wait_before};
use crate::event::{Event, Sender};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A server that sends nothing for so long has broken off.
const READ_LIMIT: Duration = Duration::from_secs(20);
/// What couldn't be had is tried again after at most so long.
const AGAIN: Duration = Duration::from_secs(60);

/// Why a content isn't there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server, the network or the disk failed: trying again may help.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
    /// The server doesn't have it, or has something else under its name.
    #[error("{0}")]
    Refused(String),
}

/// Fetches contents for one screen.
pub struct Fetcher {
    settings: Arc<Settings>,
    cache: Arc<Cache>,
    events: Sender,
    faults: watch::Sender<Vec<String>>,
    shown: Option<Arc<Manifest>>,
}

impl Fetcher {
    /// A fetcher. `shown`: what the stage plays already.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        cache: Arc<Cache>,
        events: Sender,
        faults: watch::Sender<Vec<String>>,
        shown: Option<Arc<Manifest>>,
    ) -> Self {
        Self {
            settings,
            cache,
            events,
            faults,
            shown,
        }
    }

    /// Works on the manifest that is wished for; a newer wish replaces an older one at once.
    pub async fn run(mut self, mut wish: watch::Receiver<Option<Arc<Manifest>>>) {
        loop {
            let manifest = wish.borrow_and_update().clone();
            let changed = match manifest {
                None => wish.changed().await,
                Some(manifest) => tokio::select! {
                    changed = wish.changed() => changed,
                    () = self.obtain(&manifest) => wish.changed().await,
                },
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Until everything is there. Another show goes on as long as something may still come.
    async fn obtain(&mut self, manifest: &Arc<Manifest>) {
        if self.shown.is_none() {
            self.show(manifest).await;
        }
        let mut attempt = 0;
        loop {
            let (mut faults, mut may_come) = (Vec::new(), false);
            for (name, content) in &manifest.contents {
                if self.cache.has(content) {
                    continue;
                }
                match self.fetch(content).await {
                    Ok(()) => self.tell(manifest, name, content).await,
                    Err(error) => {
                        tracing::warn!(content = name, "couldn't be fetched: {error}");
                        may_come |= matches!(error, FetchError::Broken(_));
                        faults.push(format!("{name}: {error}"));
                    }
                }
            }
            let is_whole = faults.is_empty();
            self.faults.send_replace(faults);
            if !may_come && self.shown.as_ref() != Some(manifest) {
                self.show(manifest).await;
            }
            if is_whole {
                let shown: Vec<&Manifest> = self.shown.iter().map(AsRef::as_ref).collect();
                self.cache.keep_only(&shown);
                return;
            }
            tokio::time::sleep(wait_before(attempt, rand::random()).min(AGAIN)).await;
            attempt += 1;
        }
    }

    async fn show(&mut self, manifest: &Arc<Manifest>) {
        if let Err(error) = self.cache.store(manifest) {
            tracing::error!("the manifest can't be kept for the next start: {error}");
        }
        self.shown = Some(Arc::clone(manifest));
        let layout = Arc::new(manifest.layout.clone());
        let library = self.cache.library(manifest);
        // Fails only when the stage is gone, and with it the program.
        let _ = self.events.send(Event::Show { layout, library }).await;
    }

    async fn tell(&self, manifest: &Arc<Manifest>, name: &str, content: &Content) {
        let is_shown = self.shown.as_ref() == Some(manifest);
        if let (true, Some(path)) = (is_shown, self.cache.path(content)) {
            let _ = self
                .events
                .send(Event::Content {
                    name: name.to_owned(),
                    path,
                })
                .await;
        }
    }

    /// Fetches one content whole, or as far as it goes; the next try goes on from there.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, content: &Content) -> Result<(), FetchError> {
        let refused = || FetchError::Refused(format!("{:?} is not a SHA-256", content.sha256));
        let path = self.cache.path(content).ok_or_else(refused)?;
        let part = self.cache.part(content).ok_or_else(refused)?;
        let mut growing = Growing::open(&part).await?;
        if growing.len > content.size {
            growing.restart().await?;
        }
        if growing.len < content.size || content.size == 0 {
            self.download(content, &mut growing).await?;
        }
        if growing.hash() != content.sha256 {
            fs::remove_file(&part).await.context("deleting")?;
            return Err(FetchError::Refused(
                "the server sends something else under its name".to_owned(),
            ));
        }
        growing.file.sync_all().await.context("syncing")?;
        fs::rename(&part, &path).await.context("renaming")?;
        sync_folder(&path).await?;
        Ok(())
    }

    async fn download(&self, content: &Content, growing: &mut Growing) -> Result<(), FetchError> {
        let response = self.request(content, growing.len).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(growing.len) => {}
            StatusCode::OK => growing.restart().await?,
            // The server has another idea of the size: start from nothing next time.
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => {
                growing.restart().await?;
                return Err(FetchError::Broken(anyhow::anyhow!(
                    "the server can't go on where it broke off"
                )));
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(FetchError::Refused("the server doesn't have it".to_owned()));
            }
            status => return Err(FetchError::Broken(anyhow::anyhow!("the server answers {status}"))),
        }
        let grown = grow(growing, response, content.size).await;
        // Also what came before a break is kept for the next try.
        growing.file.flush().await.context("writing")?;
        grown?;
        if growing.len < content.size {
            let broken = anyhow::anyhow!("the download broke off after {} of {} bytes", growing.len, content.size);
            return Err(FetchError::Broken(broken));
        }
        Ok(())
    }

    async fn request(&self, content: &Content, from: u64) -> Result<Response> {
        let mut client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(READ_LIMIT)
            .no_proxy();
        if self.settings.server.starts_with("https:") {
            client = client.tls_backend_preconfigured(tls::config(&self.settings.authority)?);
        }
        let url = format!("{}/content/{}", self.settings.server, content.sha256);
        let mut request = client.build()?.get(url).bearer_auth(self.settings.read_token()?);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        Ok(request.send().await?)
    }
}

/// Takes what the server sends, up to `size` bytes in all.
async fn grow(growing: &mut Growing, response: Response, size: u64) -> Result<(), FetchError> {
    let mut body = response.bytes_stream();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.context("the download broke off")?;
        if growing.len + bytes.len() as u64 > size {
            growing.restart().await?;
            return Err(FetchError::Refused(format!(
                "it is larger than the {size} bytes stated"
            )));
        }
        growing.push(&bytes).await?;
    }
    Ok(())
}

/// Where a partial answer begins: `Content-Range: bytes FROM-TO/SIZE`.
fn starts_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// A file that grows, and the hash of what it holds.
struct Growing {
    file: File,
    len: u64,
    hasher: Sha256,
}

impl Growing {
    /// Opens what is there already and hashes it.
    async fn open(path: &Path) -> Result<Self> {
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

    async fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).await.context("cutting")?;
        (self.len, self.hasher) = (0, Sha256::new());
        Ok(())
    }

    async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).await.context("writing")?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn hash(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.hasher.clone().finalize())
    }
}

/// A new name survives a power cut only once its folder is synced.
async fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    File::open(folder).await?.sync_all().await.context("syncing the folder")
}
