//! Car parks: a drawn one as the program runs, and real ones (PKLot) against their truth, where they are there.

mod office;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use office::{Office, TEXT, look_again};
use opencv::core::{Mat, Rect, Scalar, Size};
use opencv::prelude::{MatTraitConst as _, VideoWriterTrait as _};
use opencv::videoio::VideoWriter;
use opencv::{core, imgcodecs, imgproc};
use protocol::config::Camera;
use protocol::congestion::CameraStatus;
use vision::count::{Task, count_film, read_camera};
use vision::line::Line;
use vision::model::add::{Order, add};
use vision::parking::offline::look_at;

const BAYS: [i32; 4] = [40, 180, 320, 460];

/// Four bays; in the first and third a car.
fn draw(picture: &mut Mat, frame: u8) {
    let fill = |picture: &mut Mat, rect, grey: f64| {
        imgproc::rectangle(picture, rect, Scalar::all(grey), imgproc::FILLED, imgproc::LINE_8, 0).expect("drawn");
    };
    fill(picture, Rect::new(0, 0, 640, 360), 110.0);
    // Something moves, or the camera is taken for frozen.
    fill(picture, Rect::new(i32::from(frame) * 5 % 600, 20, 30, 20), 60.0);
    for x in [BAYS[0], BAYS[2]] {
        fill(picture, Rect::new(x + 15, 190, 80, 120), 35.0);
        fill(picture, Rect::new(x + 25, 220, 60, 50), 210.0);
        fill(picture, Rect::new(x + 22, 205, 66, 12), 15.0);
        fill(picture, Rect::new(x + 22, 275, 66, 14), 15.0);
    }
}

fn film(to: &Path) {
    let fourcc = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("fourcc");
    let path = to.to_str().expect("a path");
    let mut writer = VideoWriter::new_def(path, fourcc, 5.0, Size::new(640, 360)).expect("a writer");
    let mut picture = Mat::new_rows_cols_with_default(360, 640, core::CV_8UC3, Scalar::all(0.0)).expect("a picture");
    for frame in 0..100 {
        draw(&mut picture, frame);
        writer.write(&picture).expect("written");
    }
    writer.release().expect("released");
}

fn bay(id: &str, corners: [[f64; 2]; 4]) -> String {
    format!("[[camera.bay]]\nid = {id:?}\npolygon = {corners:?}\n")
}

#[tokio::test]
async fn free_bays_reach_redis_and_a_lost_cameras_are_unknown() {
    let dir = tempfile::tempdir().expect("temp");
    let file = dir.path().join("lot.avi");
    film(&file);
    let bays: String = (BAYS.iter().zip(["A1", "A2", "A3", "A4"]))
        .map(|(x, id)| {
            let ([left, right], [top, low]) = (
                [*x, *x + 110].map(|x| f64::from(x) / 640.0),
                [180.0, 320.0].map(|y| y / 360.0),
            );
            bay(id, [[left, top], [right, top], [right, low], [left, low]])
        })
        .collect();
    let text = TEXT.replace("SOURCE", &file.to_string_lossy()) + "role = \"parking\"\n" + &bays;
    let mut office = Office::with(&text).await;
    office.start_vision();
    let state = office.wait_for("two cars", |state| state.count == Some(2)).await;
    assert!(state.observed_at.is_some());
    let report = office
        .wait_for_report("two of four free", |report| report.free_bays == Some([2, 4]))
        .await;
    assert_eq!(report.status, CameraStatus::Seeing);
    std::fs::remove_file(&file).expect("removed");
    // The one who reads it has it open still.
    let readers = std::process::Command::new("pkill")
        .args(["-P", &office.vision.as_ref().expect("running").id().to_string()])
        .status();
    assert!(readers.expect("pkill").success());
    office.wait_for("unknown", |state| state.count.is_none()).await;
    let report = office
        .wait_for_report("lost", |report| report.status == CameraStatus::Lost)
        .await;
    assert_eq!(report.free_bays, None);
    assert_eq!(office.end().await, Some(0));
    look_again().await;
}

fn there(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}", path.display());
    None
}

/// Where the data are: `MADOGUCHI_DATA`, or beside the project.
fn data() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("MADOGUCHI_DATA").map_or_else(|| here.join("../../shared/data"), PathBuf::from)
}

/// Bays' outlines in pixels, and which are taken, of PKLot's XML.
struct Truth {
    bays: BTreeMap<String, Vec<[f64; 2]>>,
    taken: BTreeSet<String>,
}

