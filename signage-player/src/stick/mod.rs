//! Memory sticks: what somebody brings in a folder is copied to the screen's own disk and played, without a network.
//!
//! A folder is a plain one ([`plain`]) or a signed bundle ([`bundle`]). Invariant: nothing is played from the stick
//! itself, and nothing outside the folder is read.

pub mod bundle;
pub mod plain;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use protocol::screen::{Content, Item, Layout, Manifest, When};
use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::item::probe;

/// What is on a stick, before anything is copied.
#[derive(Debug)]
pub struct Found {
    /// What to show.
    pub layout: Layout,
    /// The files of its contents, by their names in the layout.
    pub files: BTreeMap<String, Listed>,
    /// What is wrong already, by name.
    pub faults: Vec<String>,
    /// When a bundle was made, in milliseconds since 1970.
    pub made_at: Option<u64>,
}

/// A file on a stick.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Where it lies.
    pub path: PathBuf,
    /// Such as `image/png`.
    pub media_type: String,
    /// What it must be, in a bundle.
    pub sha256: Option<String>,
}

/// Who may bring what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// An operator at a shell: plain folders too.
    Operator,
    /// Whoever puts a stick in: where there are keys, what is signed with one of them.
    Anybody,
}

/// What was taken.
#[derive(Debug)]
pub struct Imported {
    /// What plays now.
    pub manifest: Manifest,
    /// What is left out, by name, and why.
    pub faults: Vec<String>,
}

/// Copies what a folder has to the screen's disk, to be played from now on. `keys`: the configuration's; a bundle may be
/// signed by the screen's server too.
///
/// # Errors
/// When there is nothing in it that can be played, it isn't signed as it should be, or the disk can't take it. What
/// plays then goes on.
pub fn import(folder: &Path, cache: &Cache, keys: &[Vec<u8>], trust: Trust, budget: u64) -> Result<Imported> {
    let folder = fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
    let current = cache.current().manifest;
    let trusted: Vec<Vec<u8>> = keys.iter().cloned().chain(server_key(cache)).collect();
    let is_bundle = folder.join(bundle::FILE).exists();
    let found = if is_bundle {
        let newest = cache.stick().ok().flatten().and_then(|stick| stick.made_at);
        bundle::open(&folder, &trusted, newest)?
    } else if trust == Trust::Anybody && !keys.is_empty() {
        bail!("it is not signed: make it a bundle (signage-player bundle), or import it at a shell");
    } else {
        plain::open(&folder, current.as_ref().map(|it| (it.layout.width, it.layout.height)))?
    };
    let mut faults = found.faults;
    let kinds = kinds(&found.layout);
    let mut in_use = cache.in_use();
    let mut contents = BTreeMap::new();
    for (name, listed) in &found.files {
        let is_picture = kinds
            .get(name.as_str())
            .is_some_and(|item| matches!(item, Item::Picture { .. }));
        match take(&folder, listed, is_picture, cache, budget, &mut in_use) {
            Ok(content) => {
                contents.insert(name.clone(), content);
            }
            Err(error) => faults.push(format!("{name}: {error:#}")),
        }
    }
    if contents.is_empty() && !(found.files.is_empty() && faults.is_empty()) {
        bail!("nothing in {} can be played: {}", folder.display(), faults.join("; "));
    }
    let mark = mark_of(&folder);
    let manifest = Manifest {
        layout: found.layout,
        contents,
        group: None,
        bundle_key: None,
    };
    manifest.layout.check_to_play()?;
    let stored = cache.store_stick(manifest.clone(), found.made_at, mark);
    stored.context("the screen's disk doesn't take it")?;
    Ok(Imported { manifest, faults })
}

/// The key with which the screen's own server signs, as far as the server has ever been heard.
fn server_key(cache: &Cache) -> Option<Vec<u8>> {
    let key = cache.server().manifest?.bundle_key?;
    data_encoding::BASE64.decode(key.as_bytes()).ok()
}

/// The items of a layout by their contents' names.
fn kinds(layout: &Layout) -> BTreeMap<&str, &Item> {
    let items = layout.items().filter_map(|item| Some((item.content()?, item)));
    items.collect()
}

