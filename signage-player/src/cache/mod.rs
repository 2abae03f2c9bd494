//! The screen's own disk: contents by their SHA-256, and the manifests to play from.
//!
//! Invariant: a file under its final name is whole and has been verified; a manifest is written whole or not at
//! all. A power cut at any byte, a full disk and a read-only one leave what was there before.

pub mod growing;
pub mod room;
pub mod scrub;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use protocol::screen::{Content, Manifest, is_sha256};
use serde::{Deserialize, Serialize};

use crate::event::Library;

/// An import that has written nothing for so long was killed.
const IMPORT_LIMIT: Duration = Duration::from_secs(3600);

/// A manifest larger than this is not read, in bytes.
const MAX_MANIFEST: u64 = 8 << 20;

/// The cache's folder.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

/// What came on a memory stick, and what it took the place of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FromStick {
    /// The manifest that the server wanted on show at that time, by its [`digest`]; a newer one takes over again.
    pub over: Option<String>,
    /// When a signed bundle was made, in milliseconds since 1970; an older one is not taken after it.
    #[serde(default)]
    pub made_at: Option<u64>,
    /// SHA-256 of the file by which the stick was known, so that one that stays in is not taken twice.
    #[serde(default)]
    pub mark: Option<String>,
    /// What to play.
    pub manifest: Manifest,
}

/// What the disk has to play.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The manifest to play; none: there is no sound one.
    pub manifest: Option<Manifest>,
    /// What couldn't be read, in words.
    pub faults: Vec<String>,
}

impl Cache {
    /// The cache in a folder, which is made where it is missing. A disk that can't be written is only told: what is
    /// on it plays.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        let cache = Self { dir: dir.to_owned() };
        let contents = cache.contents_dir();
        if let Err(error) = fs::create_dir_all(&contents) {
            tracing::error!("{} can't be made: {error}", contents.display());
        }
        cache
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is to be played now: what came on a stick, until the server wants something newer; else what the server
    /// wanted last; where that can't be read, what it wanted before.
    #[must_use]
    pub fn current(&self) -> Loaded {
        let server = self.server();
        match self.stick() {
            Ok(Some(stick)) if stick.over == server.manifest.as_ref().and_then(digest) => Loaded {
                manifest: Some(stick.manifest),
                faults: server.faults,
            },
            Ok(_) => server,
            Err(fault) => Loaded {
                manifest: server.manifest,
                faults: [server.faults, vec![fault]].concat(),
            },
        }
    }

    /// What the server wanted last, as far as it can be read.
    #[must_use]
    pub fn server(&self) -> Loaded {
        let mut faults = Vec::new();
        for file in [self.manifest_file(), self.before_file()] {
            match read_sound(&file) {
                Ok(Some(manifest)) => {
                    return Loaded {
                        manifest: Some(manifest),
                        faults,
                    };
                }
                Ok(None) => {}
                Err(fault) => {
                    tracing::warn!("{fault}");
                    faults.push(fault);
                }
            }
        }
        Loaded { manifest: None, faults }
    }

    /// What came on a stick last, whether it is to be played or not.
    ///
    /// # Errors
    /// When it is there and can't be read, in words.
    pub fn stick(&self) -> Result<Option<FromStick>, String> {
        let file = self.stick_file();
        let Some(stick) = read_json::<FromStick>(&file)? else {
            return Ok(None);
        };
        stick
            .manifest
            .layout
            .check_to_play()
            .map_err(|error| named(&file, &error))?;
        Ok(Some(stick))
    }

    /// Keeps what the server wants on show; what it wanted before stays beside it.
    ///
    /// # Errors
    /// When the disk doesn't take it; what is there stays.
    pub fn store(&self, manifest: &Manifest) -> io::Result<()> {
        let (file, before) = (self.manifest_file(), self.before_file());
        if let Ok(Some(old)) = read_sound(&file)
            && old != *manifest
        {
            runtime::write_file(&before, &serde_json::to_vec(&old)?, false)?;
        }
        runtime::write_file(&file, &serde_json::to_vec(manifest)?, false)
    }

    /// Keeps what came on a stick, to be played from now on.
    ///
    /// # Errors
    /// When the disk doesn't take it.
    pub fn store_stick(&self, manifest: Manifest, made_at: Option<u64>, mark: Option<String>) -> io::Result<()> {
        let over = self.server().manifest.as_ref().and_then(digest);
        let stick = FromStick {
            over,
            made_at,
            mark,
            manifest,
        };
        runtime::write_file(&self.stick_file(), &serde_json::to_vec(&stick)?, false)
    }

