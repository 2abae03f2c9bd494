//! The keys that the programs share, made at the first start in a folder that only the office's user reads.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use protocol::grants::TokenKey;
use protocol::ids::{BoothId, ScreenId};
use protocol::turn::TurnSecret;

/// The folder of keys (`paths.secrets`).
#[derive(Debug, Clone)]
pub struct Secrets {
    dir: PathBuf,
}

impl Secrets {
    /// Opens the folder, making it (mode 0700) when it is missing.
    ///
    /// # Errors
    /// When it can't be made, or others may read it.
    pub fn open(dir: &Path) -> Result<Self> {
        if !dir.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .with_context(|| format!("paths.secrets: {} can't be made", dir.display()))?;
        }
        let mode = fs::metadata(dir)
            .with_context(|| format!("paths.secrets: {}", dir.display()))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            anyhow::bail!(
                "paths.secrets: others may look into {}: run chmod 700 on it",
                dir.display()
            );
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Signs and checks tokens for media nodes.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn media_key(&self) -> Result<TokenKey> {
        self.key("media")
    }

    /// Signs and checks tokens with which signaling speaks to nodes.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn node_key(&self) -> Result<TokenKey> {
        self.key("node")
    }

    /// Signs and checks screens' tokens.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn screen_key(&self) -> Result<TokenKey> {
        self.key("screen")
    }

    /// Signs and checks booths' tokens.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn booth_key(&self) -> Result<TokenKey> {
        self.key("booth")
    }

    /// Where the link lies that is opened once in a booth's browser.
    #[must_use]
    pub fn booth_link(&self, booth: &BoothId) -> PathBuf {
        self.dir.join("booths").join(format!("{booth}.url"))
    }

    /// Shared with the TURN server. One that others run has its own: write it into `turn.key`.
    ///
    /// # Errors
    /// When the secret can't be read or made.
    pub fn turn_secret(&self) -> Result<TurnSecret> {
        let (_, bytes) = self.bytes("turn")?;
        Ok(TurnSecret::new(&bytes))
    }

    /// Makes the keys by which the screens of a group know each other.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn group_key(&self) -> Result<Vec<u8>> {
        self.bytes("screen-groups").map(|(_, bytes)| bytes)
    }

    /// What the key is made of with which bundles for memory sticks are signed.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn bundle_key(&self) -> Result<Vec<u8>> {
        self.bytes("bundles").map(|(_, bytes)| bytes)
    }

    /// Makes the short codes of appointments into what is stored of them.
    ///
    /// # Errors
    /// When the key can't be read or made.
    pub fn short_code_key(&self) -> Result<Vec<u8>> {
        self.bytes("short-code").map(|(_, bytes)| bytes)
    }

    /// A secret of somebody else's that the operator has written into a file, such as a mail server's password.
    ///
    /// # Errors
    /// When it isn't there or can't be read.
    pub fn written(&self, name: &str) -> Result<String> {
        let path = self.dir.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Where a screen on this machine finds its token.
    #[must_use]
    pub fn screen_token(&self, screen: &ScreenId) -> PathBuf {
        self.dir.join("screens").join(format!("{screen}.token"))
    }

    /// The local authority's certificate, for players and for people to trust.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The folder itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn key(&self, name: &str) -> Result<TokenKey> {
        let (path, bytes) = self.bytes(name)?;
        TokenKey::new(&bytes).with_context(|| format!("{}: delete it to have a new one made", path.display()))
    }

    /// Reads a key, or makes it. Two programs that start at once end up with the same one.
    fn bytes(&self, name: &str) -> Result<(PathBuf, Vec<u8>)> {
        let path = self.dir.join(format!("{name}.key"));
        let make = || -> io::Result<()> {
            let fresh: Vec<u8> = std::iter::repeat_with(protocol::ids::RoomId::random)
                .take(3)
                .flat_map(|id| id.as_str().as_bytes().to_vec())
                .collect();
            let draft = self.dir.join(format!(".{name}.{}.draft", std::process::id()));
            crate::write_file(&draft, &fresh, true)?;
            // A hard link fails where somebody else was first: then theirs holds.
            let linked = fs::hard_link(&draft, &path);
            fs::remove_file(&draft)?;
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }
        };
        if !path.exists() {
            make().with_context(|| format!("{} can't be made", path.display()))?;
        }
        let bytes = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
        Ok((path, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_differ_by_purpose() {
        let dir = tempfile::tempdir().expect("temp");
        let path = dir.path().join("secrets");
        let now = crate::now();
        let grant = || protocol::grants::NodeGrant {
            instance: "a".into(),
            node: protocol::ids::NodeId::new("n").expect("valid"),
        };
        let later = now.plus(std::time::Duration::from_secs(60));
        let token = Secrets::open(&path)
            .expect("made")
            .node_key()
            .expect("key")
            .sign(grant(), now, later)
            .expect("signs");
        let again = Secrets::open(&path).expect("opened");
        assert_eq!(
            again
                .node_key()
                .expect("key")
                .verify::<protocol::grants::NodeGrant>(&token, now),
            Ok(grant())
        );
        assert!(
            again
                .media_key()
                .expect("key")
                .verify::<protocol::grants::NodeGrant>(&token, now)
                .is_err()
        );
        let mode = fs::metadata(path.join("node.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_folder_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("temp");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        assert!(
            Secrets::open(dir.path())
                .expect_err("open to others")
                .to_string()
                .contains("chmod 700")
        );
    }
}
