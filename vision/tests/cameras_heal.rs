//! A camera's own process: pace, the newest picture only, loss, hanging, healing, ending.

use std::path::Path;
use std::time::{Duration, Instant};

use opencv::core::{self, Mat, Scalar, Size};
use opencv::prelude::{MatTraitConst as _, VideoWriterTrait as _};
use opencv::videoio::VideoWriter;
use vision::camera::FrameSource as _;
use vision::camera::address::Address;
use vision::camera::mailbox::{Mailbox, Taken};
use vision::camera::opencv_source::OpenCvSource;
use vision::camera::supervise::{self, Loss, Plan, Post, Retry};
use vision::camera::wire::Order;

use test_trace::{Allowed, Budget, Outlet, Trace};

const LIMIT: Duration = Duration::from_secs(30);

/// Looks at capture processes: their pictures go to this process, and words on what is wrong.
fn trace() -> Trace {
    Trace::new(Allowed {
        output: Outlet::Pictures,
        errors: Outlet::Text(Budget::once(2_000)),
        ..Allowed::default()
    })
}

/// How a source is read here: at once again, and given up after two seconds.
fn plan(source: &str, trace: &Trace) -> Plan {
    Plan {
        program: trace.of(env!("CARGO_BIN_EXE_vision")),
        camera: "hall".to_owned(),
        order: Order {
            source: source.to_owned(),
            screen_home: None,
            film_speed: None,
            every: Duration::from_millis(20),
            is_at_full_speed: false,
            parent: std::process::id().cast_signed(),
        },
        is_live: Address::new(source).expect("an address").is_live(),
        limit: Duration::from_secs(2),
        retry: Retry::new(Duration::from_millis(10), Duration::from_millis(10)),
    }
}

/// Takes posts until one is as wanted; all of them must come.
fn wait_for<T>(posts: &Mailbox<Post>, what: &str, mut is_it: impl FnMut(Post) -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < end, "{what}: waited in vain");
        match posts.take(LIMIT) {
            Taken::Message(post) => {
                if let Some(found) = is_it(post) {
                    return found;
                }
            }
            Taken::Nothing | Taken::Closed => panic!("{what}: nothing is said any more"),
        }
    }
}

fn picture(post: Post) -> Option<Mat> {
    match post {
        Post::Frame(frame) => Some(frame.picture),
        Post::Lost(_) => None,
    }
}

fn loss(post: Post) -> Option<Loss> {
    match post {
        Post::Lost(loss) => Some(loss),
        Post::Frame(_) => None,
    }
}

/// Six pictures of rising brightness that claim 10 a second.
fn film(path: &Path) {
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

/// A camera of which no other test here has a process.
const WATCHED: &str = "watched";

/// The capture processes of that camera that this process has, by their ids.
fn processes() -> Vec<i32> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |id: &i32| {
        let read = |name| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
        let stat = read("stat");
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        read("cmdline").contains(&format!("capture\0{WATCHED}")) && parent == Some(own.as_str())
    };
    ids.filter(is_ours).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_film_goes_round_and_its_clock_goes_on() {
    let dir = tempfile::tempdir().expect("temp");
    let path = dir.path().join("film.avi");
    film(&path);
    let address = Address::new(&path.to_string_lossy()).expect("a film");
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

#[test]
fn a_capture_process_is_ended_started_again_and_never_left_behind() {
    let trace = trace();
    let dir = tempfile::tempdir().expect("temp");
    // Opening a pipe that nobody writes to never comes back: a hang as real as OpenCV's.
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let posts = Mailbox::default();
    let watched = |source: &str| Plan {
        camera: WATCHED.to_owned(),
        ..plan(source, &trace)
    };
    let hanging = watched(&format!("file://{}", pipe.display()));
    supervise::start(hanging, posts.clone()).expect("started");
    wait_until("a process", || processes().len() == 1);
    let first = processes();
    assert_eq!(wait_for(&posts, "given up", loss), Loss::Hung);
    wait_until("another process instead", || {
        let now = processes();
        now.len() == 1 && now != first
    });
    let shown = std::fs::read_to_string(format!("/proc/{}/cmdline", processes()[0])).unwrap_or_default();
    assert!(
        !shown.contains("file://"),
        "no address in the list of processes: {shown}"
    );
    posts.close();
    wait_until("none is left", || processes().is_empty());

    // Killed from outside: told, and started again.
    let path = dir.path().join("film.avi");
    film(&path);
    let posts = Mailbox::default();
    supervise::start(watched(&path.to_string_lossy()), posts.clone()).expect("started");
    wait_for(&posts, "a picture", picture);
    let killed = std::process::Command::new("kill")
        .args(["-9", &processes()[0].to_string()])
        .status();
    assert!(killed.expect("kill").success());
    assert_eq!(wait_for(&posts, "told", loss), Loss::Gone);
    wait_for(&posts, "and back", picture);
    posts.close();
    wait_until("none is left", || processes().is_empty());
}

#[test]
fn a_camera_that_comes_late_is_found() {
    let trace = trace();
    let dir = tempfile::tempdir().expect("temp");
    let path = dir.path().join("film.avi");
    let posts = Mailbox::default();
    supervise::start(plan(&path.to_string_lossy(), &trace), posts.clone()).expect("started");
    assert_eq!(wait_for(&posts, "not there", loss), Loss::Gone);
    film(&path);
    wait_for(&posts, "there", picture);
    posts.close();
}

#[test]
fn at_full_speed_no_picture_is_left_out_however_slow_the_counting() {
    let trace = trace();
    let dir = tempfile::tempdir().expect("temp");
    let path = dir.path().join("film.avi");
    film(&path);
    let posts = Mailbox::default();
    let mut plan = plan(&path.to_string_lossy(), &trace);
    plan.order.is_at_full_speed = true;
    plan.order.every = Duration::ZERO;
    supervise::start(plan, posts.clone()).expect("started");
    for expected in (0..6).cycle().take(60) {
        let picture = wait_for(&posts, "the next picture", picture);
        assert_eq!(brightness(&picture), expected);
        if expected == 3 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    posts.close();
}

#[test]
fn a_slow_counter_gets_the_newest_picture() {
    let trace = trace();
    let dir = tempfile::tempdir().expect("temp");
    let path = dir.path().join("film.avi");
    film(&path);
    let posts = Mailbox::default();
    supervise::start(plan(&path.to_string_lossy(), &trace), posts.clone()).expect("started");
    let at = |post| match post {
        Post::Frame(frame) => Some(frame.at),
        Post::Lost(_) => None,
    };
    let first = wait_for(&posts, "a picture", at);
    // Ten pictures come meanwhile; what is taken then was not made long before.
    std::thread::sleep(Duration::from_secs(1));
    let next = wait_for(&posts, "the newest", at);
    assert!(next - first >= Duration::from_millis(500), "{first:?}, {next:?}");
    posts.close();
}
