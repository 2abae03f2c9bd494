//! One part of the office as a child process: started, its words passed on under its name, started again
//! when it falls, ended when told.
//!
//! Invariant: a part's process never outlives this one (`setpriv --pdeathsig` sees to it even when this
//! one is killed), and never runs twice.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::Shutdown;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::backoff::Backoff;

/// How long a part may take to end by itself.
const GRACE: Duration = Duration::from_secs(8);

/// What to run.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name for people: `signaling`, `signage-player lobby`.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables it gets besides this program's own.
    pub environment: Vec<(String, String)>,
    /// Where it writes its words, when not to this program.
    pub log: Option<PathBuf>,
    /// Files that a killed predecessor may have left and that would be taken for a running one.
    pub leftovers: Vec<PathBuf>,
}

/// What a part's keeper tells.
#[derive(Debug)]
pub enum News {
    /// It runs, with this process id.
    Started { name: String, pid: u32 },
    /// It fell and will be started again.
    Fell {
        name: String,
        how: String,
        again_in: Duration,
    },
    /// Its configuration is wrong: starting again won't help.
    Refused { name: String },
}

/// Keeps a part running until the shutdown starts, then ends it.
pub async fn keep(part: Part, shutdown: Shutdown, news: mpsc::Sender<News>) {
    let mut backoff = Backoff::default();
    while !shutdown.is_started() {
        for path in &part.leftovers {
            // Mostly there is none.
            let _ = std::fs::remove_file(path);
        }
        let begun = Instant::now();
        let how = match run_once(&part, &shutdown, &news).await {
            Ok(Some(status)) if status.code() == Some(i32::from(runtime::EXIT_CONFIG)) => {
                return tell(&news, News::Refused { name: part.name }).await;
            }
            Ok(Some(status)) => in_words(status),
            Ok(None) => return,
            Err(error) => format!("can't be run ({error:#})"),
        };
        let how = match &part.log {
            Some(log) => format!("{how} (its words are in {})", log.display()),
            None => how,
        };
        let again_in = backoff.after(begun.elapsed());
        tell(
            &news,
            News::Fell {
                name: part.name.clone(),
                how,
                again_in,
            },
        )
        .await;
        tokio::select! {
            () = tokio::time::sleep(again_in) => {}
            () = shutdown.started() => {}
        }
    }
}

/// Runs the part until it falls (its status) or is told to end (none).
async fn run_once(part: &Part, shutdown: &Shutdown, news: &mpsc::Sender<News>) -> Result<Option<ExitStatus>> {
    let mut child = start(part)?;
    let pid = child.id().context("the process has just been started")?;
    tell(
        news,
        News::Started {
            name: part.name.clone(),
            pid,
        },
    )
    .await;
    tokio::select! {
        status = child.wait() => Ok(Some(status?)),
        () = shutdown.started() => {
            end(&part.name, &mut child).await?;
            Ok(None)
        }
    }
}

async fn tell(news: &mpsc::Sender<News>, what: News) {
    // Nobody listens any more only when everything ends.
    let _ = news.send(what).await;
}

fn start(part: &Part) -> Result<Child> {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&part.program)
        .args(&part.arguments)
        .envs(part.environment.iter().cloned());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Ctrl-C reaches this program only; it ends the parts in order.
    command.process_group(0);
    let mut child = command
        .spawn()
        .with_context(|| format!("{}: {} can't be started", part.name, part.program.display()))?;
    if let Some(out) = child.stdout.take() {
        tokio::spawn(pass_on(part.name.clone(), out));
    }
    if let Some(err) = child.stderr.take() {
        tokio::spawn(pass_on(part.name.clone(), err));
    }
    Ok(child)
}

async fn pass_on(name: String, words: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(words).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        eprintln!("{name:>16} | {}", String::from_utf8_lossy(&line));
    }
}

async fn end(name: &str, child: &mut Child) -> Result<()> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("{name} can't be told to end"))?;
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        eprintln!(
            "madoguchi: {name} did not end by itself within {} s and is killed",
            GRACE.as_secs()
        );
        child.kill().await?;
    }
    Ok(())
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        // A media node that was drained does so: what is installed now is started in its place.
        (Some(0), _) => "ended by itself".to_owned(),
        (Some(code), _) if code == i32::from(runtime::EXIT_STALLED) => "stalled, and its watchdog ended it".to_owned(),
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Part {
        Part {
            name: "test".to_owned(),
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: Vec::new(),
            log: None,
            leftovers: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_part_that_falls_is_started_again_and_said_so() {
        let (sender, mut news) = mpsc::channel(8);
        let shutdown = Shutdown::new();
        let keeper = tokio::spawn(keep(shell("exit 3"), shutdown.clone(), sender));
        assert!(matches!(news.recv().await, Some(News::Started { .. })));
        match news.recv().await {
            Some(News::Fell { how, .. }) => assert_eq!(how, "ended with code 3"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(news.recv().await, Some(News::Started { .. })));
        shutdown.start();
        keeper.await.expect("ends");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_said_and_tried_again() {
        let (sender, mut news) = mpsc::channel(8);
        let shutdown = Shutdown::new();
        let missing = Part {
            program: "/nowhere/program".into(),
            ..shell("")
        };
        let keeper = tokio::spawn(keep(missing, shutdown.clone(), sender));
        while let Some(told) = news.recv().await {
            if let News::Fell { how, .. } = told {
                assert!(how.contains("ended with code") || how.contains("can't be run"), "{how}");
                break;
            }
        }
        shutdown.start();
        keeper.await.expect("ends");
    }

    #[tokio::test]
    async fn a_part_that_refuses_its_configuration_is_not_started_again() {
        let (sender, mut news) = mpsc::channel(8);
        keep(shell("exit 2"), Shutdown::new(), sender).await;
        assert!(matches!(news.recv().await, Some(News::Started { .. })));
        assert!(matches!(news.recv().await, Some(News::Refused { .. })));
        assert!(news.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_part_is_told_to_end_and_waited_for() {
        let dir = tempfile::tempdir().expect("temp");
        let (up, gone) = (dir.path().join("up"), dir.path().join("gone"));
        let script = format!(
            "trap 'touch {} ; exit 0' TERM; touch {}; while :; do sleep 0.05; done",
            gone.display(),
            up.display()
        );
        let (sender, mut news) = mpsc::channel(8);
        let shutdown = Shutdown::new();
        let keeper = tokio::spawn(keep(shell(&script), shutdown.clone(), sender));
        assert!(matches!(news.recv().await, Some(News::Started { .. })));
        let limit = Instant::now() + Duration::from_secs(20);
        while !up.exists() {
            assert!(Instant::now() < limit, "the script never began");
            tokio::task::yield_now().await;
        }
        shutdown.start();
        keeper.await.expect("ends");
        assert!(gone.exists(), "its own ending ran");
    }
}
