//! Fetches what a manifest names and the disk lacks; then, and only then, puts the manifest on show.
//!
//! A download grows under a temporary name, is hashed while it is written, goes on where it broke off
//! (RFC 9110 §14), is synced and gets its name when it is whole and right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use protocol::screen::{Content, Manifest};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use tokio::fs;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::faults::{Faults, Source};
use super::{News, Settings, tls, wait_before};
use crate::cache::growing::{Growing, sync_folder};
use crate::cache::room::NoRoom;
use crate::cache::{Cache, scrub};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A server that sends nothing for so long has broken off.
const READ_LIMIT: Duration = Duration::from_secs(20);
/// What couldn't be had is tried again after at most so long.
const AGAIN: Duration = Duration::from_secs(60);
/// A content that was something else so often in a row is set aside …
const LIES: u32 = 2;
/// … for so long: it would only be fetched whole again and again.
const ASIDE: Duration = Duration::from_secs(600);
/// What is stored is read again and compared after so long.
const SCRUB_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Why a content isn't there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server, the network or the disk failed: trying again may help.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
    /// The server doesn't have it, or says nonsense about it.
    #[error("{0}")]
    Refused(String),
    /// The server has something else under its name.
    #[error("the server sends something else under its name: it is set aside")]
    Lie,
    /// There is no room for it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// How often in a row a content was something else, and until when it is set aside.
#[derive(Debug, Default)]
struct Lied {
    times: u32,
    aside_until: Option<Instant>,
}

/// Fetches contents for one screen.
pub struct Fetcher {
    settings: Arc<Settings>,
    cache: Arc<Cache>,
    news: mpsc::Sender<News>,
    faults: Faults,
    shown: Option<Arc<Manifest>>,
    /// By hash; forgotten with the manifest.
    lied: BTreeMap<String, Lied>,
    scrub_at: Instant,
}

