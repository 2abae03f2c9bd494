//! The commands that read pictures, as they are typed: each prints what it is asked for, and no picture leaves it.

mod onnx_file;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opencv::core::{self, Mat, Rect, Scalar, Size};
use opencv::prelude::VideoWriterTrait as _;
use opencv::videoio::VideoWriter;
use opencv::{imgcodecs, imgproc};
use test_trace::{Allowed, Budget, Folder, Report, Trace};
use vision::model::Card;

const SAID: Budget = Budget::once(16_000);
const FILM: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// A place and somebody who walks through it.
fn picture(frame: i32) -> Mat {
    let mut picture = Mat::new_rows_cols_with_default(240, 320, core::CV_8UC3, Scalar::all(120.0)).expect("a picture");
    let mut fill = |rect, grey: f64| {
        let (grey, line) = (Scalar::all(grey), imgproc::LINE_8);
        imgproc::rectangle(&mut picture, rect, grey, imgproc::FILLED, line, 0).expect("drawn");
    };
    for stone in (0..320).step_by(40) {
        fill(Rect::new(stone, 0, 20, 240), 150.0);
    }
    if frame >= 30 {
        fill(Rect::new((frame - 30) * 4, 100, 24, 80), 30.0);
    }
    picture
}

/// A folder with a film, a picture and cameras' tables.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temp");
    let path = |name: &str| dir.path().join(name).to_str().expect("a path").to_owned();
    let fourcc = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("fourcc");
    let mut writer = VideoWriter::new_def(path("film.avi"), fourcc, 10.0, Size::new(320, 240)).expect("a writer");
    for frame in 0..90 {
        writer.write(&picture(frame)).expect("written");
    }
    writer.release().expect("released");
    imgcodecs::imwrite_def(path("lot.png"), &picture(40)).expect("written");
    let camera = "[[camera]]\nid = \"a\"\narea = \"b\"\nsource = \"film.avi\"\n";
    let people = "person_heights = [[0.3, 0.3], [0.9, 0.4]]\n";
    std::fs::write(path("truth.txt"), "40,1,40,100,24,80,1,1,1\n").expect("written");
    std::fs::write(path("people.toml"), format!("{camera}{people}")).expect("written");
    let bay =
        "role = \"parking\"\n[[camera.bay]]\nid = \"1\"\npolygon = [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.4]]\n";
    std::fs::write(path("lot.toml"), format!("{camera}{bay}")).expect("written");
    dir
}

/// Runs a command in a folder; it may write the files that are named there, and nothing else. Gives what it said.
fn run(dir: &Path, words: &[&str], files: &[&str], folders: Vec<Folder>) -> (String, Option<Report>) {
    let text = |name: &&str| (dir.join(name), SAID);
    let trace = Trace::new(Allowed {
        texts: ["said", "log"].iter().chain(files).map(text).collect(),
        folders,
        ..Allowed::default()
    });
    let file = |name| std::fs::File::create(dir.join(name)).expect("a file");
    let status = Command::new(trace.of(env!("CARGO_BIN_EXE_vision")))
        .args(words)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(file("said"))
        .stderr(file("log"))
        .status();
    let read = |name| std::fs::read_to_string(dir.join(name)).expect("text");
    assert!(status.expect("started").success(), "{words:?}: {}", read("log"));
    (read("said"), trace.end())
}

#[test]
fn a_film_is_counted_and_its_boxes_are_numbers() {
    let dir = folder();
    let boxes = dir.path().join("boxes.txt");
    let words = ["count", "film.avi", "--calibration", "people.toml", "--json", "--boxes"];
    let words = [&words[..], &[boxes.to_str().expect("a path")]].concat();
    let alone = Command::new(env!("CARGO_BIN_EXE_vision"))
        .args(&words)
        .current_dir(dir.path())
        .output();
    let alone = alone.expect("started");
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(!alone.status.success() && said.contains("--truth"), "{said}");
    assert!(!boxes.exists(), "nobody's way is written down for itself");
    let words = [&words[..], &["--truth", "truth.txt"]].concat();
    let (said, report) = run(dir.path(), &words, &["boxes.txt"], Vec::new());
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(
        said["counts"].as_array().is_some_and(|counts| counts.len() > 60),
        "{said}"
    );
    assert!(boxes.exists());
    if let Some(report) = report {
        assert!(report.calls > 100 && !report.bytes.contains_key("pipe"), "{report:?}");
    }
}

