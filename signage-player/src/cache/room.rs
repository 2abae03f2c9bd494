//! Room on the disk: what goes when something new has to come.
//!
//! Invariant: what is in use never goes. Of the rest, what was used least recently goes first, and no more than
//! must.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use nix::sys::statvfs::statvfs;

use super::Cache;

/// So much is left free on the disk for manifests and reports, in bytes.
const RESERVE: u64 = 1 << 20;

/// A file in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name in the folder: a hash, or `HASH.part`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last wanted on show.
    pub used_at: SystemTime,
}

impl Held {
    fn hash(&self) -> &str {
        self.name.strip_suffix(".part").unwrap_or(&self.name)
    }
}

/// There is no room, even without everything that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room: it needs {needed} bytes, {kept} are in use, the disk gives {limit} in all")]
pub struct NoRoom {
    /// Bytes that are to come.
    pub needed: u64,
    /// Bytes that must stay.
    pub kept: u64,
    /// Bytes that the cache may have.
    pub limit: u64,
}

/// The names of what goes, so that `needed` more bytes keep within `limit`.
///
/// # Errors
/// [`NoRoom`]; then nothing should go.
pub fn victims(mut held: Vec<Held>, in_use: &BTreeSet<String>, needed: u64, limit: u64) -> Result<Vec<String>, NoRoom> {
    let mut used: u64 = held.iter().map(|file| file.size).sum();
    let kept = held.iter().filter(|file| in_use.contains(file.hash()));
    let kept: u64 = kept.map(|file| file.size).sum();
    if kept.saturating_add(needed) > limit {
        return Err(NoRoom { needed, kept, limit });
    }
    held.retain(|file| !in_use.contains(file.hash()));
    held.sort_by(|a, b| (a.used_at, &a.name).cmp(&(b.used_at, &b.name)));
    let mut names = Vec::new();
    for file in held {
        if used.saturating_add(needed) <= limit {
            break;
        }
        used -= file.size;
        names.push(file.name);
    }
    Ok(names)
}

impl Cache {
    /// All files in it.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let files = fs::read_dir(self.contents_dir()).into_iter().flatten().flatten();
        files
            .filter_map(|file| {
                let about = file.metadata().ok()?;
                Some(Held {
                    name: file.file_name().into_string().ok()?,
                    size: about.len(),
                    used_at: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                })
            })
            .collect()
    }

    /// Makes room for `needed` more bytes: within the budget, and on the disk as it is.
    ///
    /// # Errors
    /// [`NoRoom`], when it can't be had; then nothing has gone.
    pub fn make_room(&self, needed: u64, budget: u64, in_use: &BTreeSet<String>) -> Result<(), NoRoom> {
        let held = self.held();
        let used: u64 = held.iter().map(|file| file.size).sum();
        let free = free_bytes(&self.contents_dir()).map_or(u64::MAX, |free| free.saturating_sub(RESERVE));
        let limit = budget.min(used.saturating_add(free));
        for name in victims(held, in_use, needed, limit)? {
            let path = self.contents_dir().join(&name);
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(content = name, "deleted to make room"),
                Err(error) => tracing::warn!("{} can't be deleted: {error}", path.display()),
            }
        }
        Ok(())
    }
}

/// Bytes that are free on a folder's disk, where that can be told.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let about = statvfs(folder).ok()?;
    Some(about.blocks_available().saturating_mul(about.fragment_size()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn held(name: &str, size: u64, used_at: u64) -> Held {
        Held {
            name: name.to_owned(),
            size,
            used_at: SystemTime::UNIX_EPOCH + Duration::from_secs(used_at),
        }
    }

    fn in_use(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_least_recently_used_goes_first_and_no_more_than_must() {
        let files = vec![
            held("a", 30, 3),
            held("b", 30, 1),
            held("c.part", 10, 2),
            held("d", 30, 4),
        ];
        let of = |needed, limit| victims(files.clone(), &in_use(&["d"]), needed, limit);
        assert_eq!(of(10, 110), Ok(vec![]));
        assert_eq!(of(11, 110), Ok(vec!["b".to_owned()]));
        assert_eq!(of(45, 110), Ok(vec!["b".to_owned(), "c.part".to_owned()]));
        assert_eq!(of(80, 110).map(|names| names.len()), Ok(3));
    }

    #[test]
    fn what_is_in_use_never_goes_nor_does_anything_when_that_would_not_help() {
        let files = vec![held("a", 30, 1), held("b.part", 30, 2), held("c", 5, 3)];
        let short = victims(files, &in_use(&["a", "b"]), 50, 100).expect_err("no room");
        assert_eq!((short.kept, short.limit), (60, 100));
        assert!(short.to_string().contains("50 bytes"), "{short}");
        assert!(victims(Vec::new(), &in_use(&[]), u64::MAX, 100).is_err());
    }

    #[test]
    fn room_is_made_on_a_real_disk() {
        let dir = tempfile::tempdir().expect("temp");
        let cache = Cache::open(dir.path());
        for (name, age) in [("old", 200), ("new", 100)] {
            let path = cache.contents_dir().join(name);
            fs::write(&path, [0; 1000]).expect("written");
            let file = fs::File::options().write(true).open(path).expect("opens");
            file.set_modified(SystemTime::now() - Duration::from_secs(age))
                .expect("set");
        }
        cache.make_room(1000, 2500, &in_use(&[])).expect("room");
        assert_eq!(
            cache.held().iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            ["new"]
        );
        let free = free_bytes(dir.path()).expect("a disk");
        assert!(
            cache.make_room(free + 2000, u64::MAX, &in_use(&[])).is_err(),
            "more than the disk has"
        );
    }
}
