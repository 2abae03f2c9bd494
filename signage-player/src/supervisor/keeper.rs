//! Keeps one process: starts it, listens for its signs of life, starts it again.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::{EXIT_STALLED, Shutdown};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use super::backoff::Backoff;
use super::beat::{self, Pulse};
use super::{FELL, Part, STARTED_BY};

/// How long a process may take to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(4);

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 4096;

/// How glibc keeps memory (mallopt(3)). One heap: each item comes and goes with threads of its own, and what they leave in
/// heaps of theirs is hardly used again. And fixed borders, which otherwise rise with what was freed: pictures are pages of
/// their own, which the system has back at once, and leave no holes.
const MEMORY: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// By what GStreamer's GL makes windows. The picture's are X11's (`stage/gl/`), also where a Wayland compositor is there too.
const WINDOWS: (&str, &str) = ("GST_GL_WINDOW", "x11");

/// How a process's life went.
enum Ended {
    Fell(ExitStatus),
    Hung,
    /// Everything ends.
    Told,
}

pub(super) struct Keeper {
    pub(super) part: Part,
    pub(super) arguments: Vec<OsString>,
    /// Who hears the numbers of its signs of life.
    pub(super) beats: Option<watch::Sender<u64>>,
}

impl Keeper {
    /// Until the shutdown.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let mut backoff = Backoff::default();
        let mut fell = None;
        while !shutdown.is_started() {
            let begun = Instant::now();
            let (how, is_its_own) = match self.live(&shutdown, fell.take()).await {
                Ok(Ended::Told) => return,
                Ok(Ended::Fell(status)) => (status.to_string(), is_of_what_it_did(status)),
                Ok(Ended::Hung) => (format!("no sign of life for {} s", self.part.limit().as_secs()), true),
                Err(error) => (format!("{error:#}"), false),
            };
            fell = is_its_own.then(|| how.clone());
            let wait = backoff.after(begun.elapsed());
            let name = self.part.name();
            tracing::error!("{name} fell ({how}): starting it again in {:.1} s", wait.as_secs_f64());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.started() => return,
            }
        }
    }

    async fn live(&self, shutdown: &Shutdown, fell: Option<String>) -> Result<Ended> {
        let mut command = Command::new(program()?);
        let set = MEMORY.into_iter().chain([WINDOWS]);
        command.envs(set.filter(|(variable, _)| std::env::var_os(variable).is_none()));
        let mut child = command
            .env_remove(FELL)
            .envs(fell.map(|how| (FELL, how)))
            .args(&self.arguments)
            .args(["--part", self.part.argument()])
            .env(STARTED_BY, std::process::id().to_string())
            // What systemd is told is this process's to say.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("can't be started")?;
        let out = child.stdout.take().context("it has no output")?;
        let ended = tokio::select! {
            status = child.wait() => Ended::Fell(status?),
            () = self.listen(out) => Ended::Hung,
            () = shutdown.started() => Ended::Told,
        };
        match ended {
            Ended::Hung => child.kill().await.context("can't be ended")?,
            Ended::Told => end(&mut child).await?,
            Ended::Fell(_) => {}
        }
        Ok(ended)
    }

    /// Listens for signs of life until they stay away.
    async fn listen(&self, out: ChildStdout) {
        let begun = Instant::now();
        let mut pulse = Pulse::new(Duration::ZERO, self.part.first_limit(), self.part.limit());
        let mut out = BufReader::new(out);
        let mut line = Vec::new();
        loop {
            // What a dropped read had taken stays in `line`.
            let room = MAX_LINE.saturating_sub(line.len() as u64);
            let mut limited = (&mut out).take(room);
            let reading = limited.read_until(b'\n', &mut line);
            let left = pulse.due().saturating_sub(begun.elapsed());
            match tokio::time::timeout(left, reading).await {
                Err(_) => return,
                // Closed: it is ending, which its status tells; or it will be taken as hung.
                Ok(Ok(0) | Err(_)) if room > 0 => {
                    return tokio::time::sleep(pulse.due().saturating_sub(begun.elapsed())).await;
                }
                Ok(_) => {}
            }
            let number = std::str::from_utf8(&line).ok().and_then(beat::number);
            line.clear();
            if let Some(number) = number
                && pulse.hear(number, begun.elapsed())
                && let Some(beats) = &self.beats
            {
                beats.send_replace(number);
            }
        }
    }
}

/// Whether a process ended by what it was doing: a signal, or its own watchdog. Others say themselves why they end.
fn is_of_what_it_did(status: ExitStatus) -> bool {
    status.signal().is_some() || status.code() == Some(i32::from(EXIT_STALLED))
}

/// This program's own file; where another one has taken its place on the disk, the one that runs.
pub(crate) fn program() -> Result<PathBuf> {
    let path = std::env::current_exe().context("this program's file")?;
    Ok(if path.exists() {
        path
    } else {
        PathBuf::from("/proc/self/exe")
    })
}

async fn end(child: &mut Child) -> Result<()> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("can't be told to end")?;
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}
