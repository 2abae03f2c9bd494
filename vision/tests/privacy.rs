//! No picture leaves the worker: what it gives to the kernel is looked at, call by call, while it reads films and a camera.
//! And the looking itself is proved: programs that do write a picture are caught.

mod office;
mod trace;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use office::{LIMIT, Office, TEXT, look_again, wait_for_end};
use opencv::core::{self, Mat, Rect, Scalar, Size, Vector};
use opencv::prelude::VideoWriterTrait as _;
use opencv::videoio::VideoWriter;
use opencv::{imgcodecs, imgproc};
use protocol::congestion::CameraReport;
use store::private::{PrivateRedis, Purpose};
use test_camera::Camera;
use trace::{Allowed, Report, judge, under_strace};

/// What one telling of an area and its cameras takes at most: an observation (some 340 bytes) and reports (some 250 each).
const BYTES_A_TELLING: u64 = 900;
/// Redis is told the script, and who asks, once.
const BYTES_AT_THE_START: u64 = 8_000;
const BYTES_OF_LOG: u64 = 16_000;
/// A camera is asked to play, and told every few seconds what was received (RTCP).
const BYTES_TO_A_CAMERA: u64 = 16_000;

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
        .args(["-s", &socket(office).to_string_lossy()])
        .args(words)
        .output();
    let said = String::from_utf8(said.expect("redis-cli").stdout).expect("text");
    said.lines().map(str::to_owned).collect()
}

