//! The agent's end of the bridge: remembers what the picture should know, and tells it, whenever the picture is there.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::screen::report::Play;
use protocol::screen::{Choices, Report};
use runtime::Shutdown;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::memory::Memory;
use super::{FromPicture, ToPicture, lines};
use crate::agent::News;
use crate::agent::faults::{Faults, Source};
use crate::place::Place;

/// From one try at the picture's door to the next.
const RETRY: Duration = Duration::from_millis(200);
/// A picture that is away for so long is a fault.
const AWAY: Duration = Duration::from_secs(10);
/// Messages that wait for the picture. When full, the picture is cut off, and told all again when it is back.
const QUEUE: usize = 128;

/// A piece of proof of play on its way to the journal, and where to say that it is there.
#[derive(Debug)]
pub struct ToNote {
    /// What was played.
    pub play: Play,
    number: u64,
    back: mpsc::Sender<ToPicture>,
}

impl ToNote {
    /// The journal has it.
    pub fn noted(self) {
        // Where that gets lost it is said again, and known again.
        let _ = self.back.try_send(ToPicture::Noted { through: self.number });
    }
}

/// The agent's end.
pub struct End {
    /// Where the picture listens.
    pub place: Place,
    /// What there is to tell.
    pub news: mpsc::Receiver<News>,
    /// How the picture is doing.
    pub status: watch::Sender<Report>,
    /// What a phone may press.
    pub choices: watch::Sender<Option<Choices>>,
    /// What was played. When full, the picture waits, and keeps the rest.
    pub plays: mpsc::Sender<ToNote>,
    /// What is wrong.
    pub faults: Faults,
}

struct Talk {
    to: mpsc::Sender<ToPicture>,
    task: JoinHandle<Result<()>>,
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl End {
    /// Runs until the shutdown.
    pub async fn run(mut self, shutdown: Shutdown) {
        let begun = Instant::now();
        let mut memory = Memory::default();
        let mut talk: Option<Talk> = None;
        let mut faults = self.faults.watch();
        let mut there_at = begun;
        let mut retry = tokio::time::interval(RETRY);
        loop {
            let message = tokio::select! {
                () = shutdown.started() => return,
                news = self.news.recv() => match news {
                    Some(news) => Some(memory.note(news, begun.elapsed())),
                    None => return,
                },
                changed = faults.changed() => match changed {
                    Ok(()) => Some(ToPicture::Faults { faults: self.faults.all() }),
                    Err(_) => return,
                },
                _ = retry.tick() => None,
            };
            talk = talk.filter(|talk| !talk.task.is_finished());
            if let (Some(there), Some(message)) = (&talk, message) {
                if there.to.try_send(message).is_err() {
                    tracing::warn!("the picture's process doesn't take what it is told");
                    talk = None;
                }
            } else if talk.is_none() {
                talk = self.connect(&memory, begun.elapsed()).await;
            }
            if talk.is_some() {
                there_at = Instant::now();
                self.faults.set(Source::Picture, Vec::new());
            } else if there_at.elapsed() > AWAY {
                let fault = "the picture's process doesn't answer".to_owned();
                self.faults.set(Source::Picture, vec![fault]);
            }
        }
    }

    async fn connect(&self, memory: &Memory, now: Duration) -> Option<Talk> {
        let stream = self.place.connect().await?;
        let (to, messages) = mpsc::channel(QUEUE);
        let faults = self.faults.all();
        for message in memory.replay(now).into_iter().chain([ToPicture::Faults { faults }]) {
            to.try_send(message).ok()?;
        }
        let heard = Heard {
            back: to.clone(),
            status: self.status.clone(),
            choices: self.choices.clone(),
            plays: self.plays.clone(),
        };
        let task = tokio::spawn(converse(stream, messages, heard));
        Some(Talk { to, task })
    }
}

/// Where what the picture says goes.
struct Heard {
    back: mpsc::Sender<ToPicture>,
    status: watch::Sender<Report>,
    choices: watch::Sender<Option<Choices>>,
    plays: mpsc::Sender<ToNote>,
}

async fn converse(stream: UnixStream, messages: mpsc::Receiver<ToPicture>, heard: Heard) -> Result<()> {
    let (input, output) = stream.into_split();
    let choices = heard.choices.clone();
    let ended = tokio::select! {
        heard = hear(BufReader::new(input), heard) => heard,
        told = tell(output, messages) => told,
    };
    // A picture that isn't there offers nothing.
    choices.send_replace(None);
    if let Err(error) = &ended {
        tracing::warn!("the picture's process: {error:#}");
    }
    ended
}

async fn hear(mut input: BufReader<OwnedReadHalf>, to: Heard) -> Result<()> {
    while let Some(message) = lines::read(&mut input).await? {
        match message {
            FromPicture::Status { report } => {
                to.status.send_replace(report);
            }
            FromPicture::Choices { choices } => {
                to.choices.send_replace(choices);
            }
            FromPicture::Played { number, play } => {
                let back = to.back.clone();
                let note = ToNote { play, number, back };
                to.plays.send(note).await.ok().context("the journal is gone")?;
            }
        }
    }
    Ok(())
}

async fn tell(mut output: OwnedWriteHalf, mut messages: mpsc::Receiver<ToPicture>) -> Result<()> {
    while let Some(message) = messages.recv().await {
        lines::write(&mut output, &message).await?;
    }
    Ok(())
}
