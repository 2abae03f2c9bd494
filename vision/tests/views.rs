//! What a camera sees is judged before people are looked for: drawn scenes, and Debian's street scene made dark, covered,
//! shifted, flashed.

use std::path::Path;
use std::time::Duration;

use opencv::core::{self, Mat, Point, Rect, Scalar, Size};
use opencv::prelude::{MatTraitConst as _, VideoCaptureTrait as _};
use opencv::videoio::{self, VideoCapture};
use opencv::{imgproc, prelude::MatTraitManual as _};
use protocol::time::UnixMillis;
use vision::camera::Frame;
use vision::simulate::Random;
use vision::view::{View, Viewer};

const BEAT: Duration = Duration::from_millis(200);

/// A picture taken at `at`.
fn frame(picture: Mat, at: Duration) -> Frame {
    let taken = UnixMillis(at.as_millis() as u64);
    Frame { picture, at, taken }
}

/// A camera whose pictures are spoilt before they are judged.
struct Camera {
    viewer: Viewer,
    at: Duration,
    /// From a picture to the next.
    beat: Duration,
}

impl Camera {
    fn new() -> Self {
        Self::every(BEAT)
    }

    fn every(beat: Duration) -> Self {
        Self {
            viewer: Viewer::default(),
            at: Duration::ZERO,
            beat,
        }
    }

    fn judge(&mut self, picture: Mat) -> View {
        self.at += self.beat;
        self.viewer.judge(&frame(picture, self.at)).expect("a picture")
    }

    /// Shows so many pictures, gives all the verdicts.
    fn show(&mut self, pictures: usize, mut next: impl FnMut() -> Mat) -> Vec<View> {
        (0..pictures).map(|_| self.judge(next())).collect()
    }
}

/// A drawn room: furniture by chance, the same for the same seed, and noise in each picture.
struct Room {
    room: Mat,
    noise: Random,
}

impl Room {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut room = Mat::new_rows_cols_with_default(240, 320, core::CV_8UC3, Scalar::all(120.0)).expect("mat");
        for _ in 0..25 {
            let mut side = |limit: usize| i32::try_from(random.below(limit)).expect("small");
            let (x, y, width, height) = (side(280), side(200), 10 + side(90), 10 + side(60));
            let place = Rect::new(x, y, width.min(320 - x), height.min(240 - y));
            let grey = f64::from(60 + side(150));
            imgproc::rectangle(&mut room, place, Scalar::all(grey), imgproc::FILLED, imgproc::LINE_8, 0)
                .expect("drawn");
        }
        Self {
            room,
            noise: Random::new(seed + 1),
        }
    }

    fn picture(&mut self, light: f64) -> Mat {
        let mut picture = Mat::default();
        self.room.convert_to(&mut picture, -1, light, 0.0).expect("lit");
        for value in picture.data_bytes_mut().expect("bytes") {
            let noise = self.noise.below(9) as i16 - 4;
            *value = (i16::from(*value) + noise).clamp(0, 255) as u8;
        }
        picture
    }
}

fn film() -> Option<VideoCapture> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/films/vtest.avi");
    let debian = Path::new("/usr/share/doc/opencv-doc/examples/data/vtest.avi");
    let Some(film) = [fetched.as_path(), debian].into_iter().find(|film| film.exists()) else {
        println!("SKIPPED: there is no vtest.avi");
        return None;
    };
    let capture = VideoCapture::from_file(film, videoio::CAP_FFMPEG).expect("opened");
    Some(capture)
}

fn next(film: &mut VideoCapture) -> Mat {
    let mut picture = Mat::default();
    assert!(film.read(&mut picture).expect("read"), "the film is long enough");
    picture
}

/// Moved to the right and down by shares of the picture; what comes in is the edge, drawn out.
fn moved(picture: &Mat, x: f64, y: f64) -> Mat {
    let size = picture.size().expect("size");
    let (dx, dy) = (f64::from(size.width) * x, f64::from(size.height) * y);
    let way = Mat::from_slice_2d(&[[1.0, 0.0, dx], [0.0, 1.0, dy]]).expect("matrix");
    let mut moved = Mat::default();
    imgproc::warp_affine(
        picture,
        &mut moved,
        &way,
        size,
        imgproc::INTER_LINEAR,
        core::BORDER_REFLECT,
        Scalar::default(),
    )
    .expect("moved");
    moved
}

fn lit(picture: &Mat, light: f64) -> Mat {
    let mut changed = Mat::default();
    picture.convert_to(&mut changed, -1, light, 0.0).expect("lit");
    changed
}

