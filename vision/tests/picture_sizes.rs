//! Pictures of every size are counted, or refused with the size, and the other cameras go on.

mod office;

use std::path::Path;
use std::time::Instant;

use opencv::core::{self, Mat, Rect, Scalar, Size};
use opencv::imgproc;
use opencv::prelude::VideoWriterTrait as _;
use opencv::videoio::VideoWriter;
use protocol::congestion::CameraStatus;
use protocol::ids::CameraId;

use office::{LIMIT, Office, TEXT, look_again};

/// An empty place in JPEGs, for some pictures.
fn film(path: &Path, [width, height]: [i32; 2]) {
    let code = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("code");
    let name = path.to_str().expect("a plain name");
    let mut writer = VideoWriter::new(name, code, 10.0, Size::new(width, height), true).expect("opened");
    let mut picture = Mat::new_rows_cols_with_default(height, width, core::CV_8UC3, Scalar::all(120.0)).expect("mat");
    // Paved: what has no edges is taken for covered.
    for x in (0..width).step_by((width / 8) as usize) {
        let stone = Rect::new(x, 0, width / 16, height);
        imgproc::rectangle(
            &mut picture,
            stone,
            Scalar::all(150.0),
            imgproc::FILLED,
            imgproc::LINE_8,
            0,
        )
        .expect("drawn");
    }
    for _ in 0..8 {
        writer.write(&picture).expect("written");
    }
    writer.release().expect("closed");
}

#[tokio::test]
async fn eight_k_counts_and_what_is_larger_smaller_or_nothing_is_said_by_its_size() {
    let refused = [
        (
            "larger",
            [8200, 4600],
            "a picture of 8200x4600: expected at least 64x48 and at most 8192x8192",
        ),
        ("smaller", [32, 32], "a picture of 32x32: expected at least 64x48"),
        ("nothing", [0, 0], "it can't be opened"),
    ];
    let mut text = TEXT.replace("SOURCE", "north.avi\"\nwatchdog = \"60s");
    text = text.replace("frames_per_second = 10.0", "frames_per_second = 2.0");
    text += "[[area]]\nid = \"hall\"\nname = { ja = \"広間\" }\ncapacity = 12\nmoderate_from = 4\nbusy_from = 7\n";
    for (id, ..) in refused {
        text += &format!(
            "[[camera]]\nid = \"{id}\"\narea = \"hall\"\nsource = \"{id}.avi\"\nperson_heights = [[0.3, 0.3], [0.9, 0.4]]\n"
        );
    }
    let mut office = Office::with(&text).await;
    film(&office.dir.path().join("north.avi"), [7680, 4320]);
    for (id, size, _) in refused {
        let file = office.dir.path().join(format!("{id}.avi"));
        match size {
            [0, 0] => std::fs::write(file, []).expect("written"),
            size => film(&file, size),
        }
    }
    office.start_vision();
    office
        .wait_for("7680x4320 is counted", |state| state.count == Some(0))
        .await;
    for (id, _, words) in refused {
        let (camera, end) = (CameraId::new(id).expect("valid"), Instant::now() + LIMIT);
        let is_said = |line: &str| line.contains(&format!("id={id}")) && line.contains(words);
        loop {
            let last = store::cameras::last_report(&office.store.live, &office.config.office.id, &camera).await;
            let status = last.ok().flatten().map(|report| report.status);
            if status == Some(CameraStatus::Lost) && office.log().lines().any(is_said) {
                break;
            }
            assert!(Instant::now() < end, "{id}: {status:?}; {}", office.log());
            look_again().await;
        }
    }
    assert!(!office.log().contains("makes no sense"), "{}", office.log());
}
