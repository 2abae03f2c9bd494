//! The screen's first process: it starts the picture's process, the agent's and, where the screen has a camera, the
//! camera's, starts again what falls or hangs, and tells systemd that the picture lives. It opens no file, no network and no
//! picture: there is little in it that could fall.
//!
//! Invariant: none of them outlives this one, and none runs twice.

pub mod backoff;
pub mod beat;
mod keeper;
pub mod systemd;

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use runtime::Shutdown;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use keeper::Keeper;
pub(crate) use keeper::program;
use systemd::Systemd;

/// The variable by which a process knows who started it.
const STARTED_BY: &str = "MADOGUCHI_STARTED_BY";
/// The variable by which a process that takes another one's place knows how that one fell, where something in it did.
pub const FELL: &str = "MADOGUCHI_FELL";

/// The processes that it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What draws.
    Picture,
    /// What speaks with the server.
    Agent,
    /// What shares the screen's camera.
    Camera,
}

impl Part {
    /// Its name, as the system's lists show it (at most 15 bytes).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Picture => "signage-picture",
            Self::Agent => "signage-agent",
            Self::Camera => "signage-camera",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Agent => "agent",
            Self::Camera => "camera",
        }
    }

    /// Without a sign of life for so long it is ended and started again.
    fn limit(self) -> Duration {
        match self {
            // Its own watchdog comes first, and says why.
            Self::Picture => Duration::from_secs(8),
            Self::Agent | Self::Camera => Duration::from_secs(15),
        }
    }

    /// The same for the first sign of life: fonts are loaded, a display may come up late.
    fn first_limit(self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Runs all until a signal ends it. `home`: the screen's folder; `arguments`: what this program was called with.
///
/// # Errors
/// When a player for this screen runs already, or signals can't be heard.
pub fn run(home: &Path, arguments: &[OsString], has_camera: bool) -> Result<()> {
    let _lock = lock(home)?;
    // One thread, this one: the children's end is bound to the thread that started them.
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    here.block_on(async {
        let shutdown = Shutdown::on_signals().context("signals")?;
        let (frames, shown) = watch::channel(0);
        let systemd = Systemd::from_env();
        shutdown.spawn(systemd.run(shown, shutdown.clone()));
        let camera = has_camera.then_some(Part::Camera);
        for part in [Part::Picture, Part::Agent].into_iter().chain(camera) {
            let keeper = Keeper {
                part,
                arguments: arguments.to_vec(),
                beats: (part == Part::Picture).then(|| frames.clone()),
            };
            shutdown.spawn(keeper.run(shutdown.clone()));
        }
        shutdown.started().await;
        shutdown.finished(keeper::GRACE + Duration::from_secs(1)).await;
        Ok(())
    })
}

/// One player for a screen: an abstract socket (unix(7)), which needs no disk and goes with the process.
fn lock(home: &Path) -> Result<UnixListener> {
    let home = std::path::absolute(home)?;
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(home.as_os_str().as_encoded_bytes()));
    let address = SocketAddr::from_abstract_name(format!("madoguchi-player-{}", &hash[..32]))?;
    match UnixListener::bind_addr(&address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("a player for this screen is running already ({})", home.display())
        }
        bound => bound.context("the player's lock"),
    }
}

/// Called first in a part's process: it ends with who started it.
///
/// # Errors
/// When that one is gone already.
pub fn enter(part: Part) -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).context("prctl")?;
    let started_by: Option<i32> = std::env::var(STARTED_BY).ok().and_then(|pid| pid.parse().ok());
    if let Some(pid) = started_by
        && nix::unistd::getppid().as_raw() != pid
    {
        bail!("the process that started this one is gone");
    }
    let name = std::ffi::CString::new(part.name())?;
    // For lists of processes only.
    let _ = prctl::set_name(&name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_player_for_a_screen() {
        let dir = tempfile::tempdir().expect("temp");
        let first = lock(dir.path()).expect("the first");
        let said = lock(dir.path()).expect_err("the second").to_string();
        assert!(said.contains("running already"), "{said}");
        lock(&dir.path().join("other")).expect("another screen");
        drop(first);
        lock(dir.path()).expect("the first is gone");
    }
}