/// A hand or a bag before the lens: a blur of what is behind it, and mostly its own colour.
fn covered(picture: &Mat) -> Mat {
    let mut blurred = Mat::default();
    imgproc::blur(
        picture,
        &mut blurred,
        Size::new(201, 201),
        Point::new(-1, -1),
        core::BORDER_REFLECT,
    )
    .expect("blurred");
    let hand = Mat::new_size_with_default(picture.size().expect("size"), picture.typ(), Scalar::all(90.0));
    let mut seen = Mat::default();
    core::add_weighted(&hand.expect("mat"), 0.8, &blurred, 0.2, 0.0, &mut seen, -1).expect("mixed");
    seen
}

fn all(views: &[View], expected: View) -> bool {
    !views.is_empty() && views.iter().all(|view| *view == expected)
}

#[test]
fn a_quiet_room_is_clear_in_any_light_that_people_can_be_seen_in() {
    for seed in 0..6 {
        let (mut camera, mut room) = (Camera::new(), Room::new(seed));
        let views = camera.show(100, || room.picture(1.0));
        assert!(all(&views, View::Clear), "room {seed}: {views:?}");
        for light in [0.7, 0.5, 1.4, 0.9] {
            let views = camera.show(40, || room.picture(light));
            assert!(all(&views[10..], View::Clear), "room {seed}, light {light}: {views:?}");
        }
    }
}

#[test]
fn night_is_dark_until_it_is_light_again() {
    let (mut camera, mut room) = (Camera::new(), Room::new(3));
    camera.show(60, || room.picture(1.0));
    assert!(all(&camera.show(50, || room.picture(0.08)), View::Dark));
    let morning = camera.show(50, || room.picture(1.0));
    assert!(all(&morning[6..], View::Clear), "{morning:?}");
}

#[test]
fn a_flash_is_left_and_a_lamp_is_the_new_light_after_a_second() {
    let (mut camera, mut room) = (Camera::new(), Room::new(4));
    camera.show(60, || room.picture(0.6));
    assert_eq!(camera.judge(room.picture(1.5)), View::Jump);
    assert_eq!(camera.judge(room.picture(0.6)), View::Clear, "a flash leaves nothing");
    let lamp = camera.show(30, || room.picture(1.2));
    let jumps = lamp.iter().take_while(|view| **view == View::Jump).count();
    assert_eq!(jumps, 5, "a second of five pictures");
    assert!(all(&lamp[jumps..], View::Clear), "{lamp:?}");
}

#[test]
fn a_camera_that_looks_at_a_wall_or_under_a_bag_is_covered() {
    let (mut camera, mut room) = (Camera::new(), Room::new(5));
    camera.show(60, || room.picture(1.0));
    let views = camera.show(30, || covered(&room.picture(1.0)));
    assert!(all(&views, View::Covered), "{views:?}");
    let free = camera.show(30, || room.picture(1.0));
    assert!(all(&free[6..], View::Clear), "{free:?}");
    let blank = Mat::new_rows_cols_with_default(240, 320, core::CV_8UC3, Scalar::all(180.0)).expect("mat");
    assert_eq!(Camera::new().judge(blank), View::Covered, "also from the start");
}

#[test]
fn a_turned_camera_is_noticed_within_seconds_and_never_learned() {
    for seed in 0..6 {
        let (mut camera, mut room) = (Camera::new(), Room::new(seed));
        camera.show(100, || room.picture(1.0));
        let mut elsewhere = Room::new(seed + 1000);
        let views = camera.show(200, || elsewhere.picture(1.0));
        assert!(all(&views[30..], View::Turned), "room {seed}: {:?}", &views[..40]);
        let back = camera.show(30, || room.picture(1.0));
        assert!(all(&back[6..], View::Clear), "room {seed}: {back:?}");
    }
}

#[test]
fn a_turned_camera_that_is_looked_at_seldom_is_noticed_too() {
    for (beat, within) in [(1_000, 6), (3_000, 4), (10_000, 3)] {
        let (mut camera, mut room) = (Camera::every(Duration::from_millis(beat)), Room::new(3));
        let views = camera.show(30, || room.picture(1.0));
        assert!(all(&views, View::Clear), "every {beat} ms: {views:?}");
        let mut elsewhere = Room::new(1003);
        let views = camera.show(60, || elsewhere.picture(1.0));
        assert!(all(&views[within..], View::Turned), "every {beat} ms: {views:?}");
        let back = camera.show(10, || room.picture(1.0));
        assert!(all(&back[2..], View::Clear), "every {beat} ms: {back:?}");
    }
}

