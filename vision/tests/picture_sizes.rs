//! Pictures of every size are counted, or refused with the size, and the other cameras go on.

mod office;

use std::time::Instant;

use protocol::congestion::CameraStatus;
use protocol::ids::CameraId;

use office::{LIMIT, Office, TEXT, look_again, paved_film};

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
    paved_film(&office.dir.path().join("north.avi"), [7680, 4320], 8);
    for (id, size, _) in refused {
        let file = office.dir.path().join(format!("{id}.avi"));
        match size {
            [0, 0] => std::fs::write(file, []).expect("written"),
            size => paved_film(&file, size, 8),
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