    /// Takes what came on a stick from the screen. Gives whether there was anything.
    ///
    /// # Errors
    /// When the disk doesn't let it go.
    pub fn forget_stick(&self) -> io::Result<bool> {
        match fs::remove_file(self.stick_file()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// When what is on a stick's place was written; changes with every import.
    #[must_use]
    pub fn stick_changed_at(&self) -> Option<SystemTime> {
        fs::metadata(self.stick_file()).and_then(|file| file.modified()).ok()
    }

    /// Where a content lies or will lie; `None` for something that is no SHA-256.
    #[must_use]
    pub fn path(&self, content: &Content) -> Option<PathBuf> {
        is_sha256(&content.sha256).then(|| self.contents_dir().join(&content.sha256))
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

    /// The hashes of what must stay: all that the disk's manifests name.
    #[must_use]
    pub fn in_use(&self) -> BTreeSet<String> {
        let stick = self.stick().ok().flatten().map(|stick| stick.manifest);
        let manifests = [self.server().manifest, stick];
        let contents = manifests.iter().flatten().flat_map(|it| it.contents.values());
        contents.map(|content| content.sha256.clone()).collect()
    }

    /// Notes that a manifest's contents are used now: those that were used last go last.
    pub fn touch(&self, manifest: &Manifest, now: SystemTime) {
        for content in manifest.contents.values() {
            let file = self
                .path(content)
                .and_then(|path| fs::File::options().write(true).open(path).ok());
            // Only the order in which things go depends on it.
            let _ = file.map(|file| file.set_modified(now));
        }
    }

    /// Clears away what was begun and will not be finished: parts of contents that nobody waits for, and what a
    /// killed program left half written; what another of the player's processes writes now stays. Only while nothing is being
    /// fetched or imported.
    pub fn tidy(&self, wanted: &BTreeSet<String>) {
        let is_old = |path: &Path| {
            let age = fs::metadata(path)
                .and_then(|file| file.modified())
                .map(|at| at.elapsed());
            matches!(age, Ok(Ok(age)) if age > IMPORT_LIMIT)
        };
        let is_left = |name: &str, folder: &Path| match name.strip_suffix(".part") {
            None if name.ends_with(".import") => is_old(&folder.join(name)),
            Some(hash) if folder == self.contents_dir() => !wanted.contains(hash),
            Some(part) => !is_being_written(part) || is_old(&folder.join(name)),
            None => false,
        };
        for folder in [self.dir.clone(), self.contents_dir()] {
            for file in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if file.file_name().to_str().is_some_and(|name| is_left(name, &folder))
                    && let Err(error) = fs::remove_file(file.path())
                {
                    tracing::warn!("{} can't be deleted: {error}", file.path().display());
                }
            }
        }
    }

    /// The folder of contents.
    #[must_use]
    pub fn contents_dir(&self) -> PathBuf {
        self.dir.join("content")
    }

    fn manifest_file(&self) -> PathBuf {
        self.dir.join("manifest.json")
    }

    fn before_file(&self) -> PathBuf {
        self.dir.join("manifest.before.json")
    }

    fn stick_file(&self) -> PathBuf {
        self.dir.join("stick.json")
    }
}

/// Whether the process that began a file is still there: [`runtime::write_file`] puts its number behind the file's name.
fn is_being_written(part: &str) -> bool {
    let pid = part.rsplit_once('.').and_then(|(_, pid)| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

/// SHA-256 of a manifest's JSON, as [`protocol::screen::ScreenFrame::Hello`] names it.
#[must_use]
pub fn digest(manifest: &Manifest) -> Option<String> {
    use sha2::Digest as _;

    let json = serde_json::to_vec(manifest).ok()?;
    Some(data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(json)))
}

fn named(file: &Path, error: &dyn std::fmt::Display) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{name} can't be read: {error}")
}

fn read_json<T: serde::de::DeserializeOwned>(file: &Path) -> Result<Option<T>, String> {
    let len = match fs::metadata(file) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(file, &error)),
    };
    if len > MAX_MANIFEST {
        return Err(named(file, &format_args!("{len} bytes are more than {MAX_MANIFEST}")));
    }
    let bytes = fs::read(file).map_err(|error| named(file, &error))?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| named(file, &error))
}

fn read_sound(file: &Path) -> Result<Option<Manifest>, String> {
    let Some(manifest) = read_json::<Manifest>(file)? else {
        return Ok(None);
    };
    manifest.layout.check_to_play().map_err(|error| named(file, &error))?;
    Ok(Some(manifest))
}

#[cfg(test)]
mod tests;
