//! Models from files: NanoDet's answers are boxes where the bright square is, and a file that isn't what its card says is one
//! camera that fails, with the file's name.

mod office;
mod onnx_file;

use std::path::{Path, PathBuf};
use std::time::Instant;

use opencv::core::{self, Mat, Rect, Scalar};
use opencv::imgproc;
use protocol::congestion::CameraStatus;
use protocol::ids::CameraId;
use vision::model::card::{Card, Fit, Format, Nanodet, Scores, sha256};
use vision::model::{Kind, Model, ModelError};

use office::{LIMIT, Office, TEXT, look_again, paved_film};

const SIDE: usize = 64;

/// One class; each side of a box is one stride from the middle of its cell.
fn nanodet() -> Vec<u8> {
    let mut bias = vec![0.0; 1 + 4 * 8];
    // The logistic function of -8 is nothing. A white cell's mean is about 2.4 after the card's mean and spread.
    bias[0] = -8.0;
    for side in 0..4 {
        bias[1 + side * 8 + 1] = 40.0;
    }
    onnx_file::of_bright_cells(SIDE as u64, &bias, 0, 5.0)
}

fn yolox() -> Vec<u8> {
    // x, y, log w, log h, objectness, one class: paving is far too dark to be anybody.
    onnx_file::of_bright_cells(SIDE as u64, &[0.5, 0.5, 0.0, 0.0, 0.0, 1.0], 4, 1.0 / 25500.0)
}

fn card(bytes: &[u8], nanodet: Option<Nanodet>) -> Card {
    Card {
        format: if nanodet.is_some() {
            Format::Nanodet
        } else {
            Format::Yolox
        },
        input: [SIDE; 2],
        fit: Fit::Letterbox,
        person: vec![0],
        vehicle: Vec::new(),
        sure: 0.4,
        weak: 0.1,
        overlap: 0.5,
        licence: "MIT".to_owned(),
        source: String::new(),
        sha256: sha256(bytes),
        network: None,
        network_sha256: None,
        nanodet,
        tried: None,
    }
}

fn of_logits() -> Nanodet {
    Nanodet {
        scores: Scores::Logits,
        ..Nanodet::default()
    }
}

/// Writes a model and its card.
fn write(folder: &Path, name: &str, bytes: &[u8], card: &Card) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, bytes).expect("written");
    std::fs::write(Card::beside(&file), toml::to_string(card).expect("a card")).expect("written");
    file
}

#[test]
fn a_nanodet_file_that_opencv_runs_finds_what_is_there_in_the_pictures_own_pixels() {
    let dir = tempfile::tempdir().expect("temp");
    let bytes = nanodet();
    let file = write(dir.path(), "nano.onnx", &bytes, &card(&bytes, Some(of_logits())));
    let mut model = Model::open(&file).expect("it answers as its card says");
    // Twice the input's size: the cell of 8 pixels in column 2, row 4 is 16 pixels wide here.
    let mut picture = Mat::new_rows_cols_with_default(128, 128, core::CV_8UC3, Scalar::all(0.0)).expect("mat");
    let bright = Rect::new(32, 64, 16, 16);
    imgproc::rectangle(
        &mut picture,
        bright,
        Scalar::all(255.0),
        imgproc::FILLED,
        imgproc::LINE_8,
        0,
    )
    .expect("drawn");
    let found = model.find(&picture, Rect::new(0, 0, 128, 128)).expect("found");
    assert_eq!(found.len(), 1, "{found:?}");
    let place = found[0].place;
    assert_eq!(found[0].kind, Kind::Person);
    // The middle of the cell is (40, 72); one stride of 16 to each side.
    for (side, expected) in [
        (place.left, 24.0),
        (place.top, 56.0),
        (place.width, 32.0),
        (place.height, 32.0),
    ] {
        assert!((side - expected).abs() < 0.01, "{place:?}");
    }
    let Err(ModelError::Shape { why, expected, .. }) = Model::with_card(
        &file,
        card(
            &bytes,
            Some(Nanodet {
                strides: vec![8, 16, 32, 64],
                ..of_logits()
            }),
        ),
    ) else {
        panic!("a card of NanoDet-Plus must be refused");
    };
    assert!(
        why.contains("84 rows") && expected.contains("85 rows"),
        "{why}; {expected}"
    );
}

#[test]
fn a_file_of_another_input_size_than_its_card_says_is_refused() {
    let dir = tempfile::tempdir().expect("temp");
    let bytes = yolox();
    let file = write(dir.path(), "yolox.onnx", &bytes, &card(&bytes, None));
    Model::open(&file).expect("the right size");
    let wrong = Card {
        input: [96, 64],
        ..card(&bytes, None)
    };
    let error = Model::with_card(&file, wrong).expect_err("another size");
    let said = error.to_string();
    assert!(matches!(error, ModelError::Input { .. }), "{said}");
    assert!(
        said.contains("64x64") && said.contains("[96, 64]") && said.contains("yolox.onnx"),
        "{said}"
    );
}

