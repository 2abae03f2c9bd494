//! What one camera is set up to do: its scene, and what it does with who is found there.

use opencv::core::MatTraitConst as _;
use protocol::config::{CameraRole, SoundCamera};
use protocol::setup::Found;

use crate::area::join::Shared;
use crate::area::presence::Presence;
use crate::camera::Frame;
use crate::detect::background::Memory;
use crate::detect::motion::Scene;
use crate::detect::{Detector, Sight};
use crate::door::Door;
use crate::geometry::{GeometryError, PersonHeights, Polygon};
use crate::occupancy::Occupancy;

/// What set-up says of a camera, checked.
///
/// # Errors
/// [`GeometryError`] naming the field.
pub fn scene_of(camera: &SoundCamera) -> Result<Scene, GeometryError> {
    let area = match &camera.polygon {
        Some(points) => Polygon::new(points.get_ref().clone())?,
        None => Polygon::whole_picture(),
    };
    Ok(Scene {
        heights: PersonHeights::new(*camera.person_heights.get_ref())?,
        area,
        memory: Memory {
            still_for: camera.still_for,
        },
    })
}

/// What a camera does beside counting its outline.
#[derive(Debug)]
pub struct Duties {
    pub(crate) occupancy: Occupancy,
    pub(crate) shared: Shared,
    pub(crate) presence: Option<Presence>,
    pub(crate) door: Option<Door>,
}

impl Duties {
    /// As a camera's configuration says.
    ///
    /// # Errors
    /// [`GeometryError`] naming the field.
    pub fn new(camera: &SoundCamera, scene: &Scene) -> Result<Self, GeometryError> {
        let line = camera.line.as_ref().map(|line| *line.get_ref());
        Ok(Self {
            occupancy: Occupancy::new(scene.area.clone(), camera.median_of),
            shared: Shared::of(camera)?,
            presence: (camera.role == CameraRole::Presence).then(Presence::new),
            door: line.map(|line| Door::new(line, scene.heights)),
        })
    }
}

impl Duties {
    /// Who is found, and which of them are counted here.
    pub(crate) fn found(&self, sight: &Sight) -> Vec<Found> {
        let Sight::People(people) = sight else {
            return Vec::new();
        };
        let is_counted = |feet| self.occupancy.area().contains(feet) && !self.shared.is_anothers(feet);
        let found = people.iter().map(|person| Found {
            place: [person.left, person.top, person.width, person.height],
            is_counted: is_counted(person.foot()),
        });
        found.collect()
    }

    /// The count after a picture.
    pub(crate) fn follow(&mut self, mut sight: Sight, detector: &dyn Detector, frame: &Frame) -> Option<u32> {
        self.shared.leave_out(&mut sight);
        if let Some(door) = &mut self.door {
            let size = [frame.picture.cols(), frame.picture.rows()].map(f64::from);
            door.see(&detector.tracks(), size, frame.at);
        }
        self.occupancy.see(&sight, frame.at)
    }
}