#[test]
fn a_camera_that_was_turned_to_a_bare_ceiling_with_lamps_sees_nobody() {
    for seed in 0..6 {
        let (mut camera, mut room) = (Camera::new(), Room::new(seed));
        camera.show(100, || room.picture(1.0));
        let mut ceiling = Room::new(seed);
        ceiling.room = Mat::new_rows_cols_with_default(240, 320, core::CV_8UC3, Scalar::all(150.0)).expect("mat");
        for lamp in [
            Rect::new(30, 40, 110, 24),
            Rect::new(180, 40, 110, 24),
            Rect::new(105, 150, 110, 24),
        ] {
            imgproc::rectangle(
                &mut ceiling.room,
                lamp,
                Scalar::all(250.0),
                imgproc::FILLED,
                imgproc::LINE_8,
                0,
            )
            .expect("drawn");
        }
        let views = camera.show(60, || ceiling.picture(1.0));
        let is_told = views[30..]
            .iter()
            .all(|view| matches!(view, View::Turned | View::Covered));
        assert!(is_told, "room {seed}: {views:?}");
    }
}

#[test]
fn furniture_that_is_moved_is_no_turn() {
    let (mut camera, mut room) = (Camera::new(), Room::new(7));
    camera.show(100, || room.picture(1.0));
    let bench = Rect::new(40, 120, 100, 60);
    imgproc::rectangle(
        &mut room.room,
        bench,
        Scalar::all(40.0),
        imgproc::FILLED,
        imgproc::LINE_8,
        0,
    )
    .expect("drawn");
    let views = camera.show(100, || room.picture(1.0));
    assert!(all(&views, View::Clear), "{views:?}");
}

/// Somebody in front of the camera: a textured ellipse from the lower edge, so wide and so high (shares of the picture).
fn somebody(picture: &mut Mat, middle: f64, width: f64, height: f64, clothes: &mut Random) {
    let size = picture.size().expect("size");
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let round = |value: f64| value.round() as i32;
    let middle = Point::new(round(w * middle), round(h * (1.0 - height / 2.0)));
    for ring in 0..6 {
        let share = 1.0 - f64::from(ring) / 7.0;
        let axes = Size::new(round(w * width / 2.0 * share), round(h * height / 2.0 * share));
        let grey = Scalar::all(30.0 + clothes.below(190) as f64);
        imgproc::ellipse(
            picture,
            middle,
            axes,
            0.0,
            0.0,
            360.0,
            grey,
            imgproc::FILLED,
            imgproc::LINE_8,
            0,
        )
        .expect("drawn");
    }
}

#[test]
fn whoever_stands_close_to_the_camera_does_not_turn_it() {
    for seed in 0..6 {
        for (width, height) in [(0.3, 0.8), (0.5, 1.0), (0.7, 1.0)] {
            let (mut camera, mut room) = (Camera::new(), Room::new(seed));
            camera.show(60, || room.picture(1.0));
            let views = camera.show(150, || {
                let mut picture = room.picture(1.0);
                somebody(&mut picture, 0.45, width, height, &mut Random::new(seed + 7));
                picture
            });
            assert!(all(&views, View::Clear), "room {seed}, {width}x{height}: {views:?}");
            let left = camera.show(30, || room.picture(1.0));
            assert!(all(&left, View::Clear), "room {seed}, {width}x{height}, left: {left:?}");
        }
    }
}

#[test]
fn a_hall_that_fills_up_is_not_turned_and_one_that_is_turned_when_full_is() {
    let Some(mut film) = film() else { return };
    let mut camera = Camera::new();
    camera.show(60, || next(&mut film));
    let mut places = Random::new(3);
    let mut people = Vec::new();
    let crowded = |picture: &Mat, people: &[(f64, u64)]| {
        let mut picture = picture.clone();
        for (middle, clothes) in people {
            somebody(&mut picture, *middle, 0.14, 0.6, &mut Random::new(*clothes));
        }
        picture
    };
    for person in 0..14 {
        people.push((0.05 + 0.9 * places.below(1000) as f64 / 1000.0, person));
        let views = camera.show(25, || crowded(&next(&mut film), &people));
        assert!(all(&views, View::Clear), "{} people: {views:?}", people.len());
    }
    let views = camera.show(60, || moved(&crowded(&next(&mut film), &people), 0.25, 0.0));
    assert!(all(&views[25..], View::Turned), "{views:?}");
}

