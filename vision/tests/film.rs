//! The real street scene (Debian's `vtest.avi`) against its ground truth, where both are there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use opencv::core::{Mat, MatTraitConst as _};
use opencv::prelude::{VideoCaptureTrait as _, VideoWriterTrait as _};
use opencv::videoio::{self, VideoCapture, VideoWriter};
use protocol::config::{Effort, SoundCamera};
use protocol::time::UnixMillis;
use vision::camera::Frame;
use vision::count::{Task, count_film, crossings, read_camera};
use vision::detect::hog::Hog;
use vision::detect::{Detection, Detector as _, Sight};
use vision::duties::scene_of;
use vision::line::{Crossings, Line};
use vision::model::Box2;
use vision::model::add::{Order, add};
use vision::score::mot::Boxes;

const FILM: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

fn there(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}", path.display());
    None
}

/// The film, from Debian's package or as the set-up has fetched it.
fn film() -> Option<PathBuf> {
    let fetched = here().join("../.cache/films/vtest.avi");
    if fetched.exists() {
        Some(fetched)
    } else {
        there(PathBuf::from(FILM))
    }
}

/// Where films' truth and models are: `MADOGUCHI_DATA`, or beside the project.
fn data() -> PathBuf {
    std::env::var_os("MADOGUCHI_DATA").map_or_else(|| here().join("../../shared/data"), PathBuf::from)
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_street_scene_is_counted_within_the_bound() {
    let (Some(film), Some(truth)) = (film(), there(data().join("people/vtest-gt.txt"))) else {
        return;
    };
    let camera = read_camera(&here().join("tests/vtest.toml"), None).expect("the camera's table");
    let truth = Boxes::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    // Set up on frames 1 to 200; all frames, and the five a second of the demo.
    for at_pace in [false, true] {
        let task = Task {
            film: &film,
            camera: &camera,
            truth: Some(&truth),
            frames: 201..=795,
            at_pace,
            lines: &[],
        };
        let outcome = count_film(&task).expect("counted");
        let score = outcome.score.expect("scored");
        println!("at pace {at_pace}: {score:?}, {:.1} ms", outcome.cpu_ms_per_frame);
        assert!(score.count_error <= 0.40, "{score:?}");
        assert!(score.within_one_pct >= 95.0, "{score:?}");
        assert_eq!(score.unknown, 0);
    }
}

/// A model of the data folder, taken in as an office does.
fn add_model(name: &str, network: Option<&str>, film: &Path, to: &Path) -> Option<PathBuf> {
    let models = data().join("models");
    let order = Order {
        from: there(models.join(name))?.display().to_string(),
        network: network.map(|network| models.join(network).display().to_string()),
        nanodet: None,
        to: to.to_owned(),
        licence: "as the data's description says".to_owned(),
        sha256: None,
        input: None,
        person: Vec::new(),
        vehicle: Vec::new(),
        picture: film.to_owned(),
        on: jiff::civil::date(2026, 4, 1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let added = runtime.block_on(add(&order)).expect("the model is sound");
    assert!(added.tried.people > 0, "{added:?}");
    Some(added.file)
}

#[test]
fn real_models_count_a_short_piece_of_the_film_well_enough() {
    let (Some(film), Some(truth)) = (film(), there(data().join("people/vtest-gt.txt"))) else {
        return;
    };
    let truth = Boxes::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    let dir = tempfile::tempdir().expect("temp");
    // (model, network, effort, greatest count error, least MOTA)
    let cases = [
        ("yolox_nano.onnx", None, Effort::Best, 0.6, 75.0),
        ("yolox_nano.onnx", None, Effort::Economical, 0.7, 65.0),
        (
            "yolo-fastest-1.1_body.weights",
            Some("yolo-fastest-1.1_body.cfg"),
            Effort::Normal,
            0.9,
            45.0,
        ),
    ];
    for (name, network, effort, count_error, mota) in cases {
        let Some(model) = add_model(name, network, &film, dir.path()) else {
            continue;
        };
        let mut camera = read_camera(&here().join("tests/vtest.toml"), None).expect("the camera's table");
        (camera.model, camera.effort) = (Some(model), effort);
        let task = Task {
            film: &film,
            camera: &camera,
            truth: Some(&truth),
            frames: 260..=340,
            at_pace: false,
            lines: &[],
        };
        let outcome = count_film(&task).expect("counted");
        let (score, following) = (outcome.score.expect("scored"), outcome.following.expect("scored"));
        println!(
            "{name} {effort:?}: {score:?} {following:?}, {:.1} ms",
            outcome.cpu_ms_per_frame
        );
        assert!(score.count_error <= count_error, "{name} {effort:?}: {score:?}");
        assert!(following.mota >= mota, "{name} {effort:?}: {following:?}");
        assert_eq!(score.unknown, 0);
    }
}

#[test]
fn where_a_worker_could_not_tell_a_counted_film_does_not_either() {
    let Some(film) = film() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let dusk = dir.path().join("dusk.avi");
    let mut from = VideoCapture::from_file(film.to_str().expect("UTF-8"), videoio::CAP_FFMPEG).expect("opened");
    let code = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("code");
    let (mut picture, mut writer) = (Mat::default(), None);
    for frame in 1..=160 {
        assert!(from.read(&mut picture).expect("read"), "the film is long enough");
        let mut lit = Mat::default();
        let light = if frame > 120 { 0.06 } else { 1.0 };
        picture.convert_to(&mut lit, -1, light, 0.0).expect("lit");
        let writer = writer.get_or_insert_with(|| {
            let size = lit.size().expect("size");
            VideoWriter::new(dusk.to_str().expect("UTF-8"), code, 7.0, size, true).expect("opened")
        });
        writer.write(&lit).expect("written");
    }
    drop(writer);
    let task = Task {
        film: &dusk,
        camera: &read_camera(&here().join("tests/vtest.toml"), None).expect("the camera's table"),
        truth: None,
        frames: 1..=160,
        at_pace: false,
        lines: &[],
    };
    let counts = count_film(&task).expect("counted").counts;
    assert!(counts[60..120].iter().all(|(_, count)| count.is_some()), "{counts:?}");
    assert!(counts[121..].iter().all(|(_, count)| count.is_none()), "{counts:?}");
}

#[test]
fn opencvs_people_detector_finds_whoever_stands_whole_in_a_picture() {
    let (Some(film), Some(truth)) = (film(), there(data().join("people/vtest-gt.txt"))) else {
        return;
    };
    let camera = read_camera(&here().join("tests/vtest.toml"), None).expect("the camera's table");
    let truth = Boxes::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    let mut capture = VideoCapture::from_file(film.to_str().expect("UTF-8"), videoio::CAP_FFMPEG).expect("opened");
    let mut picture = Mat::default();
    for _ in 0..100 {
        assert!(capture.read(&mut picture).expect("read"), "the film is longer");
    }
    let camera = SoundCamera::alone(camera).expect("a sound table");
    let scene = scene_of(&camera).expect("a sound table");
    let mut hog = Hog::new(scene.heights, &scene.area).expect("OpenCV has it");
    let searched = hog.search(&picture).expect("searched");
    let frame = Frame {
        picture,
        at: Duration::ZERO,
        taken: UnixMillis(0),
    };
    let Sight::People(everywhere) = hog.detect(&frame).expect("a sound picture") else {
        panic!("it has nothing to learn");
    };
    for (way, people) in [("search", searched), ("detect", everywhere)] {
        let place = |person: &Detection| {
            let [across, down] = [frame.picture.cols(), frame.picture.rows()].map(f64::from);
            let (left, top) = (person.left * across, person.top * down);
            Box2::new(left, top, person.width * across, person.height * down)
        };
        let hits = truth
            .of(100)
            .iter()
            .filter(|row| people.iter().any(|person| place(person).iou(&row.place) >= 0.5));
        let hits = hits.count();
        println!(
            "{way}: {} people, {hits} of {} of the truth",
            people.len(),
            truth.of(100).len()
        );
        assert!(hits >= 1, "{way}: {people:?}");
    }
}

#[test]
fn the_true_crossings_are_the_known_ones() {
    let Some(truth) = there(data().join("people/vtest-gt.txt")) else {
        return;
    };
    let truth = Boxes::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    // As the data's description says: to the right and to the left over upright lines.
    for (x, came_in, went_out) in [(200.0, 5, 7), (300.0, 12, 15), (400.0, 10, 13), (500.0, 9, 12)] {
        // Boxes of people whose feet are cut off reach below the picture.
        let line = Line::new([x, 800.0], [x, 0.0], 12.0);
        let crossed = crossings(&truth, line, &(201..=795));
        assert_eq!(crossed, Crossings { came_in, went_out }, "x = {x}");
    }
}
