//! Where a screen's sockets are: in its folder, or, where its disk can't be written or its path is too long for a
//! socket, in a folder of this user's under the system's temporary one.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};
use tokio::net::{UnixListener, UnixStream};

/// How the names of spare folders begin.
const SPARE: &str = "madoguchi-";

/// The two places where a socket of this name may be.
#[derive(Debug, Clone)]
pub struct Place {
    home: PathBuf,
    spare: PathBuf,
}

impl Place {
    /// Of a screen's folder.
    #[must_use]
    pub fn new(home: &Path, name: &str) -> Self {
        let of_home = Sha256::digest(home.as_os_str().as_encoded_bytes());
        let folder = format!(
            "{SPARE}{}-{}",
            nix::unistd::getuid(),
            data_encoding::HEXLOWER.encode(&of_home[..8])
        );
        Self {
            home: home.join(name),
            spare: std::env::temp_dir().join(folder).join(name),
        }
    }

    /// Listens at the first place that can be had. Only this user may come (mode 0600). A socket that a dead process
    /// left is replaced.
    ///
    /// # Errors
    /// When somebody answers there already, or neither place can be had.
    pub fn bind(&self) -> Result<(UnixListener, PathBuf)> {
        for path in [&self.home, &self.spare] {
            if StdStream::connect(path).is_ok() {
                bail!(
                    "a player for this screen is running already (it answers on {})",
                    path.display()
                );
            }
        }
        let first = match bind_at(&self.home) {
            Ok(listener) => return Ok((listener, self.home.clone())),
            Err(error) => error,
        };
        tracing::warn!(
            "{}: {first}: listening at {}",
            self.home.display(),
            self.spare.display()
        );
        self.make_spare()?;
        let listener = bind_at(&self.spare).with_context(|| self.spare.display().to_string())?;
        Ok((listener, self.spare.clone()))
    }

    /// To who listens here, where somebody does.
    pub async fn connect(&self) -> Option<UnixStream> {
        if let Ok(stream) = UnixStream::connect(&self.home).await {
            return Some(stream);
        }
        if !is_own(&self.spare) {
            return None;
        }
        UnixStream::connect(&self.spare).await.ok()
    }

    /// The same, waiting for it.
    ///
    /// # Errors
    /// When nobody listens here.
    pub fn connect_now(&self) -> Result<StdStream> {
        let nobody = || {
            format!(
                "no player is running for this screen (nobody answers on {})",
                self.home.display()
            )
        };
        match StdStream::connect(&self.home) {
            Ok(stream) => Ok(stream),
            Err(_) if is_own(&self.spare) => StdStream::connect(&self.spare).with_context(nobody),
            Err(error) => Err(error).with_context(nobody),
        }
    }

    /// Others may write to the temporary folder: what isn't ours alone is not used.
    fn make_spare(&self) -> Result<()> {
        let folder = self.spare.parent().context("a socket without a folder")?;
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| folder.display().to_string());
            }
            _ => {}
        }
        let about = fs::symlink_metadata(folder)?;
        if !about.is_dir() || about.uid() != nix::unistd::getuid().as_raw() || about.mode() & 0o077 != 0 {
            bail!("{} belongs to somebody else", folder.display());
        }
        Ok(())
    }
}

/// Takes a socket away, and the spare folder with the last one in it.
pub fn leave(path: &Path) {
    let _ = fs::remove_file(path);
    let folder = path.parent().filter(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str());
        folder.parent() == Some(&std::env::temp_dir()) && name.is_some_and(|name| name.starts_with(SPARE))
    });
    // One that isn't empty stays.
    let _ = folder.map(fs::remove_dir);
}

/// Others may write to the temporary folder.
fn is_own(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.uid() == nix::unistd::getuid().as_raw())
}

fn bind_at(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_takes_no_socket_has_a_spare_place_and_a_second_player_is_refused() {
        let dir = tempfile::tempdir().expect("temp");
        // Longer than a socket's path may be (108 bytes).
        let long = dir.path().join("x".repeat(120));
        for home in [dir.path().join("short"), long, dir.path().join("missing")] {
            if !home.ends_with("missing") {
                fs::create_dir(&home).expect("made");
            }
            let place = Place::new(&home, "player.sock");
            assert!(place.connect().await.is_none() && place.connect_now().is_err());
            let (_listener, path) = place.bind().expect("somewhere");
            assert_eq!(path.starts_with(&home), home.ends_with("short"));
            assert!(place.connect().await.is_some() && place.connect_now().is_ok());
            let said = place.bind().expect_err("one is there").to_string();
            assert!(said.contains("running already"), "{said}");
            leave(&path);
            let folder = path.parent().expect("a folder");
            assert!(
                !path.exists() && folder.exists() == path.starts_with(&home),
                "nothing is left"
            );
        }
    }
}
