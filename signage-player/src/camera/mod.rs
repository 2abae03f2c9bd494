//! The camera's process: it holds the camera at the screen, and shares its pictures with who reads them on this machine
//! ([`frames`]), such as the worker that counts. The camera is open only while somebody reads.
//!
//! One thread does it all, so that a call into a driver that hangs ends the signs of life too, and with them this process.
//!
//! Invariant: pictures are in memory that has no name, and nowhere else; no reader waits for another one.

pub mod note;
mod pace;
mod readers;
mod source;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use frames::socket::Listener;
use nix::sys::resource::{Resource, setrlimit};
use protocol::config::{Config, ScreenCamera};
use protocol::ids::ScreenId;
use runtime::Shutdown;

use crate::supervisor::backoff::Backoff;
use crate::supervisor::beat;
use readers::Readers;
use source::Source;

/// While the camera is closed, it is looked so often whether this program is to end.
const IDLE: Duration = Duration::from_millis(100);
/// The same while it is open; who comes then waits so long at most.
const WAIT: Duration = Duration::from_millis(50);
/// A camera that nobody reads any more is closed after so long: who counts may only have started again.
const LINGER: Duration = Duration::from_secs(3);

/// Shares the screen's camera until a signal ends it.
///
/// # Errors
/// When the screen has no camera, another process shares it already, or nobody hears the signs of life.
pub fn run(config: &Config, screen: &ScreenId) -> Result<()> {
    // A core dump would be a file with the last pictures in it (core(5)).
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("core dumps")?;
    nix::sys::prctl::set_dumpable(false).context("core dumps")?;
    let wanted = config
        .camera_of(screen)
        .with_context(|| format!("screen {screen} has no camera: [screen.camera]"))?;
    gstreamer::init().context("GStreamer")?;
    let home = config.screen_home(screen);
    let name = frames::name_of(&home)?;
    let listener = Listener::bind(&name).context("another process shares this screen's camera")?;
    let signals = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let entered = signals.enter();
    let shutdown = Shutdown::on_signals().context("signals")?;
    drop(entered);
    let mut camera = Camera::new(wanted.clone(), home);
    let mut told: Option<Instant> = None;
    let mut beats = 0;
    while !shutdown.is_started() {
        if told.is_none_or(|told| told.elapsed() >= beat::EVERY) {
            told = Some(Instant::now());
            beats += 1;
            beat::give(beats)?;
        }
        camera.turn(&listener)?;
    }
    Ok(())
}

/// A camera, and who reads it.
struct Camera {
    wanted: ScreenCamera,
    /// The screen's folder.
    home: PathBuf,
    readers: Readers,
    source: Option<Source>,
    begun: Instant,
    /// When somebody read last.
    read_at: Instant,
    backoff: Backoff,
    /// Why it gives nothing, and until when it isn't tried again.
    fault: Option<(String, Instant)>,
    /// What was said of it last; empty: that it is there.
    said: String,
}

impl Camera {
    fn new(wanted: ScreenCamera, home: PathBuf) -> Self {
        // What was wrong before nobody knows any more.
        note::set(&home, None);
        let room = wanted.width as usize * wanted.height as usize * source::FORMAT.bytes();
        let now = Instant::now();
        Self {
            wanted,
            home,
            readers: Readers::new(room),
            source: None,
            begun: now,
            read_at: now,
            backoff: Backoff::default(),
            fault: None,
            said: String::new(),
        }
    }

    /// Lets in who comes, and gives one picture, or what there is to say.
    fn turn(&mut self, listener: &Listener) -> Result<()> {
        let limit = if self.source.is_some() { Duration::ZERO } else { IDLE };
        self.readers.let_in(listener, limit)?;
        let now = Instant::now();
        if self.readers.are_there() {
            self.read_at = now;
        }
        match (&mut self.source, &self.fault) {
            (Some(_), _) if now.duration_since(self.read_at) >= LINGER => {
                self.source = None;
                tracing::info!("nobody reads the camera: it is closed");
            }
            (Some(source), _) => match source.next(WAIT) {
                Ok(Some(frame)) => {
                    if !std::mem::take(&mut self.said).is_empty() {
                        tracing::info!("the camera is there again");
                        note::set(&self.home, None);
                    }
                    self.readers.put(&frame, now.duration_since(self.begun), runtime::now());
                }
                Ok(None) => {}
                Err(why) => {
                    let lived = source.age();
                    self.give_up(why, lived);
                }
            },
            // Who comes so soon hears what the last one heard.
            (None, Some((why, until))) if now < *until => self.readers.give_up(why),
            (None, _) if !self.readers.are_there() => {}
            (None, _) => {
                self.fault = None;
                match Source::open(&self.wanted) {
                    Ok(source) => self.source = Some(source),
                    Err(why) => self.give_up(why, Duration::ZERO),
                }
            }
        }
        Ok(())
    }

    /// Closes the camera for a while, tells all who read it why, and lets them go. They come again.
    fn give_up(&mut self, why: String, lived: Duration) {
        self.source = None;
        let wait = self.backoff.after(lived);
        if self.said != why {
            tracing::warn!(
                "the camera gives no pictures, next try in {:.1} s: {why}",
                wait.as_secs_f64()
            );
            note::set(&self.home, Some(&why));
            self.said.clone_from(&why);
        }
        self.readers.give_up(&why);
        self.fault = Some((why, Instant::now() + wait));
    }
}
