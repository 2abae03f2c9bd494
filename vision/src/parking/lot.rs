//! A car park before one camera.

use std::path::PathBuf;

use opencv::core::{Mat, MatTraitConst as _, Rect, Size};
use protocol::config::{Effort, SoundCamera};

use super::Places;
use super::bays::{Bays, Floor};
use super::fit;
use super::texture::Texture;
use crate::camera::Frame;
use crate::detect::{self, DetectError};
use crate::geometry::{GeometryError, Polygon};
use crate::model::boxes::join_tiles;
use crate::model::{Box2, Found, Kind, Model, ModelError};

/// Where a vehicle is expected, half of the score that a model's card calls sure is enough.
pub(crate) const EXPECTED: f64 = 0.5;

/// Texture alone says so much at most: a bay whose ground is that restless is taken, whatever the model thinks.
const MOST_TEXTURE: f64 = 2.5;

/// The model looks at the bays and this share of their height around them: cars stand out of their bays.
const AROUND: f64 = 0.08;

/// Where a bay's side is shorter in the model's input, in pixels, it looks in two tiles.
const TOO_SMALL: f64 = 24.0;
/// Tiles share this much of their length,
const SHARED: f64 = 0.2;
/// and of what both find, what overlaps more (IoU), or lies in the other by more, is one vehicle.
const SAME: f64 = 0.5;
const INSIDE: f64 = 0.85;

/// Why a car park can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LotError {
    /// A bay's outline.
    #[error("bay {bay:?}: {error}")]
    Bay {
        /// Which.
        bay: String,
        /// What is wrong.
        error: GeometryError,
    },
    /// There are none.
    #[error("bay: expected [[camera.bay]] tables, each with id and polygon")]
    NoBays,
    /// The lot's outline.
    #[error(transparent)]
    Lot(#[from] GeometryError),
    /// The model can't be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model knows no vehicles.
    #[error("model {0}: its card names no class ids of vehicles: expected vehicle = [2, 5, 7] or the like")]
    NoVehicles(PathBuf),
}

/// Looks at a car park.
#[derive(Debug)]
pub struct Lot {
    names: Vec<String>,
    outlines: Vec<Vec<[f64; 2]>>,
    texture: Texture,
    floors: Vec<Floor>,
    model: Option<Model>,
    is_close: bool,
    bays: Bays,
}

impl Lot {
    /// As a camera's configuration says.
    ///
    /// # Errors
    /// [`LotError`] naming the bay or the model's file.
    pub fn new(camera: &SoundCamera) -> Result<Self, LotError> {
        if camera.bays.is_empty() {
            return Err(LotError::NoBays);
        }
        for bay in &camera.bays {
            Polygon::new(bay.polygon.clone()).map_err(|error| LotError::Bay {
                bay: bay.id.clone(),
                error,
            })?;
        }
        let ground = camera.polygon.as_ref().map(|points| points.get_ref().clone());
        if let Some(points) = &ground {
            Polygon::new(points.clone())?;
        }
        let model = match &camera.model {
            Some(file) => {
                let model = Model::open(file)?;
                if model.card().vehicle.is_empty() {
                    return Err(LotError::NoVehicles(file.clone()));
                }
                Some(model)
            }
            None => None,
        };
        let outlines: Vec<_> = camera.bays.iter().map(|bay| bay.polygon.clone()).collect();
        Ok(Self {
            names: camera.bays.iter().map(|bay| bay.id.clone()).collect(),
            texture: Texture::new(outlines.clone(), ground),
            floors: vec![Floor::default(); outlines.len()],
            model,
            is_close: camera.effort == Effort::Best,
            bays: Bays::new(outlines.len()),
            outlines,
        })
    }

    /// Looks at the next picture, gives how many bays are taken then.
    ///
    /// # Errors
    /// [`DetectError`]; the next picture can be looked at.
    pub fn look(&mut self, frame: &Frame) -> Result<Option<Places>, DetectError> {
        let picture = detect::sound(frame)?;
        let textures = self.texture.measure(picture)?;
        let mut evidence: Vec<f64> = (self.floors.iter_mut().zip(textures))
            .map(|(floor, texture)| floor.judge(texture, frame.at))
            .collect();
        if let Some(model) = &mut self.model {
            let vehicles = find(model, picture, &self.outlines, self.is_close)?;
            let enough = model.card().sure * EXPECTED;
            let sides = [picture.cols(), picture.rows()].map(f64::from);
            let outlines: Vec<Vec<[f64; 2]>> = (self.outlines.iter())
                .map(|bay| bay.iter().map(|[x, y]| [x * sides[0], y * sides[1]]).collect())
                .collect();
            let scores = fit::scores(&outlines, &vehicles);
            for (evidence, score) in evidence.iter_mut().zip(scores) {
                *evidence = both(score / enough, *evidence);
            }
        }
        self.bays.see(&evidence, frame.at);
        Ok(self.bays.places())
    }

    /// The camera doesn't see any more: no bay's state is known.
    pub fn forget(&mut self) {
        self.bays.forget();
    }

    /// Each bay's name, outline (shares of the picture), and whether it is taken.
    pub fn bays(&self) -> impl Iterator<Item = (&str, &[[f64; 2]], Option<bool>)> {
        let bays = self.names.iter().zip(&self.outlines).zip(self.bays.taken());
        bays.map(|((name, outline), is_taken)| (name.as_str(), outline.as_slice(), is_taken))
    }
}

