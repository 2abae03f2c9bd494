//! The picture's end of the bridge: listens for the agent, shows what it says, tells how the picture is doing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::screen::{Choices, Group, Manifest};
use runtime::Shutdown;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::plays::Plays;
use super::{FromPicture, ToPicture, lines};
use crate::cache::Cache;
use crate::event::{Event, Library, Sender, Status};
use crate::place;

/// How often the agent is told how the picture is doing.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What is on show, and where its contents lie.
pub struct Shelf {
    cache: Cache,
    shown: Mutex<Option<Manifest>>,
    group: watch::Sender<Option<Group>>,
    faults: Mutex<Vec<String>>,
}

impl Shelf {
    /// The shelf from which `shown` is on show; `faults`: what couldn't be read at the start.
    #[must_use]
    pub fn new(cache: Cache, shown: Option<Manifest>, faults: Vec<String>) -> Self {
        Self {
            cache,
            group: watch::Sender::new(shown.as_ref().and_then(group_of)),
            shown: Mutex::new(shown),
            faults: Mutex::new(faults),
        }
    }

    /// What is wrong besides the items: as the agent says it, or as it was found at the start.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The group that the manifest on show names, now and when another one does.
    #[must_use]
    pub fn group(&self) -> watch::Receiver<Option<Group>> {
        self.group.subscribe()
    }

    fn show(&self, manifest: Manifest) -> Event {
        self.group.send_if_modified(|group| {
            let before = std::mem::replace(group, group_of(&manifest));
            *group != before
        });
        let library = self.cache.library(&manifest);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref() == Some(&manifest) {
            return Event::Library(library);
        }
        let layout = Arc::new(manifest.layout.clone());
        *shown = Some(manifest);
        Event::Show { layout, library }
    }

    fn library(&self) -> Library {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown
            .as_ref()
            .map_or_else(Library::new, |manifest| self.cache.library(manifest))
    }
}

fn group_of(manifest: &Manifest) -> Option<Group> {
    manifest.group.as_deref().cloned()
}

/// The picture's end.
pub struct End {
    /// What is on show.
    pub shelf: Arc<Shelf>,
    /// The way to the stage.
    pub events: Sender,
    /// How the stage is doing.
    pub status: Status,
    /// What a phone may press.
    pub choices: watch::Receiver<Option<Choices>>,
    /// What was played.
    pub plays: Plays,
}

impl End {
    /// Serves one agent after the other until the shutdown; a new one takes the place of one that was there.
    pub async fn serve(self, listener: UnixListener, path: PathBuf, shutdown: Shutdown) {
        let end = Arc::new(self);
        let mut talk: Option<tokio::task::JoinHandle<()>> = None;
        loop {
            let accepted = tokio::select! {
                () = shutdown.started() => break,
                accepted = listener.accept() => accepted,
            };
            if let Some(before) = talk.take() {
                before.abort();
            }
            match accepted {
                Ok((stream, _)) => {
                    let end = Arc::clone(&end);
                    talk = Some(tokio::spawn(async move {
                        if let Err(error) = end.converse(stream).await {
                            tracing::warn!("the agent's process: {error:#}");
                        }
                    }));
                }
                Err(error) => {
                    tracing::warn!("the agent's socket: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        if let Some(talk) = talk {
            talk.abort();
        }
        place::leave(&path);
    }

    async fn converse(&self, stream: UnixStream) -> Result<()> {
        let (input, output) = stream.into_split();
        tokio::select! {
            heard = self.hear(BufReader::new(input)) => heard,
            told = self.tell(output) => told,
        }
    }

    async fn hear(&self, mut input: BufReader<OwnedReadHalf>) -> Result<()> {
        while let Some(message) = lines::read(&mut input).await? {
            let event = match message {
                ToPicture::Show { manifest } => {
                    manifest.layout.check_to_play()?;
                    self.shelf.show(*manifest)
                }
                ToPicture::Look => Event::Library(self.shelf.library()),
                ToPicture::Said { age_ms, frame } => Event::Said {
                    frame,
                    age: Duration::from_millis(age_ms),
                },
                ToPicture::Faults { faults } => {
                    *self.shelf.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
                    continue;
                }
                ToPicture::Noted { through } => {
                    self.plays.noted(through);
                    continue;
                }
            };
            self.events.send(event).await.ok().context("the stage is gone")?;
        }
        Ok(())
    }

    async fn tell(&self, mut output: OwnedWriteHalf) -> Result<()> {
        let mut status = interval(STATUS_EVERY);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut choices = self.choices.clone();
        choices.mark_changed();
        let mut said = 0;
        loop {
            tokio::select! {
                _ = status.tick() => {
                    let report = self.status.borrow().clone();
                    lines::write(&mut output, &FromPicture::Status { report }).await?;
                }
                changed = choices.changed() => {
                    changed.ok().context("the stage is gone")?;
                    let choices = choices.borrow_and_update().clone();
                    lines::write(&mut output, &FromPicture::Choices { choices }).await?;
                }
                () = self.plays.changed() => {}
            }
            while let Some((number, play)) = self.plays.after(said) {
                lines::write(&mut output, &FromPicture::Played { number, play }).await?;
                said = number;
            }
        }
    }
}
