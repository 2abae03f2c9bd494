//! The agent's process: the network, the memory sticks, the journal.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::config::Config;
use protocol::ids::ScreenId;
use protocol::screen::Report;
use runtime::Shutdown;
use tokio::sync::{mpsc, watch};

use super::clock::ServerClock;
use super::faults::{Faults, Source};
use super::journal::{self, Journal};
use super::known::Known;
use super::pairing::Pairing;
use super::reporter::Reporter;
use super::{Agent, News, QUEUE, Settings, Ties};
use crate::bridge::agent::End;
use crate::cache::Cache;
use crate::camera::note;
use crate::player::{agent_place, control_place, home};
use crate::stick::watch::Watch;
use crate::supervisor::beat;

/// How long its tasks may take to end.
const END_LIMIT: Duration = Duration::from_secs(3);
/// Pieces of proof of play on their way to the journal. When full, the picture keeps the rest.
const PLAYS: usize = 32;

/// Runs until a signal ends it. `pair`: its token comes of pairing.
///
/// # Errors
/// When it can't begin.
pub fn run(config: &Config, screen: &ScreenId, pair: bool) -> Result<()> {
    let network = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    network.block_on(async {
        let shutdown = Shutdown::on_signals().context("signals")?;
        let home = home(config, screen);
        let cache = Cache::open(&home);
        let faults = Faults::default();
        let clock = ServerClock::default();
        let (news, heard) = mpsc::channel(QUEUE);
        let (status_in, status) = watch::channel(Report::default());
        let (choices_in, choices) = watch::channel(None);
        let (plays, played) = mpsc::channel(PLAYS);
        let settings = settings(config, screen, pair);

        let loaded = cache.current();
        faults.set(Source::Disk, loaded.faults);
        if let Some(manifest) = loaded.manifest {
            // A picture that began before somebody changed the disk is put right.
            let _ = news.send(News::Show(Arc::new(manifest))).await;
        }
        let end = End {
            place: agent_place(config, screen),
            news: heard,
            status: status_in,
            choices: choices_in,
            plays,
            faults: faults.clone(),
        };
        let reporter = Reporter {
            settings: Arc::new(settings.clone()),
            cache: cache.clone(),
            status: status.clone(),
            faults: faults.clone(),
            journal: Journal::open(&home.join("plays.jsonl"), journal::PLAYS),
            changes: Journal::open(&home.join("faults.jsonl"), journal::CHANGES),
            known: Known::open(&home.join("faults.json")),
            plays: played,
            clock: clock.clone(),
        };
        if pair {
            let pairing = Pairing {
                server: settings.server.clone(),
                authority: settings.authority.clone(),
                token: settings.token.clone(),
                office: config.office.name.clone(),
                cache: cache.clone(),
                news: news.clone(),
            };
            let stopped = shutdown.clone();
            shutdown.spawn(async move {
                tokio::select! {
                    () = stopped.started() => {}
                    () = pairing.run() => {}
                }
            });
        }
        let sticks = Watch {
            config: config.player.clone(),
            cache: cache.clone(),
            news: news.clone(),
            faults: faults.clone(),
        };
        if config.camera_of(screen).is_some() {
            shutdown.spawn(note::follow(home.clone(), faults.clone(), shutdown.clone()));
        }
        let stored = cache.server().manifest.map(Arc::new);
        let ties = Ties { news, status, choices };
        let agent = Agent::new(settings, cache, ties, faults, clock, shutdown.clone());
        shutdown.spawn(end.run(shutdown.clone()));
        shutdown.spawn(reporter.run(shutdown.clone()));
        shutdown.spawn(sticks.run(shutdown.clone()));
        shutdown.spawn(beat::alive(shutdown.clone()));
        shutdown.spawn(agent.run(stored));
        shutdown.started().await;
        shutdown.finished(END_LIMIT).await;
        Ok(())
    })
}

/// Where the office's server is, and how a screen speaks with it. `pair`: its token comes of pairing.
pub(crate) fn settings(config: &Config, screen: &ScreenId, pair: bool) -> Settings {
    let secrets = &config.paths.secrets;
    let token = if pair {
        home(config, screen).join("token")
    } else {
        secrets.join("screens").join(format!("{screen}.token"))
    };
    Settings {
        server: config.web.public_url.clone(),
        screen: screen.clone(),
        token,
        authority: secrets.join("ca.pem"),
        picture: control_place(config, screen),
        disk_budget: config.player.disk_budget,
    }
}
