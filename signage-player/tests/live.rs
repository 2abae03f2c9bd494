//! Live pictures among others, from a camera that has every trouble a camera can have: what it gives is shown while it
//! comes, and whatever happens to it counts as its end.
#![allow(clippy::expect_used)]

mod common;

use std::time::Duration;

use common::live::Screen;
use signage_player::item::whep::Viewer;
use test_camera::{Camera, Mood, PATH};

fn with_user(camera: &Camera, user: &str) -> String {
    format!("rtsp://{user}@{}{PATH}", camera.address())
}

#[test]
fn a_live_picture_is_shown_in_its_turn_and_whatever_ends_it_is_an_end() {
    let camera = Camera::start(Some(("viewer", "s3cret"))).expect("a camera");
    let mut screen = Screen::new(&with_user(&camera, "viewer:s3cret"), Viewer::default());
    screen.moves();
    screen.play("the other picture in its turn", |_, _, is_green| is_green);
    screen.moves();
    assert_eq!(screen.scene.faults(), Vec::<String>::new());

    // It falls silent in the middle.
    camera.be(Mood::Mute);
    screen.play("the silence is noticed", |scene, _, _| !scene.faults().is_empty());
    screen.play("the other picture", |_, _, is_green| is_green);
    camera.be(Mood::Away);
    camera.drop_connections();
    screen.play("it is set aside", |scene, _, _| {
        scene.faults().iter().any(|fault| fault.contains("set aside"))
    });
    let mut greens = 0;
    screen.play("nothing but the other picture", |_, _, is_green| {
        assert!(is_green);
        greens += 1;
        greens > 60
    });
    let faults = screen.scene.faults();
    assert!(faults.iter().all(|fault| fault.starts_with("camera: ")), "{faults:?}");
    assert!(!format!("{faults:?}").contains("s3cret"), "{faults:?}");

    // A minute later it is looked for again.
    camera.be(Mood::Well);
    screen.ahead = Duration::from_secs(61);
    screen.moves();
    screen.play("all is well", |scene, _, _| scene.faults().is_empty());
}

#[test]
fn a_camera_that_does_not_let_us_in_is_named_and_played_around() {
    let camera = Camera::start(Some(("viewer", "s3cret"))).expect("a camera");
    let mut screen = Screen::new(&with_user(&camera, "viewer:wr0ng"), Viewer::default());
    screen.play("the fault", |scene, _, _| !scene.faults().is_empty());
    let faults = screen.scene.faults();
    assert!(
        faults[0].starts_with("camera: ") && !faults[0].contains("wr0ng"),
        "{faults:?}"
    );
    screen.play("the other picture", |_, _, is_green| is_green);
}
