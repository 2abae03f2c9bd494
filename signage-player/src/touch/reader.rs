//! Opens touch panels as they come, and tells the stage of their contacts until they go.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evdev::raw_stream::RawDevice;
use protocol::config::{Touch, TouchDevice};
use runtime::Shutdown;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::decode::{CONTACTS, Decoder, Found, Raw};
use super::mapping::Mapping;
use super::panel::{Abilities, Panel, Unfit};
use super::{Contact, Spot};
use crate::event::{Event, Sender};
use crate::faults::Faults;

/// Where the kernel's devices appear.
const FOLDER: &str = "/dev/input";
/// How often it is looked whether a device has come. A device that may be opened a moment later only is then tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a device isn't read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The office has named another one.
    #[error("player.touch.device names another device")]
    NotNamed,
    /// It is no touch panel.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The kernel doesn't give it.
    #[error("{0}; the player's user must be in the group `input`")]
    Denied(io::Error),
    /// It can't be opened.
    #[error(transparent)]
    Broken(io::Error),
}

/// All devices of the kernel, by their numbers' paths.
///
/// # Errors
/// When the folder can't be read.
pub fn devices() -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(FOLDER)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("event") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Opens a device as a touch panel, if the office wants it.
///
/// # Errors
/// [`Refused`].
pub fn open(path: &Path, config: &Touch) -> Result<(RawDevice, Panel), Refused> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => Refused::Denied(error),
        _ => Refused::Broken(error),
    };
    let is_named_by_path = match &config.device {
        TouchDevice::Path(named) => {
            if !named.canonicalize().is_ok_and(|named| named == path) {
                return Err(Refused::NotNamed);
            }
            true
        }
        _ => false,
    };
    let device = RawDevice::open(path).map_err(broken)?;
    let abilities = Abilities::of(&device).map_err(broken)?;
    let is_named = match &config.device {
        TouchDevice::Name(name) if *name != abilities.name => return Err(Refused::NotNamed),
        TouchDevice::Name(_) => true,
        _ => is_named_by_path,
    };
    Ok((device, abilities.panel(is_named)?))
}

/// Which device a path stands for now: another one under the same path has another mark, and so has one whose rights were
/// changed.
type Mark = (u64, i64, i64);

fn mark(path: &Path) -> Option<Mark> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.ctime(), found.ctime_nsec()))
}

/// Reads the panels of this machine.
#[derive(Debug)]
pub struct Reader {
    /// Which, and how they lie.
    pub config: Touch,
    /// The way to the stage. When full, a panel waits; when the kernel's own queue is full then, it says that events were
    /// lost, and all contacts of the panel are cancelled.
    pub events: Sender,
    /// What is wrong.
    pub faults: Faults,
}

impl Reader {
    /// Reads until the shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        let mut looked: BTreeMap<PathBuf, (Mark, Option<String>)> = BTreeMap::new();
        let mut read: BTreeMap<PathBuf, JoinHandle<()>> = BTreeMap::new();
        let mut count = 0;
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.started() => break,
                _ = tick.tick() => {}
            }
            read.retain(|path, task| {
                let is_read = !task.is_finished();
                if !is_read {
                    looked.remove(path);
                }
                is_read
            });
            let paths = devices().unwrap_or_default();
            looked.retain(|path, _| paths.contains(path));
            for path in paths {
                let Some(mark) = mark(&path) else { continue };
                if read.contains_key(&path) || looked.get(&path).is_some_and(|(seen, _)| *seen == mark) {
                    continue;
                }
                let fault = match open(&path, &self.config) {
                    Ok((device, panel)) => {
                        count += 1;
                        let task = self.start(count, device, &panel);
                        match task {
                            Ok(task) => {
                                read.insert(path.clone(), task);
                                None
                            }
                            Err(error) => Some(format!("touch panel {}: {error}", panel.name)),
                        }
                    }
                    Err(Refused::NotNamed | Refused::Unfit(_)) => None,
                    Err(error) => Some(format!("{}: {error}", path.display())),
                };
                looked.insert(path, (mark, fault));
            }
            let mut faults: Vec<String> = looked.values().filter_map(|(_, fault)| fault.clone()).collect();
            if read.is_empty() {
                faults.extend(self.missing());
            } else {
                // One panel is there: that another device can't be opened is no news to anybody.
                faults.clear();
            }
            self.faults.set(faults);
        }
        for task in read.into_values() {
            task.abort();
        }
    }

    /// That a device isn't there which the office has named.
    fn missing(&self) -> Option<String> {
        let named = match &self.config.device {
            TouchDevice::Path(path) => path.display().to_string(),
            TouchDevice::Name(name) => format!("{name:?}"),
            TouchDevice::Auto | TouchDevice::Off => return None,
        };
        Some(format!(
            "player.touch.device: there is no touch panel {named}; `signage-player touch` lists what there is"
        ))
    }

    fn start(&self, count: u32, mut device: RawDevice, panel: &Panel) -> io::Result<JoinHandle<()>> {
        if self.config.grab {
            // Who has it already gets all of it.
            device
                .grab()
                .map_err(|error| io::Error::new(error.kind(), format!("another program has it: {error}")))?;
        }
        tracing::info!(panel = panel.name, protocol = ?panel.protocol, "a touch panel is read");
        let (events, name) = (self.events.clone(), panel.name.clone());
        let reading = follow(device, panel.clone(), self.config.clone(), move |contact| {
            let events = events.clone();
            let id = (count << 8) | contact.id;
            async move { events.send(Event::Contact(Contact { id, ..contact })).await.is_ok() }
        });
        Ok(tokio::spawn(async move {
            let ended = reading.await;
            tracing::info!(panel = name, "the touch panel is gone: {ended}");
        }))
    }
}

/// Gives every contact of a panel to `tell`, until the panel is gone or `tell` says that nobody listens. Gives why.
pub async fn follow<F>(device: RawDevice, panel: Panel, config: Touch, mut tell: impl FnMut(Contact) -> F) -> io::Error
where
    F: Future<Output = bool>,
{
    let mapping = Mapping::new(panel.x, panel.y, &config);
    let mut decoder = Decoder::new(panel.protocol);
    let mut stream = match device.into_event_stream() {
        Ok(stream) => stream,
        Err(error) => return error,
    };
    // A frame has a few contacts; it is emptied after every event.
    let mut found: Vec<Found> = Vec::with_capacity(CONTACTS);
    loop {
        let next = stream.next_event().await;
        let ended = match next {
            Ok(event) => {
                let raw = Raw {
                    kind: event.event_type().0,
                    code: event.code(),
                    value: event.value(),
                };
                if decoder.take(raw, &mut found) {
                    tracing::debug!(panel = panel.name, "the kernel has lost events");
                    let now = Abilities::of(stream.device()).ok().and_then(|it| it.panel(true).ok());
                    decoder.go_on(now.map_or(panel.protocol, |panel| panel.protocol));
                }
                None
            }
            Err(error) => {
                decoder.cancel(&mut found);
                Some(error)
            }
        };
        for contact in found.drain(..) {
            let (x, y) = mapping.place(contact.x, contact.y);
            let told = tell(Contact {
                id: contact.number,
                phase: contact.phase,
                spot: Spot { x, y },
            });
            if !told.await {
                return io::Error::other("nobody listens any more");
            }
        }
        if let Some(error) = ended {
            return error;
        }
    }
}