#[test]
fn a_cameras_table_is_checked_and_its_plan_has_no_picture() {
    let dir = folder();
    let (said, _) = run(dir.path(), &["check", "people.toml", "film.avi"], &[], Vec::new());
    assert!(said.contains('a'), "{said}");
    let plan = dir.path().join("bays.svg");
    let words = [
        "check",
        "lot.toml",
        "film.avi",
        "--plan",
        plan.to_str().expect("a path"),
    ];
    run(dir.path(), &words, &["bays.svg"], Vec::new());
    let plan = std::fs::read_to_string(plan).expect("a plan");
    assert!(plan.contains("<svg") && !plan.contains("<image"), "{plan}");
}

#[test]
fn a_car_parks_picture_becomes_names_of_bays() {
    let dir = folder();
    let (said, _) = run(dir.path(), &["lot", "lot.toml", "lot.png", "--json"], &[], Vec::new());
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said[0]["total"], 1, "{said}");
}

#[test]
fn a_model_is_taken_in_as_it_was_given() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("MADOGUCHI_DATA").map_or_else(|| here.join("../../shared/data"), PathBuf::from);
    let (model, film) = (
        data.join("models/yolox_nano.onnx"),
        here.join("../.cache/films/vtest.avi"),
    );
    let film = if film.exists() { film } else { PathBuf::from(FILM) };
    if let Some(missing) = [&model, &film].iter().find(|file| !file.exists()) {
        println!("SKIPPED: there is no {}", missing.display());
        return;
    }
    let dir = folder();
    let models = Folder {
        path: dir.path().join("models"),
        given: vec![model.clone()],
        text: Budget::once(4_000),
    };
    let [from, picture] = [&model, &film].map(|file| file.to_str().expect("a path"));
    let words = [
        "models",
        "add",
        from,
        "--licence",
        "Apache-2.0",
        "--picture",
        picture,
        "--to",
    ];
    let words = [&words[..], &[models.path.to_str().expect("a path")]].concat();
    let (said, _) = run(dir.path(), &words, &[], vec![models.clone()]);
    assert!(said.contains("people"), "{said}");
    let words = [
        "models",
        "time",
        "models/yolox_nano.onnx",
        "--picture",
        picture,
        "--looks",
        "1",
    ];
    let (said, _) = run(dir.path(), &words, &[], Vec::new());
    assert!(said.contains("ms of CPU a look"), "{said}");
}

#[test]
fn what_a_model_was_tried_on_stands_in_its_card_and_is_told() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    // White is somebody, paving isn't: x, y, log w, log h, objectness, one class.
    let bytes = onnx_file::of_bright_cells(64, &[0.5, 0.5, 0.0, 0.0, -3.0, 1.0], 4, 4.0 / 255.0);
    std::fs::write(path("tiny.onnx"), bytes).expect("written");
    let mut hall = picture(0);
    let white = Rect::new(120, 80, 80, 80);
    imgproc::rectangle(
        &mut hall,
        white,
        Scalar::all(255.0),
        imgproc::FILLED,
        imgproc::LINE_8,
        0,
    )
    .expect("drawn");
    imgcodecs::imwrite_def(path("hall.png").to_str().expect("a path"), &hall).expect("written");
    let models = Folder {
        path: path("models"),
        given: vec![path("tiny.onnx")],
        text: Budget::once(4_000),
    };
    let words = "models add tiny.onnx --input 64x64 --licence MIT --picture ./hall.png --to";
    let words: Vec<&str> = words
        .split(' ')
        .chain([models.path.to_str().expect("a path")])
        .collect();
    let (said, _) = run(dir.path(), &words, &[], vec![models.clone()]);
    let card = Card::read(&path("models/tiny.onnx")).expect("a sound card");
    let tried = card.tried.clone().expect("it was tried");
    assert_eq!((tried.picture.as_str(), tried.vehicles), ("hall.png", 0));
    assert!(tried.people > 0 && tried.look_ms > 0.0, "{tried:?}");
    assert_eq!(tried.opencv, core::get_version_string().expect("a version"));
    assert!(said.contains(&tried.to_string()), "{said}");

    // It is told where a camera with that model is checked. Cards of older versions have no trial, and hold.
    let camera = std::fs::read_to_string(path("people.toml")).expect("text") + "model = \"models/tiny.onnx\"\n";
    std::fs::write(path("people.toml"), camera).expect("written");
    let check = ["check", "people.toml", "film.avi"];
    let (said, _) = run(dir.path(), &check, &[], Vec::new());
    assert!(said.contains(&format!("model models/tiny.onnx: {tried}\n")), "{said}");
    let old = toml::to_string(&Card { tried: None, ..card }).expect("a card");
    assert!(!old.contains("tried"), "{old}");
    std::fs::write(Card::beside(&path("models/tiny.onnx")), old).expect("written");
    let (said, _) = run(dir.path(), &check, &[], Vec::new());
    assert!(said.contains("its card says nothing of a trial"), "{said}");
}
