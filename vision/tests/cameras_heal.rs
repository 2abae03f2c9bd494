//! The reading thread: pace, the newest picture only, loss, healing, hanging.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use opencv::core::{self, Mat, Scalar, Size};
use opencv::prelude::{MatTraitConst as _, VideoWriterTrait as _};
use opencv::videoio::VideoWriter;
use vision::camera::capture::{self, Beat, Pace, Post, Retry};
use vision::camera::mailbox::{Mailbox, Taken};
use vision::camera::opencv_source::{Address, OpenCvSource};
use vision::camera::{CameraError, FrameSource};

const LIMIT: Duration = Duration::from_secs(30);

fn at_once() -> Retry {
    Retry::new(Duration::ZERO, Duration::ZERO)
}

/// A live camera that gives so many pictures, then ends.
struct Fleeting(u32);

impl FrameSource for Fleeting {
    fn advance(&mut self) -> Result<Duration, CameraError> {
        self.0 = self.0.checked_sub(1).ok_or(CameraError::Ended)?;
        Ok(Duration::ZERO)
    }

    fn picture(&mut self) -> Result<Mat, CameraError> {
        Ok(Mat::default())
    }

    fn is_live(&self) -> bool {
        true
    }
}

/// A live camera whose read never comes back while its sender lives.
struct Hanging(mpsc::Receiver<()>);

impl FrameSource for Hanging {
    fn advance(&mut self) -> Result<Duration, CameraError> {
        let _ = self.0.recv();
        Err(CameraError::Ended)
    }

    fn picture(&mut self) -> Result<Mat, CameraError> {
        Err(CameraError::Ended)
    }

    fn is_live(&self) -> bool {
        true
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn a_camera_that_fails_is_told_and_opened_again_and_again() {
    let opened = Arc::new(AtomicU32::new(0));
    let posts = Mailbox::default();
    let open = {
        let opened = Arc::clone(&opened);
        move || match opened.fetch_add(1, Ordering::Relaxed) {
            0 | 2 => Err(CameraError::CantOpen),
            _ => Ok(Fleeting(1)),
        }
    };
    let _pulse = capture::start(open, Pace::per_second(5.0), at_once(), posts.clone()).expect("started");
    let mut losses = 0;
    wait_until(|| opened.load(Ordering::Relaxed) >= 5);
    while losses == 0 {
        match posts.take(LIMIT) {
            Taken::Message(Post::Lost(_)) => losses += 1,
            Taken::Message(Post::Frame(_)) => {}
            Taken::Nothing | Taken::Closed => panic!("the thread goes on"),
        }
    }
    posts.close();
}

#[test]
fn attempts_come_later_and_later() {
    let retry = Retry::default();
    let waits: Vec<_> = [1, 2, 3, 7, 1000]
        .map(|failures| retry.after(failures).as_millis())
        .into();
    assert_eq!(waits, [500, 1000, 2000, 30_000, 30_000]);
}

#[test]
fn a_hung_read_shows_in_the_pulse() {
    let (keep, hang) = mpsc::channel();
    let mut hang = Some(hang);
    let posts = Mailbox::default();
    let open = move || hang.take().map(Hanging).ok_or(CameraError::CantOpen);
    let pulse = capture::start(open, Pace::per_second(5.0), Retry::default(), posts.clone()).expect("started");
    wait_until(|| pulse.busy_for(Instant::now()).is_some());
    let later = Instant::now() + Duration::from_secs(21);
    wait_until(|| pulse.busy_for(later).is_some_and(|busy| busy > Duration::from_secs(20)));
    drop(keep);
    assert!(matches!(
        posts.take(LIMIT),
        Taken::Message(Post::Lost(CameraError::Ended))
    ));
    wait_until(|| pulse.busy_for(Instant::now()).is_none());
    posts.close();
}

#[test]
fn five_a_second_of_seven_are_five() {
    let mut beat = Beat::new(Pace::per_second(5.0));
    let taken = (0..70)
        .filter(|frame| beat.is_due(Duration::from_secs_f64(f64::from(*frame) / 7.0)))
        .count();
    assert_eq!(taken, 50);
}

#[test]
fn a_gap_is_not_caught_up() {
    let mut beat = Beat::new(Pace::per_second(5.0));
    assert!(beat.is_due(Duration::ZERO));
    assert!(beat.is_due(Duration::from_secs(60)));
    assert!(!beat.is_due(Duration::from_millis(60_100)));
    assert!(beat.is_due(Duration::from_millis(60_200)));
}

/// Six pictures of rising brightness that claim 10 a second.
fn film(path: &std::path::Path) {
    let code = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("code");
    let name = path.to_str().expect("a plain name");
    let mut writer = VideoWriter::new(name, code, 10.0, Size::new(64, 48), true).expect("opened");
    for grey in 0..6 {
        let picture = Mat::new_rows_cols_with_default(48, 64, core::CV_8UC3, Scalar::all(f64::from(grey) * 40.0));
        writer.write(&picture.expect("mat")).expect("written");
    }
    writer.release().expect("closed");
}

fn brightness(picture: &Mat) -> i32 {
    (core::mean_def(picture).expect("mean")[0] / 40.0).round() as i32
}

#[test]
fn a_film_goes_round_and_its_clock_goes_on() {
    let dir = tempfile::tempdir().expect("temp");
    let path = dir.path().join("film.avi");
    film(&path);
    let address = Address::new(&path.to_string_lossy());
    for (speed, beat_ms) in [(None, 100), (Some(5.0), 200)] {
        let mut source = OpenCvSource::open(&address, speed).expect("opened");
        assert!(!source.is_live());
        for frame in 0..20 {
            let at = source.advance().expect("it goes round");
            assert_eq!(at, Duration::from_millis(frame * beat_ms));
            let picture = source.picture().expect("a picture");
            assert_eq!((picture.cols(), picture.rows()), (64, 48));
            assert_eq!(brightness(&picture), (frame % 6) as i32, "frame {frame}");
        }
    }
}