/// Copies one file to its place under its hash.
fn take(
    folder: &Path,
    listed: &Listed,
    is_picture: bool,
    cache: &Cache,
    budget: u64,
    in_use: &mut BTreeSet<String>,
) -> Result<Content> {
    let whole = fs::canonicalize(&listed.path).context("it is not there")?;
    if !whole.starts_with(folder) {
        bail!("it leads out of the folder");
    }
    let about = fs::metadata(&whole).context("it can't be read")?;
    if !about.is_file() {
        bail!("it is not a file");
    }
    probe::look(&whole, is_picture).map_err(anyhow::Error::msg)?;
    in_use.extend(listed.sha256.clone());
    let mut content = Content {
        sha256: listed.sha256.clone().unwrap_or_default(),
        size: about.len(),
        media_type: listed.media_type.clone(),
    };
    if listed.sha256.is_some() && cache.has(&content) {
        return Ok(content);
    }
    cache.make_room(about.len(), budget, in_use)?;
    let name = format!("{}-{:016x}.import", std::process::id(), rand::random::<u64>());
    let part = cache.contents_dir().join(name);
    let taken = copy(&whole, &part, about.len()).and_then(|sha256| {
        if listed.sha256.as_ref().is_some_and(|wanted| *wanted != sha256) {
            bail!("it is not what the bundle says: the stick may be damaged");
        }
        content.sha256 = sha256;
        let path = cache.path(&content).context("no hash")?;
        fs::rename(&part, path).context("renaming")?;
        File::open(cache.contents_dir())?
            .sync_all()
            .context("syncing the folder")
    });
    if let Err(error) = taken {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    in_use.insert(content.sha256.clone());
    Ok(content)
}

/// Copies `size` bytes and gives their SHA-256.
fn copy(from: &Path, to: &Path, size: u64) -> Result<String> {
    // One byte more than there was: a file that grows meanwhile, or without end, is told apart.
    let mut input = File::open(from)?.take(size + 1);
    let mut output = File::options().write(true).create_new(true).open(to)?;
    let (mut hasher, mut copied) = (Sha256::new(), 0_u64);
    let mut block = vec![0; 256 << 10];
    loop {
        let count = match input.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.context("it can't be read")?,
        };
        if count == 0 {
            break;
        }
        hasher.update(&block[..count]);
        output
            .write_all(&block[..count])
            .context("the screen's disk doesn't take it")?;
        copied += count as u64;
    }
    if copied != size {
        bail!("it changes while it is read");
    }
    output.sync_all().context("the screen's disk doesn't take it")?;
    Ok(data_encoding::HEXLOWER.encode(&hasher.finalize()))
}

/// The files by which a folder is known to be for a screen, the first that is there first.
const MARKS: [&str; 3] = [bundle::FILE, plain::PLAYLIST, plain::LAYOUT];

/// SHA-256 of the file by which a folder is known to be for a screen.
#[must_use]
pub fn mark_of(folder: &Path) -> Option<String> {
    let file = MARKS.iter().map(|name| folder.join(name)).find(|file| file.is_file())?;
    if fs::metadata(&file).ok()?.len() > bundle::MAX_FILE {
        return None;
    }
    Some(data_encoding::HEXLOWER.encode(&Sha256::digest(fs::read(file).ok()?)))
}

/// A name on a stick as a path inside its folder; none: it leads elsewhere.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (is_plain && !name.is_empty()).then(|| folder.join(path))
}

/// What a file is, by its name's end: its media type, and the item that plays it.
fn kind_of(name: &str, seconds: Option<f64>) -> Option<(&'static str, Item)> {
    /// How long a picture or a page stands where nobody says.
    const STANDS: f64 = 10.0;

    let ending = Path::new(name).extension()?.to_str()?.to_ascii_lowercase();
    let content = name.to_owned();
    let ms = (seconds.unwrap_or(STANDS) * 1000.0) as u64;
    let media_type = match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "mpg" | "mpeg" => "video/mpeg",
        "ts" | "m2ts" => "video/mp2t",
        "avi" => "video/x-msvideo",
        _ => return None,
    };
    let item = match media_type.split('/').next() {
        Some("image") => Item::Picture {
            content,
            duration_ms: ms,
            when: When::default(),
        },
        Some("video") => Item::Video {
            content,
            when: When::default(),
        },
        _ => Item::Document {
            content,
            page_ms: ms,
            when: When::default(),
        },
    };
    Some((media_type, item))
}

#[cfg(test)]
mod tests;
