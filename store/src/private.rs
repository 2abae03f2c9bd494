//! A private `redis-server` on a unix socket: the arguments for `madoguchi up`, and a guard for tests.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a Redis is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Every write is on disk before it is acknowledged.
    Ledger,
    /// At most a second is lost.
    Live,
}

/// Where a private Redis writes its words.
#[must_use]
pub fn log(dir: &Path) -> PathBuf {
    dir.join("redis.log")
}

/// The command that runs a private Redis with its files in `dir`, on `socket` only (no TCP port).
#[must_use]
pub fn command(purpose: Purpose, dir: &Path, socket: &Path) -> Command {
    let fsync = match purpose {
        Purpose::Ledger => "always",
        Purpose::Live => "everysec",
    };
    let mut command = Command::new("redis-server");
    command
        .args([
            "--port",
            "0",
            "--unixsocketperm",
            "600",
            "--save",
            "",
            "--daemonize",
            "no",
        ])
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            fsync,
            "--loglevel",
            "warning",
            "--logfile",
            "",
        ])
        .args(["--maxmemory-policy", "noeviction"])
        .arg("--logfile")
        .arg(log(dir))
        .arg("--dir")
        .arg(dir)
        .arg("--unixsocket")
        .arg(socket);
    command
}

/// A running private Redis, ended with the guard.
#[derive(Debug)]
pub struct PrivateRedis {
    child: Child,
    socket: PathBuf,
}

impl PrivateRedis {
    /// Starts one and returns at once; connections retry until it answers.
    ///
    /// # Errors
    /// When `dir` can't be made or `redis-server` can't be started.
    pub fn start(purpose: Purpose, dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let socket = dir.join("redis.sock");
        let child = command(purpose, dir, &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Ends it without warning, as a power cut would.
    ///
    /// # Errors
    /// When the process can't be ended.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.kill();
    }
}