impl Truth {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("read");
        let value = |tag: &str, name: &str| {
            let rest = tag.split_once(&format!("{name}=\""))?.1;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let (mut bays, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for space in text.split("<space ").skip(1) {
            let id = value(space, "id").expect("an id");
            let contour = space.split_once("<contour>").expect("a contour").1;
            let points = contour.split("<point ").skip(1).map(|point| {
                let at = |name| value(point, name).and_then(|at| at.parse().ok()).expect("a number");
                [at("x"), at("y")]
            });
            bays.insert(id.clone(), points.collect());
            if value(space, "occupied").as_deref() == Some("1") {
                taken.insert(id);
            }
        }
        Self { bays, taken }
    }

    fn camera(&self, dir: &Path, model: Option<&Path>) -> Camera {
        let model = model
            .map(|file| format!("model = {:?}\n", file.display().to_string()))
            .unwrap_or_default();
        let mut text = format!("[[camera]]\nid = \"lot\"\narea = \"lot\"\nsource = \"-\"\nrole = \"parking\"\n{model}");
        for (id, outline) in &self.bays {
            let shares: Vec<_> = outline.iter().map(|[x, y]| [x / 1280.0, y / 720.0]).collect();
            text += &format!("[[camera.bay]]\nid = {id:?}\npolygon = {shares:?}\n");
        }
        let file = dir.join("lot.toml");
        std::fs::write(&file, text).expect("written");
        read_camera(&file, None).expect("a camera")
    }
}

/// YOLOX-nano, taken in as an office does. `people`: a picture with somebody in it.
fn yolox(to: &Path, people: &Path) -> Option<PathBuf> {
    let order = Order {
        from: there(data().join("models/yolox_nano.onnx"))?.display().to_string(),
        network: None,
        nanodet: None,
        to: to.to_owned(),
        licence: "Apache-2.0".to_owned(),
        sha256: None,
        input: None,
        person: Vec::new(),
        vehicle: Vec::new(),
        picture: people.to_owned(),
        on: jiff::civil::date(2026, 4, 1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    Some(runtime.block_on(add(&order)).expect("the model is sound").file)
}

/// A model that knows vehicles is tried on the picture that its user has: a car park's.
#[test]
fn a_model_that_knows_vehicles_is_taken_in_with_a_picture_of_cars_alone() {
    let frames = data().join("parking/sequence1/frames");
    let (Some(frames), Some(model)) = (there(frames), there(data().join("models/yolox_nano.onnx"))) else {
        return;
    };
    let dir = tempfile::tempdir().expect("temp");
    let add_with = |picture: &Path| {
        let order = Order {
            from: model.display().to_string(),
            network: None,
            nanodet: None,
            to: dir.path().to_owned(),
            licence: "Apache-2.0".to_owned(),
            sha256: None,
            input: None,
            person: Vec::new(),
            vehicle: Vec::new(),
            picture: picture.to_owned(),
            on: jiff::civil::date(2026, 4, 1),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(add(&order))
    };
    let lot = imgcodecs::imread_def(files(&frames)[2].to_str().expect("a path")).expect("a picture");
    // As it is, and as a corner of a picture four times as wide and high, in whose whole the cars are too small to be found.
    let mut far = Mat::default();
    let (down, across) = (lot.rows() * 3, lot.cols() * 3);
    core::copy_make_border(
        &lot,
        &mut far,
        0,
        down,
        0,
        across,
        core::BORDER_CONSTANT,
        Scalar::all(0.0),
    )
    .expect("drawn");
    for (name, picture) in [("near.png", lot), ("far.png", far)] {
        let file = dir.path().join(name);
        imgcodecs::imwrite_def(file.to_str().expect("a path"), &picture).expect("written");
        let added = add_with(&file).expect(name);
        let tried = &added.tried;
        assert!(tried.people == 0 && tried.vehicles > 0, "{name}: {added:?}");
    }
    let wall = dir.path().join("wall.png");
    let grey = Mat::new_rows_cols_with_default(240, 320, core::CV_8UC3, Scalar::all(120.0)).expect("mat");
    imgcodecs::imwrite_def(wall.to_str().expect("a path"), &grey).expect("written");
    let error = add_with(&wall).expect_err("a wall").to_string();
    assert!(error.contains("neither people nor vehicles"), "{error}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = (std::fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

#[test]
fn a_real_car_park_is_told_right_with_and_without_a_model() {
    let Some(folder) = there(data().join("parking")) else {
        return;
    };
    let dir = tempfile::tempdir().expect("temp");
    let truths: Vec<Truth> = files(&folder.join("sequence2/bounding_boxes"))
        .iter()
        .map(|file| Truth::read(file))
        .collect();
    let (pictures, empty) = (files(&folder.join("sequence2/frames")), files(&folder.join("empty")));
    let model = yolox(dir.path(), &pictures[4]);
    let cases = [(None, 0.97), (model.as_deref(), 0.98)];
    for (model, least) in cases.iter().take(1 + usize::from(model.is_some())) {
        let camera = truths[0].camera(dir.path(), *model);
        let seen = look_at(&camera, &pictures).expect("seen");
        let (mut right, mut all) = (0, 0);
        for (seen, truth) in seen.iter().zip(&truths) {
            let taken: BTreeSet<String> = seen.taken.iter().cloned().collect();
            right += seen.total - taken.symmetric_difference(&truth.taken).count();
            all += seen.total;
        }
        let alarms: usize = look_at(&camera, &empty)
            .expect("seen")
            .iter()
            .map(|seen| seen.taken.len())
            .sum();
        println!(
            "model {}: {right} of {all} right, {alarms} false alarms in {} empty bays",
            model.is_some(),
            empty.len() * 40
        );
        assert!(right as f64 >= least * all as f64, "{right} of {all}");
        assert!(alarms * 100 <= empty.len() * 40, "{alarms} false alarms");
    }
}

/// A car, cut out of one picture of the lot, drives over another one, from the left to the right and back.
fn drive(to: &Path, folder: &Path) {
    let read = |file: PathBuf| imgcodecs::imread_def(file.to_str().expect("a path")).expect("a picture");
    let parked = read(folder.join("sequence1/frames/2013-02-22_07_10_01.png"));
    let empty = read(folder.join("empty/2013-04-14_07_15_01.jpg"));
    let car = Mat::roi(&parked, Rect::new(700, 478, 185, 102)).expect("a part");
    let fourcc = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("fourcc");
    let path = to.to_str().expect("a path");
    let mut writer = VideoWriter::new_def(path, fourcc, 5.0, Size::new(1280, 720)).expect("a writer");
    let there = (20..450).step_by(22).map(Some);
    let back = (20..450).step_by(22).rev().map(Some);
    let nobody = std::iter::repeat_n(None, 15);
    for left in nobody
        .clone()
        .chain(there)
        .chain(nobody.clone())
        .chain(back)
        .chain(nobody)
    {
        let mut picture = empty.clone();
        if let Some(left) = left {
            let mut part = Mat::roi_mut(&mut picture, Rect::new(left, 560, 185, 102)).expect("a part");
            car.copy_to(&mut part).expect("copied");
        }
        writer.write(&picture).expect("written");
    }
    writer.release().expect("released");
}

#[test]
fn a_car_that_drives_through_a_gate_is_counted_in_and_out() {
    let Some(folder) = there(data().join("parking")) else {
        return;
    };
    let dir = tempfile::tempdir().expect("temp");
    let people = folder.join("sequence2/frames/2013-03-09_11_20_06.png");
    let Some(model) = yolox(dir.path(), &people) else {
        return;
    };
    let film = dir.path().join("gate.avi");
    drive(&film, &folder);
    let file = dir.path().join("gate.toml");
    let text = format!(
        "[[camera]]\nid = \"gate\"\narea = \"lot\"\nsource = \"-\"\nrole = \"parking\"\nmodel = {:?}\n\
         line = [[0.26, 1.0], [0.26, 0.6]]\nperson_heights = [[0.3, 0.06], [0.9, 0.16]]\n",
        model.display().to_string()
    );
    std::fs::write(&file, text).expect("written");
    let camera = read_camera(&file, None).expect("a camera");
    assert!(camera.is_gate());
    let outcome = count_film(&Task {
        film: &film,
        camera: &camera,
        truth: None,
        frames: 1..=u64::MAX,
        at_pace: false,
        // Upwards in pixels: to its right is in.
        lines: &[Line::new([333.0, 720.0], [333.0, 432.0], 12.0)],
    })
    .expect("counted");
    let told = outcome.lines[0].told;
    assert_eq!((told.came_in, told.went_out), (1, 1), "{told:?}");
}
