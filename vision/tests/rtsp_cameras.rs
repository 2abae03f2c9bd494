//! The program before a real RTSP camera that has every trouble, a real Redis behind it: each trouble is survived, the
//! area is unknown while it lasts, and counted again after.

mod office;

use std::time::Instant;

use office::{LIMIT, Office, TEXT, look_again};
use protocol::congestion::{AreaState, CameraReport, CameraStatus, Level};
use test_camera::{Camera, Mood};

/// An office whose camera this is, which is given up after three seconds.
async fn office_with(camera: &Camera, more: &str) -> Office {
    let heights = "person_heights = [[0.3, 0.3], [0.9, 0.4]]";
    assert!(TEXT.contains(heights));
    let text = TEXT
        .replace(heights, "person_heights = [[0.4, 0.2], [0.9, 0.4]]")
        .replace("SOURCE", &camera.url());
    let mut office = Office::with(&format!("{text}watchdog = \"3s\"\n{more}")).await;
    if more.contains("user") {
        let secrets = office.config.paths.secrets.clone();
        std::fs::create_dir(&secrets).expect("made");
        let allowed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&secrets, allowed).expect("set");
        std::fs::write(secrets.join("camera-north.password"), format!("{PASSWORD}\n")).expect("written");
    }
    office.allow_camera(camera.address());
    office.start_vision();
    office
}

const PASSWORD: &str = "p@ss/word:窓口";

fn counts(people: u32) -> impl Fn(&AreaState) -> bool {
    move |state| state.count == Some(people)
}

fn is_unknown(state: &AreaState) -> bool {
    state.version > 0 && state.count.is_none() && state.level == Level::Unknown
}

fn is(status: CameraStatus) -> impl Fn(&CameraReport) -> bool {
    move |report| report.status == status
}

#[tokio::test]
async fn a_dropped_connection_is_made_again() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    let before = camera.connections();
    camera.drop_connections();
    office.wait_for("unknown", is_unknown).await;
    office.wait_for("counted again", counts(1)).await;
    assert!(camera.connections() > before);
}

#[tokio::test]
async fn a_frozen_camera_is_unknown_until_its_picture_moves() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    camera.look_at(|view| view.is_frozen = true);
    office.wait_for_report("frozen", is(CameraStatus::Frozen)).await;
    office.wait_for("unknown", is_unknown).await;
    // It connects anew and sends the same picture as before: that is no count.
    let losses = office.report().await.map_or(0, |report| report.losses);
    let again = |report: &CameraReport| report.losses > losses;
    let report = office.wait_for_report("given up again", again).await;
    assert!(!report.is_alive && office.state().await.is_some_and(|state| state.count.is_none()));
    camera.look_at(|view| view.is_frozen = false);
    office.wait_for("counted again", counts(1)).await;
}

/// OpenCV 4.6 then gives the last picture of the old size for ever: it is as good as frozen, and opened anew.
#[tokio::test]
async fn another_size_in_mid_stream_is_counted_after_a_moment() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    camera.look_at(|view| {
        view.size = [640, 480];
        view.people = 2;
    });
    office.wait_for("two people, in the new size", counts(2)).await;
    assert!(office.log().contains("width=640 height=480"), "{}", office.log());
}

#[tokio::test]
async fn a_camera_that_falls_silent_and_comes_back_while_it_is_connected_to_counts_again() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    camera.be(Mood::Mute);
    office.wait_for("unknown", is_unknown).await;
    // It is given up, and connected to again and again, each time without an answer.
    let before = camera.connections();
    let end = Instant::now() + LIMIT;
    while camera.connections() < before + 2 {
        assert!(Instant::now() < end, "log: {}", office.log());
        look_again().await;
    }
    assert!(office.state().await.is_some_and(|state| state.count.is_none()));
    camera.be(Mood::Well);
    office.wait_for("counted again", counts(1)).await;
}

#[tokio::test]
async fn a_camera_that_is_away_is_tried_until_it_is_back() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    camera.be(Mood::Away);
    office.wait_for_report("lost", is(CameraStatus::Lost)).await;
    office.wait_for("unknown", is_unknown).await;
    let losses = office.report().await.map_or(0, |report| report.losses);
    office
        .wait_for_report("tried again", |report| report.losses > losses)
        .await;
    camera.be(Mood::Well);
    office.wait_for("counted again", counts(1)).await;
}

#[tokio::test]
async fn garbage_is_survived() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    camera.be(Mood::Garbage);
    office.wait_for("unknown", is_unknown).await;
    camera.be(Mood::Well);
    office.wait_for("counted again", counts(1)).await;
}

#[tokio::test]
async fn a_password_is_given_to_the_camera_and_to_nobody_else() {
    let camera = Camera::start(Some(("office", PASSWORD))).expect("a camera");
    let mut office = office_with(&camera, "user = \"office\"\n").await;
    office.wait_for("one person", counts(1)).await;
    let shown = std::process::Command::new("ps")
        .args(["-eo", "args"])
        .output()
        .expect("ps");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("vision capture north"), "{shown}");
    let secrets = [PASSWORD, "p%40ss", "p@ss"];
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    assert_eq!(office.end().await, Some(0));
    assert!(
        secrets.iter().all(|secret| !office.log().contains(secret)),
        "{}",
        office.log()
    );
}

#[tokio::test]
async fn a_wrong_password_is_said_and_the_right_one_not_shown() {
    let camera = Camera::start(Some(("office", "another"))).expect("a camera");
    let office = office_with(&camera, "user = \"office\"\n").await;
    office.wait_for_report("lost", is(CameraStatus::Lost)).await;
    let end = Instant::now() + LIMIT;
    while !office.log().contains("401 Unauthorized") {
        assert!(Instant::now() < end, "log: {}", office.log());
        look_again().await;
    }
    assert!(
        !office.log().contains("p@ss") && !office.log().contains("p%40ss"),
        "{}",
        office.log()
    );
}

#[tokio::test]
async fn a_camera_in_the_dark_or_covered_is_unknown_and_says_so() {
    let camera = Camera::start(None).expect("a camera");
    let office = office_with(&camera, "").await;
    office.wait_for("one person", counts(1)).await;
    camera.look_at(|view| view.light = 0.08);
    office.wait_for_report("dark", is(CameraStatus::Dark)).await;
    office.wait_for("unknown", is_unknown).await;
    camera.look_at(|view| view.light = 1.0);
    office.wait_for("counted again", counts(1)).await;
    camera.look_at(|view| view.is_covered = true);
    office.wait_for_report("covered", is(CameraStatus::Covered)).await;
    office.wait_for("unknown", is_unknown).await;
    camera.look_at(|view| view.is_covered = false);
    office.wait_for("counted again", counts(1)).await;
}

#[tokio::test]
async fn who_crosses_an_entrances_line_is_counted_live() {
    let camera = Camera::start(None).expect("a camera");
    let more = "role = \"entrance\"\nline = [[0.5, 1.0], [0.5, 0.3]]\n";
    let office = office_with(&camera, more).await;
    // One person walks to and fro.
    let both = |report: &CameraReport| {
        report
            .crossed
            .is_some_and(|[came_in, went_out]| came_in >= 1 && went_out >= 1)
    };
    let report = office.wait_for_report("somebody in, somebody out", both).await;
    let [came_in, went_out] = report.crossed.expect("a line");
    assert!(
        came_in.abs_diff(went_out) <= 1,
        "nobody goes twice the same way: {report:?}"
    );
    assert!(
        is_unknown(&office.state().await.expect("a state")),
        "who was inside before nobody knows"
    );
}
