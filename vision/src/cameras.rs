//! All cameras at work, each as it is set up now: by the configuration, or by what staff have drawn since.
//!
//! Invariant: a camera that can't be set up says so, again and again, so that nobody takes its word of long ago for one of now;
//! and what is drawn newly and can't be used leaves the camera as it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use protocol::config::{Camera, Config, SoundCamera};
use protocol::congestion::CameraStatus;
use protocol::ids::CameraId;
use protocol::setup::Neighbours;
use runtime::secrets::Secrets;
use store::cameras::Setup;

use crate::camera::address::with_user;
use crate::camera::capture::Pace;
use crate::camera::supervise::Plan;
use crate::counter::{Counter, Reading};
use crate::detect::choose::detector_for;
use crate::duties::{Duties, scene_of};
use crate::parking::lot::Lot;
use crate::setup::still::{MOST_ROWS, rows};
use crate::setup::window::Window;
use crate::worker::{Worker, plan_for};

/// Where a camera's readings go.
pub type Tell = Arc<dyn Fn(Reading) + Send + Sync>;

/// All cameras.
pub struct Cameras {
    config: Arc<Config>,
    all: Vec<One>,
}

struct One {
    /// As the configuration has it.
    camera: Camera,
    tell: Tell,
    window: Arc<Window>,
    /// None: it can't be set up.
    worker: Option<Worker>,
    /// Of what is drawn; 0: nobody has drawn anything.
    version: u64,
}

impl std::fmt::Debug for Cameras {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cameras")
            .field("cameras", &self.all.len())
            .finish_non_exhaustive()
    }
}

impl Cameras {
    /// None yet, of this office.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            all: Vec::new(),
        }
    }

    /// Starts one as it is drawn, or else as the configuration has it. A fault of its own is said in the log.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(&mut self, camera: &Camera, drawn: &BTreeMap<CameraId, Setup>, tell: Tell) -> Result<()> {
        let mut one = One {
            camera: camera.clone(),
            tell,
            window: Arc::default(),
            worker: None,
            version: 0,
        };
        let own = drawn.get(&camera.id);
        if own.is_some_and(|own| own.geometry.is_some()) {
            one.set_up(&self.config, own, drawn)?;
        }
        if one.worker.is_none() {
            one.set_up(&self.config, None, drawn)?;
        }
        one.version = own.map_or(0, |own| own.version);
        self.all.push(one);
        Ok(())
    }

    /// Sets up anew those in whose pictures something else is drawn now; and those that couldn't count, whose fault may have
    /// been what another leaves to them.
    pub fn take(&mut self, drawn: &BTreeMap<CameraId, Setup>) {
        let version_of = |one: &One| drawn.get(&one.camera.id).map_or(0, |drawn| drawn.version);
        let is_changed = self.all.iter().any(|one| version_of(one) != one.version);
        for one in &mut self.all {
            let version = version_of(one);
            if version == one.version && (one.worker.is_some() || !is_changed) {
                continue;
            }
            one.version = version;
            match one.set_up(&self.config, drawn.get(&one.camera.id), drawn) {
                Ok(()) if one.worker.is_none() => {}
                Ok(()) => tracing::info!(camera = %one.camera.id, version, "set up as staff have drawn it"),
                Err(error) => tracing::error!(camera = %one.camera.id, "{error:#}"),
            }
        }
        if is_changed {
            self.say_who_is_left_to_nobody(drawn);
        }
    }

    /// Says in the log where what cameras leave to each other comes back to them: neither the configuration nor what is drawn
    /// alone can do that, but a configuration that was changed since.
    pub fn say_who_is_left_to_nobody(&self, drawn: &BTreeMap<CameraId, Setup>) {
        let geometry_of = |id: &CameraId| drawn.get(id)?.geometry.as_ref();
        for one in &self.all {
            let id = &one.camera.id;
            let neighbours = Neighbours::of(&self.config, &one.camera, geometry_of);
            let left = geometry_of(id).and_then(|geometry| geometry.overlaps.as_ref());
            let left = left.unwrap_or(&one.camera.overlaps).iter();
            for overlap in left.filter(|overlap| neighbours.lead_back(&overlap.camera, id)) {
                tracing::error!(
                    camera = %id, to = %overlap.camera,
                    "what it leaves to the other comes back to it, and nobody counts who stands there: draw one of them anew"
                );
            }
        }
    }

    /// One that counts no more, though nobody has stopped it: a bug.
    #[must_use]
    pub fn broken(&self) -> Option<&CameraId> {
        let workers = self.all.iter().filter_map(|one| Some((one, one.worker.as_ref()?)));
        let mut broken = workers.filter(|(_, worker)| worker.is_broken());
        broken.next().map(|(one, _)| &one.camera.id)
    }

    /// Those that can't be set up say so at `now`.
    pub fn say_who_fails(&self, now: protocol::time::UnixMillis) {
        for one in self.all.iter().filter(|one| one.worker.is_none()) {
            (one.tell)(Reading::unknown(now, CameraStatus::Failing));
        }
    }

    /// How many count.
    #[must_use]
    pub fn at_work(&self) -> usize {
        self.all.iter().filter(|one| one.worker.is_some()).count()
    }

    /// Through which each camera is set up.
    #[must_use]
    pub fn windows(&self) -> BTreeMap<CameraId, Arc<Window>> {
        let windows = self.all.iter();
        windows
            .map(|one| (one.camera.id.clone(), Arc::clone(&one.window)))
            .collect()
    }

    /// Ends all; each says a last word without a count.
    pub fn stop(&mut self) {
        for one in self.all.drain(..) {
            if let Some(worker) = one.worker {
                worker.stop();
            }
        }
    }
}