#[test]
fn a_street_scene_is_clear_from_its_first_picture_to_its_last() {
    let Some(mut film) = film() else { return };
    let mut camera = Camera::new();
    let views = camera.show(790, || next(&mut film));
    assert!(
        all(&views, View::Clear),
        "{:?}",
        views.iter().position(|view| *view != View::Clear)
    );
}

#[test]
fn a_street_scene_made_dark_covered_or_shifted_is_recognised() {
    type Spoil = fn(&Mat) -> Mat;
    let spoilt: [(&str, Spoil, View); 6] = [
        ("dark", |picture| lit(picture, 0.08), View::Dark),
        ("covered", covered, View::Covered),
        ("turned aside", |picture| moved(picture, 0.25, 0.0), View::Turned),
        ("turned down", |picture| moved(picture, 0.0, -0.25), View::Turned),
        ("slipped", |picture| moved(picture, 0.12, 0.12), View::Turned),
        ("dusk", |picture| lit(picture, 0.4), View::Clear),
    ];
    for (name, spoil, expected) in spoilt {
        let Some(mut film) = film() else { return };
        let mut camera = Camera::new();
        camera.show(100, || next(&mut film));
        let views = camera.show(100, || spoil(&next(&mut film)));
        assert!(all(&views[30..], expected), "{name}: {:?}", &views[20..50]);
        let after = camera.show(60, || next(&mut film));
        assert!(all(&after[10..], View::Clear), "after {name}: {after:?}");
    }
}

#[test]
fn people_who_sat_in_a_bare_hall_from_the_start_and_leave_do_not_turn_it() {
    for people in 1..=6 {
        for beat in [200, 1000] {
            let mut camera = Camera::every(Duration::from_millis(beat));
            let mut painter = test_camera::Painter::default();
            let mut picture = |people| {
                let size = [640, 360];
                let view = test_camera::View {
                    size,
                    people,
                    ..test_camera::View::default()
                };
                let bytes = painter.draw(&view, 1.0);
                let mat = Mat::from_slice(&bytes).expect("bytes");
                mat.reshape(3, 360).expect("rows").try_clone().expect("a picture")
            };
            camera.show(100, || picture(people));
            let views = camera.show(60, || picture(0));
            assert!(all(&views, View::Clear), "{people} people, every {beat} ms: {views:?}");
        }
    }
}

#[test]
fn a_turned_camera_stays_so_while_the_new_view_says_nothing() {
    let mut camera = Camera::new();
    let mut painter = test_camera::Painter::default();
    let mut picture = |people| {
        let size = [640, 360];
        let view = test_camera::View {
            size,
            people,
            ..test_camera::View::default()
        };
        let bytes = painter.draw(&view, 1.0);
        let mat = Mat::from_slice(&bytes).expect("bytes");
        mat.reshape(3, 360).expect("rows").try_clone().expect("a picture")
    };
    camera.show(100, || picture(6));
    let mut elsewhere = Room::new(3);
    let views = camera.show(60, || elsewhere.picture(1.0));
    assert!(all(&views[30..], View::Turned), "{views:?}");
    let views = camera.show(30, || picture(0));
    assert!(all(&views, View::Turned), "{views:?}");
    let back = camera.show(30, || picture(6));
    assert!(all(&back[6..], View::Clear), "{back:?}");
}

/// Paved ground with people who walk, as wide as small offices' cameras give it, at any pace.
#[test]
fn paved_ground_with_people_on_it_is_clear_at_any_size_and_pace() {
    let mut faults = Vec::new();
    for size in [[320, 240], [640, 360], [640, 480]] {
        for pace_ms in [70, 140, 500, 1000, 3000, 10_000] {
            for people in [0, 1, 3] {
                let view = test_camera::View {
                    size,
                    people,
                    ..test_camera::View::default()
                };
                let (mut painter, mut viewer) = (test_camera::Painter::default(), Viewer::default());
                let mut others = 0;
                for picture in 0..40_u64 {
                    let at = Duration::from_millis(picture * pace_ms);
                    let bytes = painter.draw(&view, at.as_secs_f64());
                    let rows = i32::try_from(size[1]).expect("small");
                    let mat = Mat::from_slice(&bytes).expect("bytes");
                    let mat = mat.reshape(3, rows).expect("rows").try_clone().expect("a picture");
                    others += usize::from(viewer.judge(&frame(mat, at)).expect("a picture") != View::Clear);
                }
                if others > 0 {
                    faults.push(format!("{size:?}, every {pace_ms} ms, {people} people: {others} of 40"));
                }
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
