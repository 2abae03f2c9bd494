//! The detector without a model file, on drawn scenes whose truth is known.

use std::time::Duration;

use opencv::core::{self, Mat, Rect, Scalar, Vec3b};
use opencv::imgproc;
use opencv::prelude::{MatTraitConst as _, MatTraitManual as _};
use protocol::time::UnixMillis;
use vision::camera::Frame;
use vision::detect::background::Memory;
use vision::detect::motion::{Motion, Scene};
use vision::detect::{Detector as _, Sight};
use vision::geometry::{PersonHeights, Polygon};
use vision::occupancy::Occupancy;

const WIDTH: i32 = 480;
const HEIGHT: i32 = 360;
const PER_SECOND: u64 = 5;

/// A picture taken at `at`.
fn frame(picture: Mat, at: Duration) -> Frame {
    let taken = UnixMillis(at.as_millis() as u64);
    Frame { picture, at, taken }
}

/// A drawn place before a camera: textured ground, noise in every picture, people, their shadows, the light.
struct Stage {
    ground: Mat,
    heights: PersonHeights,
    motion: Motion,
    occupancy: Occupancy,
    light: f64,
    picture: u64,
    noise: u32,
}

impl Stage {
    fn new() -> Self {
        let heights = PersonHeights::new([[0.4, 0.2], [0.9, 0.4]]).expect("sound");
        let mut ground =
            Mat::new_rows_cols_with_default(HEIGHT, WIDTH, core::CV_8UC3, Scalar::all(140.0)).expect("mat");
        for x in (0..WIDTH).step_by(24) {
            let stone = Rect::new(x, 0, 12, HEIGHT);
            fill(&mut ground, stone, 120.0);
        }
        let scene = Scene {
            heights,
            area: Polygon::whole_picture(),
            memory: Memory {
                still_for: Duration::from_secs(30),
            },
        };
        Self {
            ground,
            heights,
            motion: Motion::new(scene),
            occupancy: Occupancy::new(Polygon::whole_picture(), 5),
            light: 1.0,
            picture: 0,
            noise: 1,
        }
    }

    /// Shows the place for some seconds; `people` gives the foot points (pixels) at each second. The last count.
    fn show(&mut self, seconds: f64, people: impl Fn(f64) -> Vec<[i32; 2]>) -> Option<u32> {
        let pictures = (seconds * PER_SECOND as f64).round() as u64;
        let mut count = None;
        for step in 0..pictures {
            let feet = people(step as f64 / PER_SECOND as f64);
            count = self.look(&feet, |_| {});
        }
        count
    }

    fn look(&mut self, feet: &[[i32; 2]], retouch: impl Fn(&mut Mat)) -> Option<u32> {
        let mut picture = self.ground.clone();
        retouch(&mut picture);
        for [x, y] in feet {
            let height = (self.heights.at(f64::from(*y) / f64::from(HEIGHT)) * f64::from(HEIGHT)) as i32;
            person(&mut picture, *x, *y, height);
        }
        self.expose(&mut picture);
        let at = Duration::from_millis(self.picture * 1000 / PER_SECOND);
        self.picture += 1;
        let sight = self.motion.detect(&frame(picture, at)).expect("a sound picture");
        self.occupancy.see(&sight, at)
    }

    /// The light, and noise of ±4.
    fn expose(&mut self, picture: &mut Mat) {
        for pixel in picture.data_typed_mut::<Vec3b>().expect("three colours") {
            self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(self.noise >> 29) - 3.5;
            for value in &mut pixel.0 {
                *value = (f64::from(*value) * self.light + noise).clamp(0.0, 255.0) as u8;
            }
        }
    }

    fn learned() -> Self {
        let mut stage = Self::new();
        assert_eq!(stage.show(4.0, |_| Vec::new()), Some(0), "an empty place");
        stage
    }
}

fn fill(picture: &mut Mat, place: Rect, grey: f64) {
    imgproc::rectangle(picture, place, Scalar::all(grey), imgproc::FILLED, imgproc::LINE_8, 0).expect("drawn");
}

/// Head, trunk and legs, darker and lighter than the ground.
fn person(picture: &mut Mat, x: i32, y: i32, height: i32) {
    let top = y - height;
    let (head, hip) = (top + height * 16 / 100, top + height * 55 / 100);
    fill(picture, Rect::new(x - height / 16, top, height / 8, head - top), 225.0);
    fill(picture, Rect::new(x - height / 8, head, height / 4, hip - head), 30.0);
    fill(picture, Rect::new(x - height / 9, hip, height / 11, y - hip), 50.0);
    fill(picture, Rect::new(x + height / 50, hip, height / 11, y - hip), 50.0);
}

