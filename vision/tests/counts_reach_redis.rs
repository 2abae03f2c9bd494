//! The program as it runs: a film before it, a real Redis behind it.

mod office;

use std::process::Command;
use std::time::Instant;

use protocol::congestion::{AreaState, CameraStatus, Level};
use store::private::{PrivateRedis, Purpose};

use office::{LIMIT, Office, TEXT, look_again, paved_film};

#[tokio::test]
async fn a_film_becomes_the_areas_state_and_stays_fresh() {
    let mut office = Office::new("film.avi").await;
    paved_film(&office.dir.path().join("film.avi"), [160, 120], 30);
    office.start_vision();
    let first = office.wait_for("a count", |state| state.count == Some(0)).await;
    assert_eq!(first.level, Level::Free);
    let fresher = |state: &AreaState| state.count == Some(0) && state.observed_at > first.observed_at;
    office.wait_for("the same again, fresher", fresher).await;
    assert_eq!(office.end().await, Some(0), "log: {}", office.log());
    office
        .wait_for("nobody looks any more", |state| state.level == Level::Unknown)
        .await;
}

#[tokio::test]
async fn counting_outlives_redis() {
    let mut office = Office::new("film.avi").await;
    paved_film(&office.dir.path().join("film.avi"), [160, 120], 30);
    office.start_vision();
    let before = office.wait_for("a count", |state| state.count == Some(0)).await;
    office.redis.kill().expect("ended");
    let end = Instant::now() + LIMIT;
    while !office.log().contains("counts can't be published") {
        assert!(
            Instant::now() < end,
            "vision notices that Redis is gone: {}",
            office.log()
        );
        look_again().await;
    }
    office.redis = PrivateRedis::start(Purpose::Live, office.dir.path()).expect("redis-server");
    let newer = |state: &AreaState| state.count == Some(0) && state.observed_at > before.observed_at;
    office.wait_for("a new count after Redis is back", newer).await;
    let complaints = office.log().matches("counts can't be published").count();
    assert_eq!(complaints, 1, "one outage is said once: {}", office.log());
}

#[tokio::test]
async fn a_camera_that_is_not_there_makes_the_area_unknown_until_it_comes() {
    let mut office = Office::new("film.avi").await;
    office.start_vision();
    let said = |state: &AreaState| state.version > 0 && state.level == Level::Unknown;
    office.wait_for("unknown is said", said).await;
    let end = Instant::now() + LIMIT;
    while !office.log().contains("there is no file") {
        assert!(Instant::now() < end, "{}", office.log());
        look_again().await;
    }
    paved_film(&office.dir.path().join("film.avi"), [160, 120], 30);
    office.wait_for("the camera came", |state| state.count == Some(0)).await;
}

#[tokio::test]
async fn a_camera_that_hangs_is_given_up_and_the_others_go_on() {
    let second = TEXT[TEXT.find("[[camera]]").expect("a camera")..].replace("north", "south");
    let text = format!("{TEXT}{}", second.replace("SOURCE", "file://PIPE\"\nwatchdog = \"1s"));
    let dir = tempfile::tempdir().expect("temp");
    // Opening a pipe that nobody writes to never comes back.
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let text = text
        .replace("PIPE", &pipe.to_string_lossy())
        .replace("SOURCE", "film.avi");
    let mut office = Office::with(&text).await;
    paved_film(&office.dir.path().join("film.avi"), [160, 120], 30);
    office.start_vision();
    let first = office
        .wait_for_report("the other counts", |report| report.is_alive)
        .await;
    let end = Instant::now() + LIMIT;
    while !office.log().contains("it gave no picture for 1s") {
        assert!(Instant::now() < end, "{}", office.log());
        look_again().await;
    }
    let more = |report: &protocol::congestion::CameraReport| report.frames_counted > first.frames_counted + 10;
    let report = office.wait_for_report("and goes on", more).await;
    assert_eq!((report.status, report.losses), (CameraStatus::Seeing, 0));
    assert_eq!(office.end().await, Some(0), "log: {}", office.log());
}

#[tokio::test]
async fn a_camera_that_is_set_up_wrongly_is_named_and_the_others_go_on() {
    let second = TEXT[TEXT.find("[[camera]]").expect("a camera")..].replace("north", "south");
    let crossing = "polygon = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]\n";
    let nobody = "user = \"office\"\n";
    let third = second.replace("south", "west").replace("SOURCE", "rtsp://192.0.2.7/1");
    let text = format!("{TEXT}{second}{crossing}{third}{nobody}").replace("SOURCE", "film.avi");
    let mut office = Office::with(&text).await;
    paved_film(&office.dir.path().join("film.avi"), [160, 120], 30);
    office.start_vision();
    office
        .wait_for_report("the other counts", |report| report.is_alive)
        .await;
    let log = office.log();
    assert!(
        log.contains("south") && log.contains("polygon: sides 1 and 3 cross"),
        "{log}"
    );
    assert!(log.contains("west") && log.contains("camera-west.password"), "{log}");
}