impl Fetcher {
    /// A fetcher. `shown`: what the server wanted on show last.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        cache: Arc<Cache>,
        news: mpsc::Sender<News>,
        faults: Faults,
        shown: Option<Arc<Manifest>>,
    ) -> Self {
        Self {
            settings,
            cache,
            news,
            faults,
            shown,
            lied: BTreeMap::new(),
            scrub_at: Instant::now(),
        }
    }

    /// Works on the manifest that is wished for; a newer wish replaces an older one at once.
    pub async fn run(mut self, mut wish: watch::Receiver<Option<Arc<Manifest>>>) {
        loop {
            let manifest = wish.borrow_and_update().clone();
            self.lied.clear();
            let changed = match manifest {
                None => wish.changed().await,
                Some(manifest) => tokio::select! {
                    changed = wish.changed() => changed,
                    () = self.care(&manifest) => return,
                },
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// For ever: obtains everything, and looks from time to time whether it is still what it should be.
    async fn care(&mut self, manifest: &Arc<Manifest>) {
        loop {
            self.obtain(manifest).await;
            tokio::time::sleep_until(self.scrub_at).await;
            self.scrub(manifest).await;
            self.scrub_at = Instant::now() + SCRUB_EVERY;
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
                match self.try_once(content, manifest).await {
                    Ok(()) => self.tell(manifest, name).await,
                    Err(error) => {
                        tracing::warn!(content = name, "couldn't be fetched: {error}");
                        may_come |= matches!(error, FetchError::Broken(_));
                        faults.push(format!("{name}: {error}"));
                    }
                }
            }
            let is_whole = faults.is_empty();
            self.faults.set(Source::Content, faults);
            if !may_come && self.shown.as_ref() != Some(manifest) {
                self.show(manifest).await;
            }
            if is_whole {
                self.cache.tidy(&self.in_use(manifest));
                return;
            }
            tokio::time::sleep(wait_before(attempt, rand::random()).min(AGAIN)).await;
            attempt += 1;
        }
    }

    async fn show(&mut self, manifest: &Arc<Manifest>) {
        let kept = self.cache.store(manifest);
        let mut faults = Vec::new();
        if let Err(error) = &kept {
            tracing::error!("the manifest can't be kept for the next start: {error}");
            faults.push(format!("the manifest can't be kept for the next start: {error}"));
        }
        self.faults.set(Source::Disk, faults);
        self.shown = Some(Arc::clone(manifest));
        self.cache.touch(manifest, SystemTime::now());
        // What the server wants is newer than what came on a stick before: it is what is played now.
        let _ = self.news.send(News::Show(Arc::clone(manifest))).await;
    }

    async fn tell(&self, manifest: &Arc<Manifest>, name: &str) {
        if self.shown.as_ref() == Some(manifest) {
            let _ = self.news.send(News::Arrived(name.to_owned())).await;
        }
    }

    /// What must stay: all that the disk's manifests name, and what is to come.
    fn in_use(&self, manifest: &Manifest) -> BTreeSet<String> {
        let mut hashes = self.cache.in_use();
        hashes.extend(manifest.contents.values().map(|content| content.sha256.clone()));
        hashes
    }

    /// Fetches a content unless it is set aside, and sets it aside when it isn't what it should be again.
    async fn try_once(&mut self, content: &Content, manifest: &Manifest) -> Result<(), FetchError> {
        let lied = self.lied.get(&content.sha256);
        if lied.is_some_and(|it| it.aside_until.is_some_and(|until| Instant::now() < until)) {
            return Err(FetchError::Lie);
        }
        let fetched = self.fetch(content, &self.in_use(manifest)).await;
        match &fetched {
            Ok(()) => {
                self.lied.remove(&content.sha256);
            }
            Err(FetchError::Lie) => {
                let lied = self.lied.entry(content.sha256.clone()).or_default();
                lied.times += 1;
                lied.aside_until = (lied.times >= LIES).then(|| Instant::now() + ASIDE);
            }
            Err(_) => {}
        }
        fetched
    }

    /// Fetches one content whole, or as far as it goes; the next try goes on from there. `in_use`: what doesn't go to
    /// make room.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, content: &Content, in_use: &BTreeSet<String>) -> Result<(), FetchError> {
        let refused = || FetchError::Refused(format!("{:?} is not a SHA-256", content.sha256));
        let path = self.cache.path(content).ok_or_else(refused)?;
        let part = self.cache.part(content).ok_or_else(refused)?;
        let begun = fs::metadata(&part).await.map_or(0, |file| file.len());
        let needed = content.size.saturating_sub(begun);
        self.cache.make_room(needed, self.settings.disk_budget, in_use)?;
        let mut growing = Growing::open(&part).await?;
        if growing.len() > content.size {
            growing.restart().await?;
        }
        let found = growing.len();
        if growing.len() < content.size || content.size == 0 {
            self.download(content, &mut growing).await?;
        }
        if growing.hash() != content.sha256 {
            fs::remove_file(&part).await.context("deleting")?;
            if found > 0 {
                // Perhaps a power cut spoilt what was there: that is no word against the server yet.
                let spoilt = anyhow::anyhow!("what was there of it was spoilt: it is fetched anew");
                return Err(FetchError::Broken(spoilt));
            }
            return Err(FetchError::Lie);
        }
        growing.sync().await?;
        fs::rename(&part, &path).await.context("renaming")?;
        sync_folder(&path).await?;
        Ok(())
    }

    /// Reads what is stored again; what the disk has lost is deleted, and fetched anew.
    async fn scrub(&self, manifest: &Arc<Manifest>) {
        for (name, content) in &manifest.contents {
            let Some(path) = self.cache.path(content).filter(|_| self.cache.has(content)) else {
                continue;
            };
            let wanted = content.clone();
            let read = path.clone();
            let sound = tokio::task::spawn_blocking(move || scrub::is_sound(&read, &wanted)).await;
            if !matches!(sound, Ok(Ok(true))) {
                tracing::error!(content = name, "the disk has lost it: it is fetched anew");
                // Where even this fails, the picture may show what is left of it.
                let _ = fs::remove_file(&path).await;
            }
        }
    }

    async fn download(&self, content: &Content, growing: &mut Growing) -> Result<(), FetchError> {
        let response = self.request(content, growing.len()).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(growing.len()) => {}
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
        growing.flush().await?;
        grown?;
        if growing.len() < content.size {
            let broken = anyhow::anyhow!(
                "the download broke off after {} of {} bytes",
                growing.len(),
                content.size
            );
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
        if growing.len() + bytes.len() as u64 > size {
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
