//! A visitor's phone as a screen's remote control, so that nobody has to touch a screen, or can reach it: `offer` is the
//! screen's side (codes, presses), `pages` the phone's (`/r/…`).
//!
//! Invariant: what a phone is shown is what the screen says can be pressed; what it presses is the screen's own choice by
//! name, and nothing else gets to the screen.

pub(super) mod offer;
mod pages;

use std::sync::Arc;

use protocol::config::Config;
use protocol::ids::ScreenId;
use store::keys;
use store::redis::Wake;
use store::screens::remote::{TOPIC, Times};
use tokio::sync::broadcast;

use crate::app::App;

pub(crate) use pages::routes;

/// News of remote controls not yet looked at. Full: whoever lags looks at its own once more.
const NEWS: usize = 64;

/// Whose remote control, or choices, have changed; `None`: anybody's may.
#[derive(Debug)]
pub(crate) struct Remotes(broadcast::Sender<Option<ScreenId>>);

impl Default for Remotes {
    fn default() -> Self {
        Self(broadcast::channel(NEWS).0)
    }
}

/// Waits for news of one screen.
pub(super) struct News {
    news: broadcast::Receiver<Option<ScreenId>>,
    screen: ScreenId,
}

impl Remotes {
    /// News of a screen from now on.
    pub(super) fn news(&self, screen: &ScreenId) -> News {
        News {
            news: self.0.subscribe(),
            screen: screen.clone(),
        }
    }
}

impl News {
    /// The next one. Gives whether there may be more.
    pub(super) async fn next(&mut self) -> bool {
        loop {
            match self.news.recv().await {
                Ok(Some(other)) if other != self.screen => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return true,
                Err(broadcast::error::RecvError::Closed) => return false,
            }
        }
    }
}

/// How long what lasts, as the office has it. A code that isn't shown any more can be used for as long again: somebody may
/// just be reading it.
fn times(config: &Config) -> Times {
    let remote = &config.remote;
    Times {
        code: remote.code_shown * 2,
        idle: remote.idle,
        longest: remote.longest,
    }
}

/// Passes on what Redis tells, until the shutdown.
pub(crate) async fn follow_remotes(app: Arc<App>) {
    let mut wakes = app.store.live.listen(keys::wake(&app.config.office.id));
    loop {
        let wake = tokio::select! {
            wake = wakes.recv() => wake,
            () = app.shutdown.started() => return,
        };
        // No listener is no error.
        match wake {
            Some(Wake::Topic(topic)) => {
                if let Some(screen) = topic.strip_prefix(TOPIC).and_then(|id| ScreenId::new(id).ok()) {
                    let _ = app.remotes.0.send(Some(screen));
                }
            }
            Some(Wake::Resync) => {
                let _ = app.remotes.0.send(None);
            }
            None => return,
        }
    }
}
