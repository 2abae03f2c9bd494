//! Puts the player together and runs it: the stage on the calling thread, the network on its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use avatar::speech::SpeakerConfig;
use jiff::tz::TimeZone;
use protocol::config::Config;
use protocol::ids::ScreenId;
use protocol::screen::{BoardArea, Layout, Report};
use runtime::Shutdown;
use tokio::sync::{mpsc, watch};

use crate::agent::{Agent, Settings, cache::Cache};
use crate::event::{self, Library};
use crate::pairing::{Pairing, Shown};
use crate::scene::data::{Data, Moment};
use crate::scene::{Kit, Scene, standby};
use crate::sound::Sound;
use crate::stage::Stage;
use crate::stage::canvas::{Canvas, Region};
use crate::stage::capture::Capture;
use crate::stage::output::{Output, PERIOD, Target};
use crate::{control, watchdog};

/// How long the network's side may take to end.
const END_LIMIT: Duration = Duration::from_secs(3);

/// A screen's folder: `paths.run/screens/ID`.
#[must_use]
pub fn home(config: &Config, screen: &ScreenId) -> PathBuf {
    config.paths.run.join("screens").join(screen.as_str())
}

/// A screen's control socket.
#[must_use]
pub fn socket(config: &Config, screen: &ScreenId) -> PathBuf {
    home(config, screen).join("player.sock")
}

/// Plays until a signal ends it. `pair`: its token comes of pairing.
///
/// # Errors
/// When the player can't begin, or its output can't go on.
pub fn run(config: &Config, screen: &ScreenId, pair: bool, target: Target, capture: Option<&Capture>) -> Result<()> {
    gstreamer::init().context("GStreamer")?;
    let home = home(config, screen);
    std::fs::create_dir_all(&home).with_context(|| format!("paths.run: {} can't be made", home.display()))?;
    let network = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let entered = network.enter();
    let shutdown = Shutdown::on_signals()?;
    let socket = socket(config, screen);
    let listener = control::bind(&socket)?;
    let (events, receiver) = event::channel();
    let (status_in, status) = watch::channel(Report::default());

    let cache = Cache::open(&home)?;
    let stored = cache.load().map(Arc::new);
    let (layout, library) = match &stored {
        Some(manifest) => (manifest.layout.clone(), cache.library(manifest)),
        None => (standby::layout(&config.office.name), Library::new()),
    };
    let kit = kit(config, screen);
    let (mut scene, layout) = first_scene(layout, config, &kit)?;
    let mut canvas = Canvas::new(layout.width, layout.height, scene.background());
    let mut data = data(config)?;
    data.library = library;
    // Fonts and plugins are loaded by the first drawing: before the clock runs, so that no frame is late.
    let first = Moment {
        at: Duration::ZERO,
        lead: PERIOD,
        wall: runtime::now(),
    };
    scene.draw(&mut canvas, &first, &data, &mut Region::default());
    let output = Output::start(target, &canvas, events.clone(), capture)?;
    watchdog::start(output.counters())?;
    let stage = Stage::new(output, canvas, scene, data, kit, receiver, status_in);

    let mut settings = settings(config, screen);
    if pair {
        settings.token = home.join("token");
        let (shown, wishes) = mpsc::channel(1);
        let pairing = Pairing {
            server: settings.server.clone(),
            authority: settings.authority.clone(),
            token: settings.token.clone(),
            office: config.office.name.clone(),
            shown,
        };
        let standby = Arc::new(standby::layout(&config.office.name));
        shutdown.spawn(pair_up(
            pairing,
            wishes,
            cache.clone(),
            standby,
            events.clone(),
            shutdown.clone(),
        ));
    }
    let agent = Agent::new(settings, cache, events.clone(), status.clone(), shutdown.clone());
    shutdown.spawn(agent.run(stored));
    shutdown.spawn(control::serve(listener, socket, events, status, shutdown.clone()));
    drop(entered);
    tracing::info!(%screen, layout = layout.name, "playing");
    let played = stage.run(&shutdown);
    shutdown.start();
    network.block_on(shutdown.finished(END_LIMIT));
    network.shutdown_background();
    played
}