fn walking(from: i32, y: i32) -> impl Fn(f64) -> Vec<[i32; 2]> {
    move |second| vec![[from + (second * 30.0) as i32, y]]
}

#[test]
fn one_person_near_or_far_is_one() {
    for y in [150, 220, 330] {
        assert_eq!(Stage::learned().show(3.0, walking(120, y)), Some(1), "feet at {y}");
    }
}

#[test]
fn people_apart_are_counted_apart() {
    let mut stage = Stage::learned();
    let people = |second: f64| {
        let step = (second * 30.0) as i32;
        vec![
            [60 + step, 200],
            [220 + step, 260],
            [420 - step, 330],
            [400 - step, 160],
        ]
    };
    assert_eq!(stage.show(3.0, people), Some(4));
}

#[test]
fn people_shoulder_to_shoulder_are_counted_apart() {
    for (group, offsets) in [(2, [0, 32, 0]), (3, [0, 32, 64])] {
        let mut stage = Stage::learned();
        let walk = |second: f64| {
            let step = (second * 20.0) as i32;
            offsets[..group]
                .iter()
                .map(|offset| [150 + step + offset, 270])
                .collect()
        };
        assert_eq!(stage.show(3.0, walk), Some(group as u32));
    }
}

#[test]
fn a_person_half_behind_another_is_counted() {
    let mut stage = Stage::learned();
    let pair = |second: f64| {
        let step = (second * 20.0) as i32;
        vec![[152 + step, 235], [170 + step, 290]]
    };
    assert_eq!(stage.show(3.0, pair), Some(2));
}

#[test]
fn a_shadow_is_nobody() {
    let mut stage = Stage::learned();
    let mut count = None;
    for step in 0..15 {
        let x = 150 + step * 6;
        // As long as the person, 35 % darker ground.
        let shade = |picture: &mut Mat| {
            let place = Rect::new(x, 255, 110, 26);
            let mut part = Mat::roi_mut(picture, place).expect("inside");
            let mut darker = Mat::default();
            part.convert_to(&mut darker, -1, 0.65, 0.0).expect("darker");
            darker.copy_to(&mut part).expect("put back");
        };
        count = stage.look(&[[x, 270]], shade);
    }
    assert_eq!(count, Some(1));
}

#[test]
fn a_light_switched_on_or_off_counts_nobody() {
    for light in [1.6, 0.35] {
        let mut stage = Stage::learned();
        stage.light = light;
        for picture in 0..30 {
            let count = stage.look(&[], |_| {});
            assert_eq!(count, Some(0), "light {light}, picture {picture} after the change");
        }
        assert_eq!(stage.show(3.0, walking(120, 260)), Some(1), "and people are seen again");
    }
}

#[test]
fn slow_daylight_counts_nobody() {
    let mut stage = Stage::learned();
    for step in 0..300 {
        stage.light = 1.0 + f64::from(step) * 0.001;
        let count = stage.look(&[], |_| {});
        assert_eq!(count, Some(0), "picture {step}");
    }
}

#[test]
fn somebody_who_stands_still_stays_counted_and_a_bench_is_forgotten() {
    let mut stage = Stage::learned();
    assert_eq!(stage.show(20.0, |_| vec![[240, 270]]), Some(1), "standing for 20 s");
    assert_eq!(
        stage.show(60.0, |_| vec![[240, 270]]),
        Some(0),
        "what never moves is furniture"
    );
}

#[test]
fn whoever_stood_there_at_the_start_leaves_no_ghost_for_long() {
    let mut stage = Stage::new();
    stage.show(4.0, |_| vec![[240, 270]]);
    assert_eq!(
        stage.show(8.0, |_| Vec::new()),
        Some(0),
        "far sooner than furniture is learned"
    );
}

#[test]
fn another_size_of_picture_begins_anew() {
    let mut stage = Stage::learned();
    let picture = Mat::new_rows_cols_with_default(480, 640, core::CV_8UC3, Scalar::all(90.0)).expect("mat");
    let at = Duration::from_secs(60);
    let sight = stage.motion.detect(&frame(picture, at)).expect("a sound picture");
    assert_eq!(sight, Sight::Settling);
}