impl One {
    /// As something is drawn; `None`, or nothing drawn: as the configuration has it. What can't be used is said in the log.
    fn set_up(&mut self, config: &Config, own: Option<&Setup>, drawn: &BTreeMap<CameraId, Setup>) -> Result<()> {
        let geometry = own.and_then(|own| own.geometry.clone());
        let camera = match geometry {
            Some(geometry) => geometry.into_camera(self.camera.clone()),
            None => self.camera.clone(),
        };
        let neighbours = Neighbours::of(config, &camera, |id| drawn.get(id)?.geometry.as_ref());
        let prepared = SoundCamera::of_office(camera, config, &neighbours)
            .map_err(anyhow::Error::from)
            .and_then(|camera| prepare(&camera.with_overlaps_that_count(config), config));
        let camera = &self.camera;
        let (plan, counter, rows) = match prepared {
            Ok(prepared) => prepared,
            Err(error) if self.worker.is_some() => {
                tracing::error!(camera = %camera.id, "what is drawn can't be used, it counts as before: {error:#}");
                return Ok(());
            }
            Err(error) => {
                // Its area is unknown; the other cameras go on.
                tracing::error!(
                    camera = %camera.id,
                    "this camera can't count: {error:#}; mend its table, or draw it anew at /staff/cameras"
                );
                return Ok(());
            }
        };
        self.window.set_rows(rows);
        let counter = counter.seen_through(Arc::clone(&self.window));
        if let Some(worker) = &self.worker {
            worker.exchange(counter);
            return Ok(());
        }
        let tell = Arc::clone(&self.tell);
        let worker = tracing::info_span!("camera", id = %camera.id)
            .in_scope(|| Worker::start(plan, counter, move |reading| tell(reading)))
            .with_context(|| format!("camera {}: no thread", camera.id))?;
        self.worker = Some(worker);
        Ok(())
    }
}

/// How a camera is read and counted, and how many rows its stills have, from what its configuration says.
fn prepare(camera: &SoundCamera, config: &Config) -> Result<(Plan, Counter, i32)> {
    let source = match &camera.user {
        Some(user) => {
            let secrets = Secrets::open(&config.paths.secrets)?;
            let password = secrets
                .written(&format!("camera-{}.password", camera.id))
                .context("user")?;
            with_user(&camera.source, user, &password)?
        }
        None => camera.source.clone(),
    };
    // The program that runs, also when its file has been replaced since.
    let plan = plan_for(camera, source, config, Path::new("/proc/self/exe"))?;
    let pace = Pace::per_second(camera.frames_per_second);
    if !camera.bays.is_empty() {
        return Ok((plan, Counter::of_lot(Lot::new(camera)?, pace), MOST_ROWS as i32));
    }
    let scene = scene_of(camera)?;
    let duties = Duties::new(camera, &scene)?;
    let rows = rows(&scene.heights);
    let detector = detector_for(camera, scene)?;
    Ok((plan, Counter::new(detector, duties, pace), rows))
}