/// A box's evidence and the ground's, both 1 at their border: each makes good for what the other lacks. A box on ground
/// that is quite even needs twice the score; without a box only ground as restless as a car's is taken.
fn both(boxed: f64, texture: f64) -> f64 {
    boxed + texture.min(MOST_TEXTURE) - 1.0
}

/// The vehicles around the bays, in pixels of the picture.
fn find(
    model: &mut Model,
    picture: &Mat,
    bays: &[Vec<[f64; 2]>],
    is_close: bool,
) -> Result<Vec<(Box2, f64)>, DetectError> {
    let size = picture.size()?;
    let part = around(bays, size);
    let mut found: Vec<Found> = Vec::new();
    for tile in looks(part, bays, size, model.card().input, is_close) {
        found.append(&mut model.find(picture, tile)?);
    }
    found.retain(|thing| thing.kind == Kind::Vehicle);
    let found = join_tiles(found, SAME, INSIDE);
    Ok(found.into_iter().map(|thing| (thing.place, thing.score)).collect())
}

/// How many vehicles a model finds in a picture of a car park whose bays nobody has drawn yet: in its four quarters, each a
/// little larger, because cars are small in such pictures.
pub(crate) fn vehicles_in(model: &mut Model, picture: &Mat) -> Result<usize, DetectError> {
    let size = picture.size()?;
    let quarter =
        [size.width, size.height].map(|side| ((f64::from(side) * (1.0 + SHARED) / 2.0).ceil() as i32).min(side));
    let mut found: Vec<Found> = Vec::new();
    for x in [0, size.width - quarter[0]] {
        for y in [0, size.height - quarter[1]] {
            found.append(&mut model.find(picture, Rect::new(x, y, quarter[0], quarter[1]))?);
        }
    }
    let enough = model.card().sure * EXPECTED;
    found.retain(|thing| thing.kind == Kind::Vehicle && thing.score >= enough);
    Ok(join_tiles(found, SAME, INSIDE).len())
}

/// The part of the picture in which the bays' cars can be.
fn around(bays: &[Vec<[f64; 2]>], size: Size) -> Rect {
    let ends = |axis: usize, side: i32| {
        let along = bays.iter().flatten().map(|point| point[axis]);
        let (least, most) = (along.clone().fold(1.0, f64::min), along.fold(0.0, f64::max));
        let pixels = |share: f64| (share.clamp(0.0, 1.0) * f64::from(side)).round() as i32;
        let from = pixels(least - AROUND);
        (from, (pixels(most + AROUND) - from).max(1))
    };
    let ((x, width), (y, height)) = (ends(0, size.width), ends(1, size.height));
    Rect::new(x, y, width, height)
}

/// What the model looks at: the whole part, and where a bay would be too small in its input, or a close look is asked
/// for, two overlapping halves of it too.
fn looks(part: Rect, bays: &[Vec<[f64; 2]>], size: Size, input: [usize; 2], is_close: bool) -> Vec<Rect> {
    let scale = (input[0] as f64 / f64::from(part.width)).min(input[1] as f64 / f64::from(part.height));
    let pixels = f64::from(size.width) * f64::from(size.height);
    let smallest = bays.iter().map(|bay| fit::area(bay)).fold(1.0, f64::min);
    let mut looks = vec![part];
    if is_close || (smallest * pixels).sqrt() * scale < TOO_SMALL {
        let half = |length: i32| ((f64::from(length) * (1.0 + SHARED) / 2.0).ceil() as i32).min(length);
        if part.width >= part.height {
            let tile = half(part.width);
            looks.extend([part.x, part.x + part.width - tile].map(|x| Rect::new(x, part.y, tile, part.height)));
        } else {
            let tile = half(part.height);
            looks.extend([part.y, part.y + part.height - tile].map(|y| Rect::new(part.x, y, part.width, tile)));
        }
    }
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_witness_makes_good_for_the_other() {
        for (boxed, texture, is_taken) in [
            (0.0, 0.3, false),
            (0.0, 1.5, false),
            (0.0, 2.2, true),
            (1.0, 0.4, false),
            (1.0, 1.2, true),
            (0.6, 1.5, true),
            (2.0, 0.2, true),
        ] {
            assert_eq!(both(boxed, texture) >= 1.0, is_taken, "box {boxed}, ground {texture}");
        }
    }

    #[test]
    fn small_bays_are_looked_at_in_two_tiles_besides() {
        let bay = |x: f64, side: f64| vec![[x, 0.4], [x + side, 0.4], [x + side, 0.4 + side], [x, 0.4 + side]];
        let size = Size::new(1280, 720);
        let large = [bay(0.2, 0.2), bay(0.6, 0.2)];
        let part = around(&large, size);
        assert_eq!(part, Rect::new(154, 230, 972, 260));
        assert_eq!(looks(part, &large, size, [416, 416], false), [part]);
        for (bays, is_close) in [(vec![bay(0.2, 0.03), bay(0.8, 0.03)], false), (large.to_vec(), true)] {
            let part = around(&bays, size);
            let looks = looks(part, &bays, size, [416, 416], is_close);
            let [whole, left, right] = looks[..] else {
                panic!("three looks, not {looks:?}");
            };
            assert_eq!((whole, left.x), (part, part.x));
            assert_eq!(right.x + right.width, part.x + part.width);
            assert!(left.x + left.width > right.x, "they overlap");
        }
    }
}
