//! The picture's process: the stage on the calling thread, its sockets on another one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use avatar::speech::SpeakerConfig;
use jiff::tz::TimeZone;
use protocol::config::{Config, OutputBy, TouchDevice};
use protocol::ids::ScreenId;
use protocol::screen::{BoardArea, Layout, Report};
use runtime::Shutdown;
use tokio::sync::watch;

use crate::agent::process;
use crate::bridge::picture::{End, Shelf};
use crate::bridge::plays::Plays;
use crate::cache::Cache;
use crate::event::{self, Event, Library};
use crate::faults::Faults;
use crate::live::{Office, Processes};
use crate::place::Place;
use crate::quarantine::Quarantine;
use crate::scene::data::{Data, Moment};
use crate::scene::{Kit, Scene, standby};
use crate::schedule::clock;
use crate::sound::Sound;
use crate::sound::ducking::Ducking;
use crate::stage::Stage;
use crate::stage::canvas::{Canvas, Region};
use crate::stage::capture::Capture;
use crate::stage::gl::trial::Trials;
use crate::stage::output::{Output, PERIOD, hears_touches};
use crate::sync::clock::{Clock, Skew};
use crate::sync::{self, Group};
use crate::touch::reader::Reader;
use crate::{control, supervisor, watchdog};

/// How long the sockets' side may take to end.
const END_LIMIT: Duration = Duration::from_secs(3);
/// How often it is looked whether something has set the machine's clock.
const CLOCK_EVERY: Duration = Duration::from_secs(10);

/// A screen's folder: `paths.run/screens/ID`.
#[must_use]
pub fn home(config: &Config, screen: &ScreenId) -> PathBuf {
    config.screen_home(screen)
}

/// Where a screen's player answers an operator.
#[must_use]
pub fn control_place(config: &Config, screen: &ScreenId) -> Place {
    Place::new(&home(config, screen), "player.sock")
}

/// Where its picture's process listens for its agent's.
#[must_use]
pub fn agent_place(config: &Config, screen: &ScreenId) -> Place {
    Place::new(&home(config, screen), "agent.sock")
}

/// How to play.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// Whether the picture goes nowhere, whatever the configuration says.
    pub is_headless: bool,
    /// For benches: which parts of it are written down.
    pub capture: Option<Capture>,
    /// For benches: how wrong the stage's clock is.
    pub skew: Skew,
    /// The screen's token comes of pairing.
    pub pair: bool,
}

/// Plays until a signal ends it.
///
/// # Errors
/// When the player can't begin, or its output can't go on.
pub fn run(config: &Config, screen: &ScreenId, how: &How) -> Result<()> {
    gstreamer::init().context("GStreamer")?;
    let cache = Cache::open(&home(config, screen));
    let network = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let entered = network.enter();
    let shutdown = Shutdown::on_signals()?;
    let (control_listener, control_path) = control_place(config, screen).bind()?;
    let (agent_listener, agent_path) = agent_place(config, screen).bind()?;
    let (events, receiver) = event::channel();
    let (status_in, status) = watch::channel(Report::default());
    let (choices_in, choices) = watch::channel(None);

    let loaded = cache.current();
    let (layout, library) = match &loaded.manifest {
        Some(manifest) => (manifest.layout.clone(), cache.library(manifest)),
        None => (standby::layout(&config.office.name), Library::new()),
    };
    let plays = Plays::default();
    let fell = std::env::var(supervisor::FELL).ok();
    let quarantine = Quarantine::open(cache.dir(), fell.as_deref(), runtime::now());
    let trials = Trials::open(cache.dir(), fell.as_deref());
    let group = Group::default();
    let settings = process::settings(config, screen, how.pair);
    let office = Office {
        server: settings.server,
        token: settings.token,
        authority: settings.authority,
    };
    let kit = Kit {
        plays: plays.clone(),
        quarantine: quarantine.clone(),
        group: group.clone(),
        live: Processes {
            program: Some(supervisor::program()?),
            office: Some(office),
        },
        ..kit(config, screen)
    };
    let (mut scene, layout) = first_scene(layout, config, &kit)?;
    let mut canvas = Canvas::new(layout.width, layout.height, scene.background());
    let mut data = data(config)?;
    data.library = library;
    data.confirm_clock(clock::is_confirmed());
    // Fonts and plugins are loaded by the first drawing: before the clock runs, so that no frame is late.
    let first = Moment {
        at: Duration::ZERO,
        lead: PERIOD,
        wall: runtime::now(),
    };
    scene.draw(&mut canvas, &first, &data, &mut Region::default());
    let clock = Arc::new(Clock::new(how.skew));
    let mut wanted = config.output_of(screen).clone();
    if how.is_headless {
        wanted.by = OutputBy::None;
    }
    let output = Output::start(
        &wanted,
        &canvas,
        events.clone(),
        how.capture.as_ref(),
        Arc::clone(&clock),
        trials,
    )?;
    group.set_base(output.base());
    watchdog::start(output.counters())?;
    let panels = Faults::default();
    let touch = config.touch_of(screen);
    let is_wanted = match touch.device {
        TouchDevice::Off => false,
        TouchDevice::Auto => wanted.by != OutputBy::None && !hears_touches(&wanted),
        TouchDevice::Path(_) | TouchDevice::Name(_) => true,
    };
    if is_wanted {
        let reader = Reader {
            config: touch,
            events: events.clone(),
            faults: panels.clone(),
        };
        shutdown.spawn(reader.run(shutdown.clone()));
    }
    let stage = Stage::new(
        output, canvas, scene, data, kit, receiver, status_in, panels, choices_in,
    );

    let shelf = Arc::new(Shelf::new(cache, loaded.manifest, loaded.faults));
    shutdown.spawn(sync::task::run(group, clock, shelf.group(), shutdown.clone()));
    let end = End {
        shelf: Arc::clone(&shelf),
        events: events.clone(),
        status: status.clone(),
        choices,
        plays,
    };
    shutdown.spawn(look_at_the_clock(events.clone(), shutdown.clone()));
    shutdown.spawn(end.serve(agent_listener, agent_path, shutdown.clone()));
    let answering = control::serve(control_listener, control_path, shelf, events, status, shutdown.clone());
    shutdown.spawn(answering);
    drop(entered);
    tracing::info!(%screen, layout = layout.name, "playing");
    let played = stage.run(&shutdown);
    quarantine.close();
    shutdown.start();
    network.block_on(shutdown.finished(END_LIMIT));
    network.shutdown_background();
    played
}

/// Tells the stage when something sets the machine's clock that knows the time.
async fn look_at_the_clock(events: event::Sender, shutdown: Shutdown) {
    let mut look = tokio::time::interval(CLOCK_EVERY);
    let mut told = None;
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = shutdown.started() => return,
        }
        let is_confirmed = clock::is_confirmed();
        if told.replace(is_confirmed) != Some(is_confirmed) && events.send(Event::Clock { is_confirmed }).await.is_err()
        {
            return;
        }
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

/// What follows from the configuration.
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
        ducking: Ducking::default(),
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
        live: Processes::default(),
        plays: Plays::default(),
        quarantine: Quarantine::default(),
        group: Group::default(),
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

/// Writes what the screen shows now as PNG.
///
/// # Errors
/// When no player is running for this screen, or the file can't be written.
pub fn snapshot(config: &Config, screen: &ScreenId, file: &Path) -> Result<()> {
    let (_, png) = control::ask(&control_place(config, screen), &control::Request::Snapshot)?;
    std::fs::write(file, png).with_context(|| file.display().to_string())
}
