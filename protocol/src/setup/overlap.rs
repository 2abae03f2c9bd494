//! What two cameras of an area both see, and which of them counts it.
//!
//! A camera *leaves* a part of its picture to another camera, which counts whoever stands there. Invariant: no camera's parts
//! lead back to itself, neither straight nor by way of others. So whoever is left to others is counted by the last of them;
//! in a circle each camera would wait for the next one, and nobody would count. Nothing is lost by that: any set of overlaps
//! can be declared in an order of the cameras, each at the earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Geometry;
use crate::config::{Camera, CameraRole, Config, Join};
use crate::ids::CameraId;

/// More parts than anybody draws into one picture.
pub const MOST_OVERLAPS: usize = 16;

/// Whether a camera counts the people of its area, so that there is something to leave to others, or to take over.
/// Entrances count who passes, and a camera before a screen whether somebody is there.
#[must_use]
pub fn is_joined(camera: &Camera) -> bool {
    matches!(camera.role, CameraRole::Area | CameraRole::Queue)
}

/// The other cameras of an area that count its people, and to whom each of them leaves parts of its picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Neighbours(BTreeMap<CameraId, Vec<CameraId>>);

impl Neighbours {
    /// A camera's neighbours. `drawn`: what staff have drawn into a camera's picture, which goes before the configuration.
    #[must_use]
    pub fn of<'g>(config: &Config, camera: &Camera, drawn: impl Fn(&CameraId) -> Option<&'g Geometry>) -> Self {
        let are_others = |other: &&Camera| {
            other.id != camera.id && other.area.get_ref() == camera.area.get_ref() && is_joined(other)
        };
        let others = config.cameras.iter().filter(are_others);
        let left = |other: &Camera| {
            let drawn = drawn(&other.id).and_then(|geometry| geometry.overlaps.as_deref());
            let overlaps = drawn.unwrap_or(&other.overlaps).iter();
            overlaps.map(|overlap| overlap.camera.clone()).collect()
        };
        Self(others.map(|other| (other.id.clone(), left(other))).collect())
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, camera: &CameraId) -> bool {
        self.0.contains_key(camera)
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = &CameraId> {
        self.0.keys()
    }

    /// Whether what is left to `first` is left on until it comes back to `camera`.
    #[must_use]
    pub fn lead_back(&self, first: &CameraId, camera: &CameraId) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![first]);
        while let Some(id) = next.pop() {
            if id == camera {
                return true;
            }
            if seen.insert(id) {
                next.extend(self.0.get(id).into_iter().flatten());
            }
        }
        false
    }
}

impl Config {
    /// Whether what a camera leaves to others is left out of its own count: only where the area's count is the sum of its
    /// cameras'. Where it is the largest one's or the master's, whoever is left out would be missing.
    #[must_use]
    pub fn counts_overlaps(&self, camera: &Camera) -> bool {
        let area = self.area(camera.area.get_ref());
        is_joined(camera) && area.is_some_and(|area| area.join == Join::Sum)
    }

    /// A camera without what doesn't change its count.
    #[must_use]
    pub fn with_overlaps_that_count(&self, mut camera: Camera) -> Camera {
        if !self.counts_overlaps(&camera) {
            camera.overlaps.clear();
        }
        camera
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> CameraId {
        CameraId::new(name).expect("valid")
    }

    fn neighbours(all: &[(&str, &[&str])]) -> Neighbours {
        let ids = |names: &[&str]| names.iter().map(|name| id(name)).collect();
        Neighbours(all.iter().map(|(name, to)| (id(name), ids(to))).collect())
    }

    #[test]
    fn what_comes_back_is_found_over_any_number_of_cameras() {
        let straight = neighbours(&[("south", &["north"]), ("west", &[])]);
        assert!(straight.lead_back(&id("south"), &id("north")));
        assert!(!straight.lead_back(&id("west"), &id("north")));
        let round = neighbours(&[("south", &["west"]), ("west", &["east"]), ("east", &["south", "north"])]);
        assert!(round.lead_back(&id("south"), &id("north")));
        let apart = neighbours(&[("south", &["west"]), ("west", &["south"])]);
        assert!(!apart.lead_back(&id("south"), &id("north")), "and others' circle ends");
    }

    /// All 4096 ways in which four cameras can leave parts to each other, and whoever may be seen by some of them: who is left
    /// to a camera that sees them too isn't counted by this one.
    #[test]
    fn nothing_leads_back_exactly_where_everybody_is_counted_by_somebody() {
        let names = ["a", "b", "c", "d"];
        let mut refused = 0;
        for ways in 0_u32..1 << 12 {
            let others = |at: usize| (0..4).filter(move |other| *other != at);
            let leaves = |at: usize| {
                let ways = ways >> (3 * at);
                others(at)
                    .enumerate()
                    .filter(move |(bit, _)| ways >> bit & 1 == 1)
                    .map(|(_, to)| to)
            };
            let edges: Vec<Vec<&str>> = (0..4).map(|at| leaves(at).map(|to| names[to]).collect()).collect();
            let all: Vec<_> = names
                .iter()
                .zip(&edges)
                .map(|(name, to)| (*name, to.as_slice()))
                .collect();
            let all = neighbours(&all);
            let is_refused = (0..4).any(|at| leaves(at).any(|to| all.lead_back(&id(names[to]), &id(names[at]))));
            let is_lost = (1_u32..16).any(|seen| {
                let sees = |at: usize| seen >> at & 1 == 1;
                (0..4).filter(|at| sees(*at)).all(|at| leaves(at).any(sees))
            });
            assert_eq!(is_refused, is_lost, "{edges:?}");
            refused += u32::from(is_refused);
        }
        assert_eq!(
            1 << 12,
            refused + 543,
            "there are 543 acyclic graphs of four (OEIS A003024)"
        );
    }
}