/// Keeps the player paired and shows what that needs, until the shutdown.
async fn pair_up(
    pairing: Pairing,
    mut wishes: mpsc::Receiver<Shown>,
    cache: Cache,
    standby: Arc<Layout>,
    events: event::Sender,
    shutdown: Shutdown,
) {
    let show = async {
        while let Some(shown) = wishes.recv().await {
            let (layout, library) = match shown {
                Shown::Code(layout) => (Arc::new(*layout), Library::new()),
                // The server doesn't send again what the player has.
                Shown::Played => match cache.load() {
                    Some(manifest) => {
                        let library = cache.library(&manifest);
                        (Arc::new(manifest.layout), library)
                    }
                    None => (Arc::clone(&standby), Library::new()),
                },
            };
            // Fails only when the stage is gone, and with it the program.
            let _ = events.send(event::Event::Show { layout, library }).await;
        }
    };
    tokio::select! {
        () = shutdown.started() => {}
        () = pairing.run() => {}
        () = show => {}
    }
}

/// The stored layout; where it can't be shown any more, the office's name and a clock.
fn first_scene(layout: Layout, config: &Config, kit: &Kit) -> Result<(Scene, Arc<Layout>)> {
    let layout = Arc::new(layout);
    match Scene::build(Arc::clone(&layout), kit) {
        Ok(scene) => Ok((scene, layout)),
        Err(error) => {
            tracing::error!(layout = layout.name, "can't be shown: {error:#}");
            let layout = Arc::new(standby::layout(&config.office.name));
            Ok((Scene::build(Arc::clone(&layout), kit)?, layout))
        }
    }
}

fn kit(config: &Config, screen: &ScreenId) -> Kit {
    let voice = config.paths.voice.clone().filter(|voice| voice.is_file());
    if let (Some(named), None) = (&config.paths.voice, &voice) {
        tracing::warn!("paths.voice: {} is not there: captions and a chime", named.display());
    }
    // Screens side by side should not blink together.
    let seed = screen
        .as_str()
        .bytes()
        .fold(5381_u64, |seed, byte| seed.wrapping_mul(33) ^ u64::from(byte));
    Kit {
        rigs: config.paths.rigs.clone(),
        speaker: SpeakerConfig {
            voice,
            ..SpeakerConfig::default()
        },
        sound: Sound::detect(),
        office: config.office.name.clone(),
        areas: config
            .areas
            .iter()
            .map(|area| BoardArea {
                area: area.id.clone(),
                label: area.name.clone(),
            })
            .collect(),
        seed,
    }
}

fn data(config: &Config) -> Result<Data> {
    let zone = TimeZone::get(&config.office.time_zone).context("office.time_zone")?;
    let stale_after: BTreeMap<_, _> = config
        .areas
        .iter()
        .map(|area| (area.id.clone(), area.stale_after))
        .collect();
    Ok(Data::new(zone, stale_after))
}

fn settings(config: &Config, screen: &ScreenId) -> Settings {
    let secrets = &config.paths.secrets;
    Settings {
        server: config.web.public_url.clone(),
        screen: screen.clone(),
        token: secrets.join("screens").join(format!("{screen}.token")),
        authority: secrets.join("ca.pem"),
    }
}

/// Writes what the screen shows now as PNG.
///
/// # Errors
/// When no player is running for this screen, or the file can't be written.
pub fn snapshot(config: &Config, screen: &ScreenId, file: &Path) -> Result<()> {
    let (_, png) = control::ask(&socket(config, screen), &control::Request::Snapshot)?;
    std::fs::write(file, png).with_context(|| file.display().to_string())
}