const CFG: &[u8] = b"[net]\nwidth=64\nheight=64\nchannels=3\n\
    [convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=8\npad=1\nactivation=leaky\n\
    [convolutional]\nfilters=18\nsize=1\nstride=1\npad=1\nactivation=linear\n\
    [yolo]\nmask=0,1,2\nanchors=10,14, 23,27, 37,58\nclasses=1\nnum=3\n";

fn darknet_card(weights: &[u8]) -> Card {
    Card {
        format: Format::Darknet,
        fit: Fit::Stretch,
        network: Some(PathBuf::from("tiny.cfg")),
        network_sha256: Some(sha256(CFG)),
        ..card(weights, None)
    }
}

/// Version 0.2, no pictures seen, and all noughts.
fn weights() -> Vec<u8> {
    let numbers = (4 * 3 * 9 + 4 * 4) + (18 * 4 + 18);
    let head = [0_i32, 2, 0, 0, 0].map(i32::to_le_bytes).concat();
    [head, vec![0; numbers * 4]].concat()
}

#[test]
fn weights_that_are_cut_off_are_refused_though_their_hash_is_the_cards() {
    let dir = tempfile::tempdir().expect("temp");
    std::fs::write(dir.path().join("tiny.cfg"), CFG).expect("written");
    let whole = weights();
    let file = write(dir.path(), "tiny.weights", &whole, &darknet_card(&whole));
    Model::open(&file).expect("whole");
    let cut = &whole[..whole.len() - 4];
    let file = write(dir.path(), "cut.weights", cut, &darknet_card(cut));
    let error = Model::open(&file).expect_err("cut off").to_string();
    assert!(error.contains("cut.weights") && error.contains("cut off"), "{error}");
    let head = &whole[..7];
    let file = write(dir.path(), "head.weights", head, &darknet_card(head));
    Model::open(&file).expect_err("not even a head");
}

#[tokio::test]
async fn each_bad_file_is_one_camera_that_fails_by_its_name_and_the_others_count() {
    const BAD: [(&str, &str); 6] = [
        ("missing", "can't be read"),
        ("no-card", "models add"),
        ("changed", "SHA-256"),
        ("broken", "OpenCV can't open it"),
        ("size", "takes pictures of 64x64"),
        ("cut", "cut off"),
    ];
    let mut text = TEXT.replace("SOURCE", "film.avi\"\nmodel = \"good.onnx");
    text += "[[area]]\nid = \"hall\"\nname = { ja = \"広間\" }\ncapacity = 12\nmoderate_from = 4\nbusy_from = 7\n";
    for (id, _) in BAD {
        let ending = if id == "cut" { "weights" } else { "onnx" };
        text += &format!(
            "[[camera]]\nid = \"{id}\"\narea = \"hall\"\nsource = \"film.avi\"\nmodel = \"{id}.{ending}\"\n\
             person_heights = [[0.3, 0.3], [0.9, 0.4]]\n"
        );
    }
    let mut office = Office::with(&text).await;
    let folder = office.dir.path();
    paved_film(&folder.join("film.avi"), [160, 120], 30);
    let bytes = yolox();
    write(folder, "good.onnx", &bytes, &card(&bytes, None));
    let missing = write(folder, "missing.onnx", &bytes, &card(&bytes, None));
    std::fs::remove_file(missing).expect("removed");
    std::fs::write(folder.join("no-card.onnx"), &bytes).expect("written");
    let mut changed = bytes.clone();
    changed[200] ^= 1;
    write(folder, "changed.onnx", &changed, &card(&bytes, None));
    let cut = &bytes[..bytes.len() / 2];
    write(folder, "broken.onnx", cut, &card(cut, None));
    let wrong = Card {
        input: [96, 96],
        ..card(&bytes, None)
    };
    write(folder, "size.onnx", &bytes, &wrong);
    std::fs::write(folder.join("tiny.cfg"), CFG).expect("written");
    let cut = &weights()[..200];
    write(folder, "cut.weights", cut, &darknet_card(cut));
    office.start_vision();
    office
        .wait_for("the good one counts", |state| state.count == Some(0))
        .await;
    for (id, words) in BAD {
        let (camera, end) = (CameraId::new(id).expect("valid"), Instant::now() + LIMIT);
        loop {
            let last = store::cameras::last_report(&office.store.live, &office.config.office.id, &camera).await;
            if last
                .ok()
                .flatten()
                .is_some_and(|report| report.status == CameraStatus::Failing)
            {
                break;
            }
            assert!(Instant::now() < end, "{id}: {}", office.log());
            look_again().await;
        }
        let (log, file) = (office.log(), format!("{id}."));
        let is_said =
            |line: &str| line.contains(&format!("camera={id}")) && line.contains(&file) && line.contains(words);
        assert!(log.lines().any(is_said), "{id}: {log}");
    }
}
