//! The stage: one thread that gives the output a frame at every tick.
//!
//! Invariant: nothing here waits for anything but the clock. Files, the network and speech are looked at,
//! never waited for.

pub mod canvas;
pub mod capture;
pub mod display;
pub mod gl;
mod line;
pub mod output;
pub mod power;
pub mod probe;
pub mod turn;
mod window;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use protocol::screen::{Choices, Layout, Report, ToScreen};
use protocol::time::UnixMillis;
use runtime::Shutdown;
use tokio::sync::watch;

use crate::event::{Event, Receiver, Snapshot};
use crate::faults::Faults;
use crate::scene::data::{Data, Moment};
use crate::scene::remote::Standing;
use crate::scene::{Kit, Scene};
use canvas::{Canvas, Region};
use output::{Output, PERIOD};

/// A phone's press that took longer is not done.
const PRESS_LASTS: Duration = Duration::from_secs(3);

/// How often the status is told.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// Everything that the stage holds.
pub struct Stage {
    output: Output,
    canvas: Canvas,
    scene: Scene,
    data: Data,
    kit: Kit,
    events: Receiver,
    status: watch::Sender<Report>,
    told_at: Duration,
    changed: Region,
    panels: Faults,
    /// What was wrong with the picture at the display, for the log.
    picture: Faults,
    /// What a phone may press, and what that followed from.
    choices: watch::Sender<Option<Choices>>,
    standing: Option<Standing>,
}

impl Stage {
    /// A stage that shows `scene` first. `panels`: what is wrong with the touch panels.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "all that a stage is made of, once")]
    pub fn new(
        output: Output,
        canvas: Canvas,
        scene: Scene,
        data: Data,
        kit: Kit,
        events: Receiver,
        status: watch::Sender<Report>,
        panels: Faults,
        choices: watch::Sender<Option<Choices>>,
    ) -> Self {
        Self {
            output,
            canvas,
            scene,
            data,
            kit,
            events,
            status,
            told_at: Duration::ZERO,
            changed: Region::default(),
            panels,
            picture: Faults::default(),
            choices,
            standing: None,
        }
    }

    /// Gives frames until `shutdown`.
    ///
    /// # Errors
    /// When the output can't go on, not even without a display.
    pub fn run(mut self, shutdown: &Shutdown) -> Result<()> {
        while !shutdown.is_started() {
            let at = self.output.wait();
            let now = Moment {
                at,
                lead: PERIOD,
                wall: runtime::now(),
            };
            self.hear(&now);
            self.changed.clear();
            self.scene.draw(&mut self.canvas, &now, &self.data, &mut self.changed);
            self.output.set_dark(self.scene.is_dark());
            self.output.push(&self.canvas, &self.changed, at, self.scene.films());
            self.tell_choices();
            self.tell(at);
            self.output.attend(&self.canvas)?;
        }
        Ok(())
    }

    fn hear(&mut self, now: &Moment) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Show { layout, library } => self.show(&layout, library, now),
                Event::Library(library) => self.data.library = library,
                Event::Clock { is_confirmed } => self.data.confirm_clock(is_confirmed),
                Event::Said { frame, age } => self.take(*frame, age, now),
                Event::Contact(contact) => {
                    let (x, y) = contact.spot.in_pixels(self.canvas.width(), self.canvas.height());
                    self.scene.contact(contact.id, contact.phase, (x, y), now);
                }
                Event::Touch { x, y, reply } => {
                    self.scene.touch(x, y, now);
                    if let Some(reply) = reply {
                        let _ = reply.send(self.scene.page().to_owned());
                    }
                }
                Event::Snapshot(reply) => {
                    let _ = reply.send(self.snapshot());
                }
            }
        }
    }

    /// What the server said `age` ago.
    fn take(&mut self, frame: ToScreen, age: Duration, now: &Moment) {
        let said_at = UnixMillis(
            now.wall
                .0
                .saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        );
        match frame {
            ToScreen::Welcome {
                now: theirs, time_zone, ..
            } => self.data.welcome(said_at, theirs, &time_zone),
            ToScreen::Areas { areas } => self.data.hear_areas(areas, said_at),
            ToScreen::Queues { queues } => {
                let at = Moment { wall: said_at, ..*now };
                self.data.hear_queues(queues, &at);
            }
            ToScreen::Lots { lots } => self.data.hear_lots(lots, said_at),
            ToScreen::Notices { notices } => self.data.hear_notices(notices, said_at),
            ToScreen::Remote { remote } => self.data.hear_remote(remote, said_at),
            // What was late on its way is not done any more: whoever pressed it has seen that nothing happened.
            ToScreen::Press { press } if age <= PRESS_LASTS => {
                self.scene.press(&press, now);
            }
            ToScreen::Press { .. } => {}
            ToScreen::Pong { .. } => self.data.heard(said_at),
            // The agent's own business.
            ToScreen::Manifest { .. } | ToScreen::Look | ToScreen::Error { .. } => {}
        }
    }

    /// Changes to another layout. What can't be built leaves the old one in place.
    fn show(&mut self, layout: &Arc<Layout>, library: crate::event::Library, now: &Moment) {
        let scene = match Scene::build(Arc::clone(layout), &self.kit) {
            Ok(scene) => scene,
            Err(error) => {
                tracing::error!(layout = layout.name, "can't be shown: {error:#}");
                return;
            }
        };
        let is_same_size = (self.canvas.width(), self.canvas.height()) == (layout.width, layout.height);
        if !is_same_size {
            let canvas = Canvas::new(layout.width, layout.height, scene.background());
            if let Err(error) = self.output.resize(&canvas) {
                tracing::error!(layout = layout.name, "can't be shown: {error:#}");
                return;
            }
            self.canvas = canvas;
        }
        tracing::info!(layout = layout.name, contents = library.len(), "showing");
        self.scene.leave(now);
        self.scene = scene;
        self.standing = None;
        self.data.library = library;
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            width: self.canvas.width(),
            height: self.canvas.height(),
            pixels: self.canvas.bytes().to_vec(),
        }
    }

    /// What a phone may press, when that has changed.
    fn tell_choices(&mut self) {
        let standing = self.scene.standing();
        if self.standing.replace(standing) != Some(standing) {
            let now = self.scene.choices();
            self.choices.send_if_modified(|told| {
                let is_news = *told != now;
                *told = now;
                is_news
            });
        }
    }

    fn tell(&mut self, at: Duration) {
        if at < self.told_at + STATUS_EVERY {
            return;
        }
        self.told_at = at;
        let mut faults = self.scene.faults();
        faults.extend(self.panels.all());
        faults.extend(self.output.faults());
        let seen = self.output.seen();
        let of_picture = seen.faults(at, |zone| self.scene.zone_name(zone).to_owned());
        self.picture.set(of_picture.clone());
        faults.extend(of_picture);
        let report = Report {
            page: self.scene.page().to_owned(),
            frames: self.output.counters().left(),
            dropped: self.output.dropped(),
            faults,
            black: seen.black(),
            still_ms: u64::try_from(seen.still().as_millis()).unwrap_or(u64::MAX),
            film_still_ms: u64::try_from(seen.longest().as_millis()).unwrap_or(u64::MAX),
            group: self.kit.group.report(),
        };
        self.status.send_replace(report);
    }
}
