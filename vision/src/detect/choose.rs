//! The detector that a camera's configuration asks for.

use protocol::config::{Camera, Detector as Named, Effort as Level};

use crate::camera::capture::Pace;
use crate::model::{Model, ModelError};
use crate::track::Rules;

use super::hog::Hog;
use super::motion::{Motion, Scene};
use super::tracked::{Effort, Following, Tracked};
use super::{DetectError, Detector};

/// Looks a second of a camera that shall be cheap: with fewer, people change their ways unseen.
const ECONOMICAL_LOOKS: f64 = 3.5;

/// Why a camera has no detector.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// Its model can't be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// OpenCV's people detector can't be made.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// Its table names two.
    #[error("detector, model: expected one of them, leave the other out")]
    Both,
    /// The model knows no people.
    #[error("model {0}: its card names no class ids of people: expected person = [0] or the like")]
    NoPeople(std::path::PathBuf),
    /// The model knows no vehicles.
    #[error("model {0}: its card names no class ids of vehicles: expected vehicle = [2, 5, 7] or the like")]
    NoVehicles(std::path::PathBuf),
    /// Cars are found by models only.
    #[error("model: expected one: cars at a gate are found by a model only")]
    NoModel,
}

/// Makes a camera's detector.
///
/// # Errors
/// [`ChooseError`] naming the model's file.
pub fn detector_for(camera: &Camera, scene: Scene) -> Result<Box<dyn Detector>, ChooseError> {
    if let Some(file) = &camera.model {
        if camera.detector.is_some() {
            return Err(ChooseError::Both);
        }
        let model = Model::open(file)?;
        let (no_people, no_vehicles) = (model.card().person.is_empty(), model.card().vehicle.is_empty());
        let tracked = Tracked::new(model, scene.heights, scene.area, effort_of(camera));
        return match camera.is_gate() {
            true if no_vehicles => Err(ChooseError::NoVehicles(file.clone())),
            true => Ok(Box::new(tracked.of_vehicles())),
            false if no_people => Err(ChooseError::NoPeople(file.clone())),
            false => Ok(Box::new(tracked)),
        };
    }
    if camera.is_gate() {
        return Err(ChooseError::NoModel);
    }
    let named = camera.detector.as_ref().map(|named| *named.get_ref());
    Ok(match named.unwrap_or_default() {
        Named::Background => Box::new(Following::new(Motion::new(scene), Rules::coarse())),
        Named::Hog => Box::new(Following::new(Hog::new(scene.heights, &scene.area)?, Rules::coarse())),
    })
}

fn effort_of(camera: &Camera) -> Effort {
    match camera.effort {
        Level::Best => Effort {
            looks: None,
            is_close: true,
        },
        Level::Normal => Effort {
            looks: None,
            is_close: false,
        },
        Level::Economical => Effort {
            looks: Some(Pace::per_second(ECONOMICAL_LOOKS)),
            is_close: false,
        },
    }
}
