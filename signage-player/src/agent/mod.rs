//! The network's side of the screen: one connection to the office's server, kept up for ever.
//!
//! It is a process of its own. Invariant: the picture never waits for anything here. What arrives is checked, made
//! whole on the disk where it is content, and only then told to the picture's process ([`crate::bridge`]).

pub mod clock;
pub mod faults;
pub mod fetch;
pub mod health;
pub mod journal;
pub mod known;
mod link;
mod look;
pub mod pairing;
pub mod process;
pub mod reporter;
pub mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::ids::ScreenId;
use protocol::screen::report::MAX_FIELD;
use protocol::screen::{Choices, Manifest, ToScreen, VERSION};
use runtime::Shutdown;
use tokio::sync::{mpsc, watch};

pub use crate::cache::digest;

use crate::cache::Cache;
use crate::event::Status;
use crate::place::Place;
use clock::ServerClock;
use faults::Faults;
use fetch::Fetcher;

/// The first wait before another try.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What the agent needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://host[:port]`, as in the configuration. `http://` is for tests.
    pub server: String,
    /// Which screen this is.
    pub screen: ScreenId,
    /// The file with the screen's token. May appear later.
    pub token: PathBuf,
    /// The office's own certificate authority (PEM), where there is one. May appear later.
    pub authority: PathBuf,
    /// Where its picture's process answers.
    pub picture: Place,
    /// So many bytes of contents are kept at most.
    pub disk_budget: u64,
}

impl Settings {
    fn read_token(&self) -> Result<String> {
        let text = std::fs::read_to_string(&self.token)
            .with_context(|| format!("the screen's token {} is not there yet", self.token.display()))?;
        Ok(text.trim().to_owned())
    }

    /// Which screen this is: a token from pairing names it, whatever it is called on this machine.
    fn own_id(&self) -> Result<ScreenId> {
        let token = self.read_token()?;
        let mut parts = token.split('.');
        match (parts.next(), parts.next()) {
            (Some("paired"), Some(id)) => Ok(ScreenId::new(id)?),
            _ => Ok(self.screen.clone()),
        }
    }
}

/// As much of a text as a report's field takes.
fn short(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_FIELD)].to_owned()
}

/// What the agent has for the picture.
#[derive(Debug, Clone)]
pub enum News {
    /// Shows this from now on.
    Show(Arc<Manifest>),
    /// A content of this name is there.
    Arrived(String),
    /// The server said something that is shown.
    Said(ToScreen),
}

/// How many news wait for the way to the picture, which only notes them: it waits for nothing. When full, the
/// network waits.
pub const QUEUE: usize = 64;

/// How long to wait before try number `attempt` (from 0). `chance` from 0 to 1 keeps many screens apart.
#[must_use]
pub fn wait_before(attempt: u32, chance: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt.min(16)));
    doubled.min(LONGEST_WAIT).mul_f64(0.5 + chance.clamp(0.0, 1.0))
}

/// What ties the agent to the picture.
#[derive(Debug)]
pub struct Ties {
    /// What the picture hears.
    pub news: mpsc::Sender<News>,
    /// How the picture is doing.
    pub status: Status,
    /// What a visitor's phone may press now.
    pub choices: watch::Receiver<Option<Choices>>,
}

/// The agent.
pub struct Agent {
    settings: Arc<Settings>,
    cache: Arc<Cache>,
    ties: Ties,
    faults: Faults,
    clock: ServerClock,
    shutdown: Shutdown,
}

impl Agent {
    /// An agent that speaks for a screen.
    #[must_use]
    pub fn new(
        settings: Settings,
        cache: Cache,
        ties: Ties,
        faults: Faults,
        clock: ServerClock,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            settings: Arc::new(settings),
            cache: Arc::new(cache),
            ties,
            faults,
            clock,
            shutdown,
        }
    }

    /// Runs until the shutdown. `stored`: what the server wanted on show last.
    pub async fn run(self, stored: Option<Arc<Manifest>>) {
        let (wanted, wish) = watch::channel(stored.clone());
        let fetcher = Fetcher::new(
            Arc::clone(&self.settings),
            Arc::clone(&self.cache),
            self.ties.news.clone(),
            self.faults.clone(),
            stored,
        );
        let stopped = self.shutdown.clone();
        self.shutdown.spawn(async move {
            tokio::select! {
                () = stopped.started() => {}
                () = fetcher.run(wish) => {}
            }
        });
        let link = link::Link {
            settings: self.settings,
            news: self.ties.news,
            status: self.ties.status,
            choices: self.ties.choices,
            faults: self.faults,
            wanted,
            clock: self.clock,
        };
        tokio::select! {
            () = self.shutdown.started() => {}
            () = keep_up(link) => {}
        }
    }
}

/// Connects again and again, with growing waits while nobody answers.
async fn keep_up(link: link::Link) {
    let mut attempt = 0;
    let mut told = String::new();
    loop {
        match link.hold().await {
            Ok(()) => attempt = 0,
            Err(ended) => {
                if ended.was_welcome {
                    attempt = 0;
                }
                // The same reason again and again is said once.
                let reason = format!("{:#}", ended.reason);
                if reason != told {
                    tracing::warn!("not connected: {reason}");
                    told = reason;
                }
                if ended.was_welcome {
                    told.clear();
                }
            }
        }
        tokio::time::sleep(wait_before(attempt, rand::random())).await;
        attempt = attempt.saturating_add(1);
        if !link.settings.token.exists() {
            // Nobody was asked: when the token comes, it goes on soon.
            attempt = attempt.min(2);
        }
    }
}

/// The layout's own version is checked with it; this is the protocol's.
const PROTOCOL: u32 = VERSION;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_stay_bounded_and_differ() {
        assert_eq!(wait_before(0, 0.5), FIRST_WAIT);
        assert_eq!(wait_before(1, 0.5), FIRST_WAIT * 2);
        assert_eq!(wait_before(u32::MAX, 0.5), LONGEST_WAIT);
        assert_eq!(wait_before(40, 1.0), LONGEST_WAIT.mul_f64(1.5));
        assert!(wait_before(3, 0.1) < wait_before(3, 0.9));
    }
}
