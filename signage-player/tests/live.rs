//! Live pictures among others, from a camera that has every trouble a camera can have: what it gives is shown while it
//! comes, and whatever happens to it counts as its end.
#![allow(clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::office::LIMIT;
use common::{WALL, data, scene};
use protocol::time::UnixMillis;
use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::scene::Scene;
use signage_player::scene::data::{Data, Moment};
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::stage::output::PERIOD;
use test_camera::{Camera, Mood, PATH};

const SIZE: (u32, u32) = (320, 240);
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];

/// A picture of a second, and the camera for two.
struct Screen {
    scene: Scene,
    data: Data,
    canvas: Canvas,
    begun: Instant,
    /// By how much the time of day is ahead.
    ahead: Duration,
    _dir: tempfile::TempDir,
}

impl Screen {
    fn new(url: &str) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let (width, height) = SIZE;
        let pixels = [GREEN[2], GREEN[1], GREEN[0], 0xff].repeat((width * height) as usize);
        let file = dir.path().join("green.png");
        let picture = Snapshot { width, height, pixels };
        std::fs::write(&file, png(picture).expect("a PNG")).expect("written");
        let mut data = data();
        data.library.insert("green.png".to_owned(), file);
        let layout = format!(
            r##"{{"version":2,"name":"t","width":{width},"height":{height},"pages":[{{"name":"home","background":"#ffffff","zones":[
            {{"name":"main","rect":{{"x":0,"y":0,"width":{width},"height":{height}}},"widget":{{"type":"playlist","items":[
            {{"type":"picture","content":"green.png","duration_ms":1000}},
            {{"type":"live","name":"camera","url":"{url}","duration_ms":2000}}]}}}}]}}]}}"##
        );
        Self {
            scene: scene(&layout),
            data,
            canvas: Canvas::new(width, height, [255, 0, 255]),
            begun: Instant::now(),
            ahead: Duration::ZERO,
            _dir: dir,
        }
    }

    /// Draws in real time until `done`; it is told whether the green picture is on show.
    fn play(&mut self, what: &str, mut done: impl FnMut(&Scene, &Canvas, bool) -> bool) {
        let end = Instant::now() + LIMIT;
        loop {
            let at = self.begun.elapsed();
            let now = Moment {
                at,
                lead: Duration::ZERO,
                wall: UnixMillis(WALL.0).plus(at + self.ahead),
            };
            self.scene
                .draw(&mut self.canvas, &now, &self.data, &mut Region::default());
            let middle = self.canvas.color_at(SIZE.0 / 2, SIZE.1 / 2).expect("inside");
            if done(&self.scene, &self.canvas, middle == GREEN) {
                return;
            }
            assert!(
                Instant::now() < end,
                "waited {LIMIT:?} for {what}: {:?}",
                self.scene.faults()
            );
            std::thread::park_timeout(PERIOD);
        }
    }

    /// Waits until the camera's picture is on show, and moves.
    fn moves(&mut self) {
        let mut seen = std::collections::BTreeSet::new();
        self.play("the camera's picture", |_, canvas, is_green| {
            if !is_green && canvas.color_at(0, 0) != Some([255, 255, 255]) {
                seen.insert(hash(canvas.bytes()));
            }
            seen.len() > 10
        });
    }
}

fn hash(bytes: &[u8]) -> String {
    common::office::hash(bytes)
}

fn with_user(camera: &Camera, user: &str) -> String {
    format!("rtsp://{user}@{}{PATH}", camera.address())
}

#[test]
fn a_live_picture_is_shown_in_its_turn_and_whatever_ends_it_is_an_end() {
    let camera = Camera::start(Some(("viewer", "s3cret"))).expect("a camera");
    let mut screen = Screen::new(&with_user(&camera, "viewer:s3cret"));
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
    let mut screen = Screen::new(&with_user(&camera, "viewer:wr0ng"));
    screen.play("the fault", |scene, _, _| !scene.faults().is_empty());
    let faults = screen.scene.faults();
    assert!(
        faults[0].starts_with("camera: ") && !faults[0].contains("wr0ng"),
        "{faults:?}"
    );
    screen.play("the other picture", |_, _, is_green| is_green);
}
