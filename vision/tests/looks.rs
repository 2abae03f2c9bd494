//! When a model looks: at once where something moves, and every two seconds where nothing does. The model finds what is bright, and
//! who comes in comes so slowly that no picture differs from the one before.

mod onnx_file;

use std::time::Duration;

use opencv::core::{self, Mat, Rect, Scalar};
use opencv::imgproc;
use protocol::time::UnixMillis;
use vision::camera::Frame;
use vision::detect::tracked::{Effort, Tracked};
use vision::detect::{Detector as _, Sight};
use vision::geometry::{PersonHeights, Polygon};
use vision::model::Model;
use vision::model::card::{Card, Fit, Format, sha256};

const SIDE: i32 = 64;
/// A camera's pace.
const PERIOD: Duration = Duration::from_millis(200);

/// Of one class: a bright cell of 8 pixels is somebody of 24.
fn model(folder: &std::path::Path) -> Model {
    let bytes = onnx_file::of_bright_cells(
        SIDE as u64,
        &[0.5, 0.5, 3_f32.ln(), 3_f32.ln(), 0.0, 1.0],
        4,
        1.0 / 255.0,
    );
    let file = folder.join("bright.onnx");
    std::fs::write(&file, &bytes).expect("written");
    let card = Card {
        format: Format::Yolox,
        input: [SIDE as usize; 2],
        fit: Fit::Letterbox,
        person: vec![0],
        vehicle: Vec::new(),
        sure: 0.4,
        weak: 0.1,
        overlap: 0.5,
        licence: "MIT".to_owned(),
        source: String::new(),
        sha256: sha256(&bytes),
        network: None,
        network_sha256: None,
        nanodet: None,
        tried: None,
    };
    Model::with_card(&file, card).expect("a model")
}

fn detector(folder: &std::path::Path) -> Tracked {
    let heights = PersonHeights::new([[0.6, 0.375], [0.9, 0.375]]).expect("heights");
    let all = Polygon::whole_picture();
    let effort = Effort {
        looks: None,
        is_close: false,
    };
    Tracked::new(model(folder), heights, all, effort)
}

/// A dark picture with a cell of some level in it.
fn picture(level: f64, number: u32) -> Frame {
    let mut picture = Mat::new_rows_cols_with_default(SIDE, SIDE, core::CV_8UC3, Scalar::all(20.0)).expect("mat");
    let cell = Rect::new(24, 40, 8, 8);
    imgproc::rectangle(
        &mut picture,
        cell,
        Scalar::all(level),
        imgproc::FILLED,
        imgproc::LINE_8,
        0,
    )
    .expect("drawn");
    let at = PERIOD * number;
    Frame {
        picture,
        at,
        taken: UnixMillis(at.as_millis() as u64),
    }
}

fn people(detector: &mut Tracked, frame: &Frame) -> usize {
    match detector.detect(frame).expect("a picture") {
        Sight::People(people) => people.len(),
        Sight::Settling => 0,
    }
}

#[test]
fn who_comes_in_unseen_by_the_motion_gate_is_found_within_seconds_all_the_same() {
    let dir = tempfile::tempdir().expect("temp");
    let mut detector = detector(dir.path());
    let mut number = 0;
    let mut next = |detector: &mut Tracked, level: f64| {
        number += 1;
        people(detector, &picture(level, number))
    };
    for _ in 0..20 {
        assert_eq!(next(&mut detector, 20.0), 0);
    }
    // From picture to picture that is far below what counts as motion.
    let mut level = 20.0;
    while level < 250.0 {
        level += 5.0;
        next(&mut detector, level);
    }
    // Two looks make somebody.
    let found = (1..=25).find(|_| next(&mut detector, 250.0) == 1);
    assert!(found.is_some(), "nobody was found in 5 s");
    for _ in 0..100 {
        assert_eq!(next(&mut detector, 250.0), 1, "who sits stays");
    }
}

#[test]
fn who_moves_is_found_at_once() {
    let dir = tempfile::tempdir().expect("temp");
    let mut detector = detector(dir.path());
    for number in 0..20 {
        assert_eq!(people(&mut detector, &picture(20.0, number)), 0);
    }
    // Whoever waves is brighter in every other picture.
    let waves = |number: u32| picture(if number.is_multiple_of(2) { 250.0 } else { 200.0 }, number);
    let found = (20..28).find(|number| people(&mut detector, &waves(*number)) == 1);
    assert!(found.is_some(), "nobody was found before it looks again anyway");
}
