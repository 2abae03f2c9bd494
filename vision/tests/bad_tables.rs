//! What is wrong with one camera's table stops that camera, and nothing else.

mod office;

use std::process::Command;
use std::time::Instant;

use protocol::congestion::CameraStatus;
use protocol::ids::{CameraId, StaffId};
use protocol::setup::Geometry;
use store::cameras;

use office::{LIMIT, Office, TEXT, look_again, paved_film};

/// Cameras' ids, what their tables say, and the field that the log names.
const BAD: [(&str, &str, &str); 11] = [
    (
        "outside",
        "polygon = [[0.1, 0.1], [1.5, 0.1], [0.9, 0.9]]",
        "camera.polygon",
    ),
    ("two-corners", "polygon = [[0.1, 0.1], [0.9, 0.1]]", "camera.polygon"),
    (
        "crossing",
        "polygon = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]",
        "camera.polygon",
    ),
    (
        "equal-heights",
        "person_heights = [[0.3, 0.3], [0.3, 0.3]]",
        "camera.person_heights",
    ),
    ("no-line", "role = \"entrance\"", "camera.line"),
    (
        "line-outside",
        "role = \"queue\"\nline = [[0.1, 0.5], [0.9, 5.0]]",
        "camera.line",
    ),
    (
        "bay-outside",
        "role = \"parking\"\nbay = [{ id = \"1\", polygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 2.0]] }]",
        "camera.bay.polygon",
    ),
    ("no-bays", "role = \"parking\"", "camera.bay"),
    ("both", "model = \"a.onnx\"\ndetector = \"hog\"", "camera.detector"),
    (
        "stranger",
        "overlap = [{ camera = \"north\", polygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]] }]",
        "camera.overlap.camera",
    ),
    ("no-pace", "frames_per_second = 0.0", "camera.frames_per_second"),
];

fn text() -> String {
    let hall = "[[area]]\nid = \"hall\"\nname = { ja = \"広間\" }\ncapacity = 12\nmoderate_from = 4\nbusy_from = 7\n";
    let mut text = format!("{}{hall}", TEXT.replace("SOURCE", "film.avi"));
    for (id, more, _) in BAD {
        let heights = if more.contains("person_heights") {
            ""
        } else {
            "person_heights = [[0.3, 0.3], [0.9, 0.4]]\n"
        };
        text += &format!("[[camera]]\nid = \"{id}\"\narea = \"hall\"\nsource = \"film.avi\"\n{heights}{more}\n");
    }
    text
}

async fn wait_for_status(office: &Office, id: &str, is_so: impl Fn(CameraStatus) -> bool) {
    let (id, end) = (CameraId::new(id).expect("valid"), Instant::now() + LIMIT);
    loop {
        let last = store::cameras::last_report(&office.store.live, &office.config.office.id, &id).await;
        match last.ok().flatten().map(|report| report.status) {
            Some(status) if is_so(status) => return,
            status => assert!(Instant::now() < end, "{id}: {status:?}; log: {}", office.log()),
        }
        look_again().await;
    }
}

#[tokio::test]
async fn one_bad_table_is_one_camera_that_fails_until_it_is_drawn_right_and_the_others_count() {
    let mut office = Office::with(&text()).await;
    paved_film(&office.dir.path().join("film.avi"), [160, 120], 30);
    office.start_vision();
    office
        .wait_for("the good one counts", |state| state.count == Some(0))
        .await;
    for (id, _, field) in BAD {
        wait_for_status(&office, id, |status| status == CameraStatus::Failing).await;
        let log = office.log();
        let is_said = |line: &str| line.contains(&format!("camera={id}")) && line.contains(field);
        assert!(log.lines().any(is_said), "{id}, {field}: {log}");
    }
    // An admin draws one right.
    let id = CameraId::new("outside").expect("valid");
    let mut drawn = Geometry::of(office.config.camera(&id).expect("there"));
    drawn.polygon = Some(vec![[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]);
    let (ledger, by) = (&office.store.ledger, StaffId::new("kanri").expect("valid"));
    let new = (Some(drawn), &by, runtime::now());
    let kept = cameras::set_up(ledger, &office.config.office.id, &id, 0, new).await;
    assert!(kept.expect("written").is_some());
    wait_for_status(&office, "outside", |status| status == CameraStatus::Seeing).await;
    wait_for_status(&office, "crossing", |status| status == CameraStatus::Failing).await;
}

#[tokio::test]
async fn check_names_each_faults_line_and_field() {
    let office = Office::with(&text()).await;
    let file = office.dir.path().join("office.toml");
    for (id, _, field) in BAD {
        let said = Command::new(env!("CARGO_BIN_EXE_vision"))
            .args([
                "check",
                file.to_str().expect("a plain name"),
                "film.avi",
                "--camera",
                id,
            ])
            .output()
            .expect("started");
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(!said.status.success(), "{id}");
        assert!(
            words.contains(&format!("camera {id}")) && words.contains(field),
            "{id}: {words}"
        );
    }
}
