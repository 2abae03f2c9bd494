//! The screen's own disk: contents by their SHA-256, and the manifest to start from.
//!
//! Invariant: a file under its final name is whole and has been verified; the manifest is written whole
//! or not at all. A power cut at any byte leaves what was there before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use protocol::screen::{Content, Manifest};

use crate::event::Library;

/// The cache's folder.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the folder, making it where it is missing.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(dir: &Path) -> Result<Self> {
        let cache = Self { dir: dir.to_owned() };
        let contents = cache.contents_dir();
        fs::create_dir_all(&contents).with_context(|| format!("{} can't be made", contents.display()))?;
        Ok(cache)
    }

    /// The manifest that was on show last, where there is a sound one.
    #[must_use]
    pub fn load(&self) -> Option<Manifest> {
        let bytes = fs::read(self.manifest_file()).ok()?;
        let manifest: Manifest = match serde_json::from_slice(&bytes) {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::warn!("the stored manifest can't be read: {error}");
                return None;
            }
        };
        match manifest.layout.check() {
            Ok(()) => Some(manifest),
            Err(error) => {
                tracing::warn!("the stored manifest can't be shown: {error}");
                None
            }
        }
    }

    /// Keeps a manifest to start from.
    ///
    /// # Errors
    /// When the disk doesn't take it; the one before stays.
    pub fn store(&self, manifest: &Manifest) -> io::Result<()> {
        runtime::write_file(&self.manifest_file(), &serde_json::to_vec(manifest)?, false)
    }

    /// Where a content lies or will lie; `None` for something that is no SHA-256.
    #[must_use]
    pub fn path(&self, content: &Content) -> Option<PathBuf> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_hash = content.sha256.len() == 64 && content.sha256.bytes().all(is_hex);
        is_hash.then(|| self.contents_dir().join(&content.sha256))
    }

    /// Where it grows until it is whole.
    #[must_use]
    pub fn part(&self, content: &Content) -> Option<PathBuf> {
        Some(self.path(content)?.with_extension("part"))
    }

    /// Whether a content is there. Its hash was verified when it got its name; its size is looked at again.
    #[must_use]
    pub fn has(&self, content: &Content) -> bool {
        self.path(content)
            .and_then(|path| fs::metadata(path).ok())
            .is_some_and(|file| file.is_file() && file.len() == content.size)
    }

    /// A manifest's contents as far as they are there.
    #[must_use]
    pub fn library(&self, manifest: &Manifest) -> Library {
        let there = manifest.contents.iter().filter(|(_, content)| self.has(content));
        there
            .filter_map(|(name, content)| Some((name.clone(), self.path(content)?)))
            .collect()
    }

    /// Deletes what none of the manifests names.
    pub fn keep_only(&self, manifests: &[&Manifest]) {
        let named = |file: &str| {
            let hash = file.trim_end_matches(".part");
            let mut contents = manifests.iter().flat_map(|manifest| manifest.contents.values());
            contents.any(|content| content.sha256 == hash)
        };
        let Ok(files) = fs::read_dir(self.contents_dir()) else {
            return;
        };
        for file in files.flatten() {
            if !file.file_name().to_str().is_some_and(named)
                && let Err(error) = fs::remove_file(file.path())
            {
                tracing::warn!("{} can't be deleted: {error}", file.path().display());
            }
        }
    }

    fn contents_dir(&self) -> PathBuf {
        self.dir.join("content")
    }

    fn manifest_file(&self) -> PathBuf {
        self.dir.join("manifest.json")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::screen::Text;

    use super::*;

    fn content(fill: char, size: u64) -> Content {
        Content {
            sha256: fill.to_string().repeat(64),
            size,
            media_type: "image/png".into(),
        }
    }

    fn manifest(contents: &[(&str, Content)]) -> Manifest {
        Manifest {
            layout: crate::scene::standby::layout(&Text::japanese("南区役所")),
            contents: contents
                .iter()
                .map(|(name, it)| ((*name).to_owned(), it.clone()))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn a_manifest_is_kept_and_a_half_written_one_ignored() {
        let dir = tempfile::tempdir().expect("temp");
        let cache = Cache::open(dir.path()).expect("opens");
        assert_eq!(cache.load(), None);
        let stored = manifest(&[("a.png", content('a', 3))]);
        cache.store(&stored).expect("stored");
        assert_eq!(cache.load(), Some(stored));
        fs::write(dir.path().join("manifest.json"), b"{\"layout\":").expect("written");
        assert_eq!(cache.load(), None);
    }

    #[test]
    fn only_whole_files_count_and_only_named_ones_stay() {
        let dir = tempfile::tempdir().expect("temp");
        let cache = Cache::open(dir.path()).expect("opens");
        let (whole, cut, old) = (content('a', 3), content('b', 3), content('c', 3));
        for (it, bytes) in [(&whole, "abc"), (&cut, "ab"), (&old, "abc")] {
            fs::write(cache.path(it).expect("a hash"), bytes).expect("written");
        }
        let shown = manifest(&[("a.png", whole.clone()), ("b.png", cut.clone())]);
        assert_eq!(cache.library(&shown).into_keys().collect::<Vec<_>>(), ["a.png"]);
        cache.keep_only(&[&shown]);
        assert!(cache.has(&whole) && !cache.has(&old));
        assert!(cache.path(&cut).expect("a hash").exists());
    }

    #[test]
    fn a_name_that_is_no_hash_reaches_no_file() {
        let cache = Cache {
            dir: PathBuf::from("/nowhere"),
        };
        for bad in ["", "../../etc/passwd", &"A".repeat(64), &"é".repeat(32)] {
            let content = Content {
                sha256: bad.to_owned(),
                size: 1,
                media_type: String::new(),
            };
            assert_eq!(cache.path(&content), None, "{bad:?}");
        }
    }
}
