//! What is wrong with the screen's camera, from its process to the agent's: some words in a file of the screen's folder, which
//! is there when either of them begins anew. Where the disk can't be written, the log alone says it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::Shutdown;
use tokio::time::interval;

use crate::agent::faults::{Faults, Source};

/// The file's name.
const NAME: &str = "camera-fault.txt";
/// More words aren't kept, in bytes.
const LONGEST: usize = 200;
/// How often the agent looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// From now on this is wrong; `None`: nothing.
pub(super) fn set(home: &Path, why: Option<&str>) {
    let file = home.join(NAME);
    let done = match why {
        Some(why) => write(&file, &why[..why.floor_char_boundary(LONGEST)]),
        None => match fs::remove_file(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    };
    if let Err(error) = done {
        tracing::warn!("{}: {error}", file.display());
    }
}

fn write(file: &Path, words: &str) -> io::Result<()> {
    let part = file.with_extension("part");
    fs::write(&part, words)?;
    fs::rename(part, file)
}

/// What is wrong now.
fn read(home: &Path) -> Option<String> {
    let words = fs::read_to_string(home.join(NAME)).ok()?;
    (!words.is_empty() && words.len() <= LONGEST).then_some(words)
}

/// Tells it with all else that is wrong, until the shutdown.
pub async fn follow(home: PathBuf, faults: Faults, shutdown: Shutdown) {
    let mut look = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = shutdown.started() => return,
            _ = look.tick() => {}
        }
        let fault = read(&home).map(|why| format!("camera: {why}"));
        faults.set(Source::Camera, fault.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_read_whole_until_it_is_right_again() {
        let home = tempfile::tempdir().expect("temp");
        assert_eq!(read(home.path()), None);
        set(home.path(), None);
        set(home.path(), Some("Cannot identify device"));
        assert_eq!(read(home.path()).as_deref(), Some("Cannot identify device"));
        set(home.path(), Some(&"窓".repeat(100)));
        assert_eq!(read(home.path()), Some("窓".repeat(66)));
        set(home.path(), None);
        assert_eq!(read(home.path()), None);
        set(
            &home.path().join("nowhere"),
            Some("a disk that can't be written stops nothing"),
        );
    }
}
