//! Waits for memory sticks, and for what an operator imports at a shell.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::config::Player;
use runtime::Shutdown;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::{Imported, Trust, import, mark_of};
use crate::agent::News;
use crate::agent::faults::{Faults, Source};
use crate::cache::Cache;

/// How often it is looked: systems mount a stick a second or two after it was put in anyway.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So many folders are looked at; a disk full of folders is no stick.
const MAX_FOLDERS: usize = 64;

/// Waits for sticks.
pub struct Watch {
    /// Where they appear, and whose are taken.
    pub config: Player,
    /// Where they are copied to.
    pub cache: Cache,
    /// Who shows what was on them.
    pub news: mpsc::Sender<News>,
    /// Who tells what was broken.
    pub faults: Faults,
}

impl Watch {
    /// Runs until the shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A stick that was taken before this process began and is still in isn't news.
        let taken = self.cache.stick().ok().flatten().and_then(|stick| stick.mark);
        let mut known: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut is_first = true;
        let mut changed_at = self.cache.stick_changed_at();
        loop {
            tokio::select! {
                () = shutdown.started() => return,
                _ = look.tick() => {}
            }
            let now: BTreeMap<PathBuf, String> = self.config.sticks.as_deref().map_or_else(BTreeMap::new, marked);
            for (folder, mark) in &now {
                let is_old = known.get(folder) == Some(mark) || (is_first && taken.as_ref() == Some(mark));
                if !is_old {
                    self.take(folder.clone()).await;
                    changed_at = self.cache.stick_changed_at();
                }
            }
            (known, is_first) = (now, false);
            let imported_at = self.cache.stick_changed_at();
            if imported_at != changed_at {
                changed_at = imported_at;
                if let Some(manifest) = self.cache.current().manifest {
                    let _ = self.news.send(News::Show(Arc::new(manifest))).await;
                }
            }
        }
    }

    async fn take(&self, folder: PathBuf) {
        tracing::info!("a stick: {}", folder.display());
        let (cache, keys, budget) = (self.cache.clone(), keys(&self.config), self.config.disk_budget);
        let (read, named) = (folder.clone(), folder.display().to_string());
        let work = move || import(&read, &cache, &keys, Trust::Anybody, budget);
        let taken = tokio::task::spawn_blocking(work).await;
        match taken {
            Ok(Ok(Imported { manifest, faults })) => {
                self.faults.set(Source::Stick, faults);
                let _ = self.news.send(News::Show(Arc::new(manifest))).await;
            }
            Ok(Err(error)) => {
                tracing::error!("{named}: {error:#}");
                self.faults.set(Source::Stick, vec![format!("{named}: {error:#}")]);
            }
            Err(error) => tracing::error!("{named}: {error}"),
        }
    }
}

/// The public keys of a configuration, which was checked.
#[must_use]
pub fn keys(config: &Player) -> Vec<Vec<u8>> {
    let texts = config.stick_keys.iter().map(|key| key.get_ref().as_bytes());
    texts
        .filter_map(|text| data_encoding::BASE64.decode(text).ok())
        .collect()
}

/// Folders for a screen, one or two levels below `root`, each with its mark.
fn marked(root: &Path) -> BTreeMap<PathBuf, String> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_FOLDERS);
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.map(|entry| entry.path()).collect()
    };
    let first = below(root);
    let second: Vec<PathBuf> = first.iter().flat_map(|folder| below(folder)).collect();
    let all = first.into_iter().chain(second).take(MAX_FOLDERS);
    all.filter_map(|folder| mark_of(&folder).map(|mark| (folder, mark)))
        .collect()
}