fn socket(office: &Office) -> PathBuf {
    PathBuf::from(office.redis.url().replace("unix://", ""))
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
    if !trace::is_there() {
        return;
    }
    let camera = Camera::start(None).expect("a camera");
    let dir = tempfile::tempdir().expect("temp");
    film(&dir.path().join("film.avi"));
    let mut office = Office::with(&text(dir.path(), &camera)).await;
    let (log, to) = (office.dir.path().join("log"), dir.path().join("trace"));
    let strace = under_strace(env!("CARGO_BIN_EXE_vision"), &to)
        .arg("--config")
        .arg(office.dir.path().join("office.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("log"))
        .spawn();
    office.vision = Some(strace.expect("strace starts"));
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
    let mut strace = office.vision.take().expect("running");
    let worker = children(strace.id())[0].to_string();
    assert!(Command::new("kill").arg(&worker).status().expect("kill").success());
    assert_eq!(wait_for_end(&mut strace).await, Some(0));
    let told = tellings(&office);
    assert!(told >= 4, "{told} observations");
    let allowed = Allowed {
        texts: vec![(log, BYTES_OF_LOG)],
        redis: Some((socket(&office), BYTES_AT_THE_START + told * BYTES_A_TELLING)),
        camera: Some((camera.address().to_string(), BYTES_TO_A_CAMERA)),
        door: Some(office.dir.path().join("run/vision/setup.sock")),
    };
    let report = judge(&to, &allowed);
    println!("{} calls, bytes {:?}, {told} observations", report.calls, report.bytes);
    assert!(report.faults.is_empty(), "{:#?}", report.faults);
    // Pictures did go by pipe: the trace has seen them, and would have seen them elsewhere.
    assert!(report.bytes["pipe"] > 60 * 320 * 240 * 3, "{:?}", report.bytes);
    assert!(
        report.bytes["redis"] > 0 && report.bytes["log"] > 0,
        "{:?}",
        report.bytes
    );
    assert!(
        dumpable.iter().all(|limit| limit == "0"),
        "core dumps are off: {dumpable:?}"
    );
}

/// How many times areas were told, by their streams.
fn tellings(office: &Office) -> u64 {
    let keys = ask(office, &["KEYS", "*:observations"]);
    keys.iter()
        .map(|key| ask(office, &["XLEN", key]).concat().parse::<u64>().expect("a number"))
        .sum()
}

fn children(of: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The limit of core dumps of all that a process has started, in its children's children too.
fn core_dumps_of(pid: u32) -> Vec<String> {
    let mut limits = Vec::new();
    for child in children(pid) {
        let text = std::fs::read_to_string(format!("/proc/{child}/limits")).expect("limits");
        let line = text
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .expect("a limit");
        limits.push(line.split_whitespace().nth(4).expect("a number").to_owned());
        limits.append(&mut core_dumps_of(child));
    }
    limits
}

/// Runs a program that does what the worker must not do, and judges it by the worker's rules.
fn caught(dir: &Path, script: &str) -> Report {
    let (log, to) = (dir.join("log"), dir.join(format!("leak{}", script.len())));
    let status = under_strace("sh", &to)
        .args(["-c", script])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("log"))
        .status();
    assert!(status.expect("strace").success(), "{script}");
    let allowed = Allowed {
        texts: vec![(log, BYTES_OF_LOG)],
        redis: Some((dir.join("redis.sock"), BYTES_AT_THE_START + 10 * BYTES_A_TELLING)),
        camera: None,
        door: None,
    };
    judge(&to, &allowed)
}

#[test]
fn a_program_that_does_write_a_picture_is_caught() {
    if !trace::is_there() {
        return;
    }
    let dir = tempfile::tempdir().expect("temp");
    let redis = PrivateRedis::start(Purpose::Live, dir.path()).expect("redis-server");
    let mut bytes = Vector::new();
    imgcodecs::imencode_def(".jpg", &picture(3), &mut bytes).expect("encoded");
    std::fs::write(dir.path().join("picture.jpg"), bytes.as_slice()).expect("written");
    let large: PathBuf = dir.path().join("picture.bmp");
    imgcodecs::imwrite_def(large.to_str().expect("a path"), &picture(3)).expect("written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let socket = redis.url().replace("unix://", "");
    let harmless = caught(dir.path(), "echo counted 3 people >&2");
    assert!(
        harmless.faults.is_empty() && harmless.bytes["log"] == 17,
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
        ("Redis", format!("redis-cli -s {socket} -x SET crop < picture.jpg")),
        (
            "Redis, as letters",
            format!("base64 -w 0 picture.bmp | redis-cli -s {socket} -x SET crop"),
        ),
        (
            "another server",
            format!("exec bash -c 'cat picture.jpg > /dev/tcp/127.0.0.1/{port}'"),
        ),
    ] {
        let report = caught(dir.path(), &script);
        assert!(!report.faults.is_empty(), "{what}: {:?}", report.bytes);
    }
}

#[test]
fn each_way_out_is_a_fault_and_reading_is_none() {
    let dir = tempfile::tempdir().expect("temp");
    let log = dir.path().join("log");
    let allowed = Allowed {
        texts: vec![(log.clone(), 100)],
        ..Allowed::default()
    };
    let faults = |line: &str| {
        std::fs::write(dir.path().join("trace.1"), format!("{line}\n")).expect("written");
        judge(&dir.path().join("trace"), &allowed).faults.len()
    };
    let text = format!("write(2<{}>, \"counted 3\\n\", 10) = 10", log.display());
    for harmless in [
        r#"openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3</etc/hosts>"#,
        r#"openat(AT_FDCWD</>, "/srv/a", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)"#,
        r#"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"#,
        r#"mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3</usr/lib/locale>, 0) = 0x7f0000000000"#,
        r#"write(1<pipe:[77]>, "MDGv\1\0\0\0", 40) = 40"#,
        &text,
    ] {
        assert_eq!(faults(harmless), 0, "{harmless}");
    }
    for leak in [
        r#"openat(AT_FDCWD</>, "/srv/a", O_WRONLY|O_CREAT, 0666) = 3</srv/a>"#,
        r#"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</srv/a>, 0) = 0x7f0000000000"#,
        r#"write(3</srv/a>, "counted 3", 9) = 9"#,
        r#"memfd_create("a", MFD_CLOEXEC) = 3</memfd:a>"#,
        r#"sendfile(4<TCP:[127.0.0.1:1->127.0.0.1:2]>, 3</srv/a>, NULL, 4096) = 4096"#,
        r#"sendto(4<UDP:[127.0.0.1:1->127.0.0.1:2]>, "abc", 3, 0, NULL, 0) = 3"#,
        r#"connect(4<TCP:[7]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.7")}, 16) = 0"#,
        &text.replace("counted 3", "\\377\\330\\377\\340"),
        &text.replace("= 10", "= 101"),
    ] {
        assert!(faults(leak) > 0, "{leak}");
    }
}
