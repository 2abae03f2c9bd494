//! A screen's camera, by the real program: it is shared with who reads it on this machine, nobody makes another one wait, and
//! whatever happens to it disturbs nothing else.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use common::office::{LIMIT, Office, Running, frames_at_least};
use common::wait_for;
use frames::{End, Format, Reader, Ready, Socket};
use gstreamer as gst;
use gstreamer::prelude::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::screen::Report;
use test_camera::{Camera, Mood, PATH};

const AGENT: &str = "signage-agent";
const CAMERA: &str = "signage-camera";
const PICTURE: &str = "signage-picture";

/// The demo's office with this source at its screen.
fn office(source: &str, more: &str) -> Office {
    let office = Office::new();
    let file = office.dir.path().join("office.toml");
    let mut config = std::fs::read_to_string(&file).expect("there");
    write!(config, "\n[player.camera]\nsource = {source:?}\n{more}\n").expect("written");
    std::fs::write(&file, config).expect("written");
    office
}

/// A film of two seconds: twenty pictures of 320x240, each brighter than the one before.
fn film(file: &Path) {
    gst::init().expect("GStreamer");
    let text = format!(
        "appsrc name=source format=time ! videoconvert ! jpegenc quality=100 ! avimux ! filesink location={:?}",
        file.display().to_string()
    );
    let pipeline = gst::parse::launch(&text).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let source = pipeline.by_name("source").expect("there");
    let source = source.downcast::<gstreamer_app::AppSrc>().expect("an appsrc");
    let caps = gst::Caps::builder("video/x-raw").field("format", "BGR");
    let caps = caps.field("width", 320).field("height", 240);
    source.set_caps(Some(&caps.field("framerate", gst::Fraction::new(10, 1)).build()));
    pipeline.set_state(gst::State::Playing).expect("plays");
    for number in 0..20_u8 {
        let mut buffer = gst::Buffer::from_mut_slice(vec![20 + number * 10; 320 * 240 * 3]);
        let pts = gst::ClockTime::from_mseconds(u64::from(number) * 100);
        buffer.get_mut().expect("ours").set_pts(pts);
        source.push_buffer(buffer).expect("taken");
    }
    source.end_of_stream().expect("told");
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline
        .bus()
        .expect("a bus")
        .timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds);
    assert_eq!(end.expect("written").type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).expect("closed");
}

/// Comes to the player, as soon as it shares its camera.
fn come(office: &Office) -> Reader {
    let name = frames::name_of(&office.home()).expect("a name");
    Reader::new(wait_for("the camera's process", LIMIT, || Socket::connect(&name).ok()))
}

/// The next picture, whole.
fn see(reader: &mut Reader) -> (Ready, Vec<u8>) {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let Some(ready) = reader.next(LIMIT).expect("shared") {
            let mut pixels = vec![0; ready.picture.size()];
            if reader.copy(&ready, &mut pixels).expect("copied") {
                return (ready, pixels);
            }
        }
    }
    panic!("no picture");
}

/// Comes, and comes again as the program that counts does, until there is a picture.
fn see_again(office: &Office) -> Reader {
    wait_for("a picture", LIMIT, || {
        let mut reader = come(office);
        matches!(reader.next(LIMIT), Ok(Some(_))).then_some(reader)
    })
}

/// Why there are no pictures.
fn hear(reader: &mut Reader) -> String {
    loop {
        match reader.next(LIMIT) {
            Ok(_) => {}
            Err(End::Said(why)) => return why,
            Err(end) => panic!("{end}"),
        }
    }
}

fn brightness(pixels: &[u8]) -> u64 {
    pixels.iter().map(|value| u64::from(*value)).sum::<u64>() / pixels.len() as u64
}

#[test]
fn a_film_goes_round_at_its_speed_and_each_who_reads_sees_it_whatever_the_others_do() {
    let place = tempfile::tempdir().expect("temp");
    film(&place.path().join("hall.avi"));
    let source = place.path().join("hall.avi");
    let office = office(source.to_str().expect("UTF-8"), "width = 160\nframes_per_second = 10.0");
    let player = office.start();
    let (mut one, mut other) = (come(&office), come(&office));
    // It comes and never looks.
    let _sleeper = come(&office);
    let (first, pixels) = see(&mut one);
    // Its shape is kept within 160x360.
    assert_eq!((first.picture.width, first.picture.height), (160, 120));
    assert_eq!(first.picture.format, Format::Bgr);
    assert!((20..=215).contains(&brightness(&pixels)), "{}", brightness(&pixels));
    let age = runtime::now().0.abs_diff(first.picture.taken_ms);
    assert!(age < 60_000, "{age} ms old");
    // Three rounds: more than who sleeps has room for in its memory.
    let (mut rounds, mut last, mut at) = (0, brightness(&pixels), first.picture.at);
    while rounds < 3 {
        let (ready, pixels) = see(&mut one);
        let now = brightness(&pixels);
        rounds += u32::from(now + 60 < last);
        assert!(ready.picture.at > at, "time goes on when the film begins again");
        (last, at) = (now, ready.picture.at);
    }
    let (_, pixels) = see(&mut other);
    assert!((20..=215).contains(&brightness(&pixels)));

    // A fourth may come, a fifth is sent away and told why, and has a place when another one is gone.
    let mut fourth = come(&office);
    see(&mut fourth);
    let why = hear(&mut come(&office));
    assert!(why.contains("4 programs read this camera"), "{why}");
    drop(other);
    see_again(&office);
    see(&mut one);
    assert!(player.part(CAMERA).is_some());
}

#[test]
fn a_camera_process_that_is_killed_or_hangs_is_back_and_nothing_else_is_disturbed() {
    let place = tempfile::tempdir().expect("temp");
    let source = place.path().join("hall.avi");
    film(&source);
    let office = office(source.to_str().expect("UTF-8"), "");
    let player = office.start();
    let mut reader = see_again(&office);
    frames_at_least(&office, 10);
    let others = [AGENT, PICTURE].map(|part| wait_for(part, LIMIT, || player.part(part)));

    let killed = player.signal_part(CAMERA, Signal::SIGKILL);
    wait_for("its end is heard", LIMIT, || {
        matches!(reader.next(LIMIT), Err(End::Gone)).then_some(())
    });
    let mut reader = see_again(&office);
    let again = player.part(CAMERA).expect("another");
    assert_ne!(again, killed);

    // It hangs, as in a driver's call: no sign of life.
    kill(Pid::from_raw(again), Signal::SIGSTOP).expect("stopped");
    let before = frames_at_least(&office, 1).frames;
    wait_for("its end is heard", LIMIT, || {
        matches!(reader.next(LIMIT), Err(End::Gone)).then_some(())
    });
    see_again(&office);
    frames_at_least(&office, before + 60);
    assert_eq!([AGENT, PICTURE].map(|part| player.part(part).expect("there")), others);
}

/// Files with names that a process has open, its input and output aside; `None`: the system doesn't say.
fn named_files(pid: i32) -> Option<Vec<String>> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let files = files.filter(|file| {
        file.file_name()
            .to_str()
            .is_some_and(|number| number.len() > 1 || number > "2")
    });
    let links = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    let links = links.map(|to| to.to_string_lossy().into_owned());
    let is_named = |file: &String| file.starts_with('/') && !file.starts_with("/dev/") && !file.starts_with("/memfd:");
    Some(links.filter(is_named).collect())
}

#[test]
fn a_camera_is_open_only_while_somebody_reads_and_its_pictures_have_no_name() {
    let camera = Camera::start(None).expect("a camera");
    let office = office(&camera.url(), "");
    let file = office.dir.path().join("log");
    let log = std::fs::File::create(&file).expect("a log");
    let mut command = office.command(&["--headless"]);
    let player = Running(command.env("RUST_LOG", "info").stderr(log).spawn().expect("starts"));
    frames_at_least(&office, 10);
    let pid = wait_for(CAMERA, LIMIT, || player.part(CAMERA));
    assert_eq!(camera.connections(), 0, "nobody reads");
    let mut reader = see_again(&office);
    let before = camera.connections();
    assert!(before > 0);
    see(&mut reader);
    match named_files(pid) {
        Some(named) => {
            // What other tests of this process have open just then is handed on to all.
            let handed_on = named_files(player.0.id().cast_signed()).expect("as that one's");
            let own: Vec<&String> = named.iter().filter(|file| !handed_on.contains(file)).collect();
            assert_eq!(own, Vec::<&String>::new());
        }
        None => println!("SKIPPED: this user can't see which files a process that can't be dumped has open"),
    }
    drop(reader);
    wait_for("it is closed", LIMIT, || {
        let log = std::fs::read_to_string(&file).expect("a log");
        log.contains("nobody reads the camera: it is closed").then_some(())
    });
    assert_eq!(camera.connections(), before);
    see_again(&office);
    assert!(camera.connections() > before);
    assert_eq!(player.part(CAMERA), Some(pid), "by the same process");
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("read");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core = core.and_then(|line| line.split_whitespace().nth(4));
    assert_eq!(core, Some("0"), "no core dump holds a picture");
}

#[test]
fn who_reads_a_camera_that_is_not_there_hears_why_and_the_process_goes_on() {
    let office = office("/dev/video99", "");
    let player = office.start();
    let why = hear(&mut come(&office));
    assert!(why.contains("/dev/video99"), "{why}");
    let pid = player.part(CAMERA).expect("there");
    let told = format!("camera: {why}");
    wait_for("it is reported", LIMIT, || {
        office.status().filter(|report| report.faults.contains(&told))
    });
    // Who comes at once again hears it again.
    assert_eq!(hear(&mut come(&office)), why);
    // Longer than a process without a sign of life may live.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(17) {
        assert_eq!(player.part(CAMERA), Some(pid), "signs of life go on without a camera");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_network_camera_that_falls_silent_or_refuses_is_told_of_without_its_password_and_comes_back() {
    let camera = Camera::start(Some(("viewer", "s3cret"))).expect("a camera");
    let office = office(&format!("rtsp://viewer:s3cret@{}{PATH}", camera.address()), "");
    let log = std::fs::File::create(office.dir.path().join("log")).expect("a log");
    let player = Running(office.command(&["--headless"]).stderr(log).spawn().expect("starts"));
    let mut reader = see_again(&office);
    let picture = see(&mut reader).0.picture;
    assert_eq!((picture.width, picture.height), (320, 240), "no larger than it is");
    camera.be(Mood::Mute);
    let why = hear(&mut reader);
    assert!(why.contains("no picture for 5 s"), "{why}");
    camera.be(Mood::Away);
    camera.drop_connections();
    let refused = hear(&mut come(&office));
    let is_named = |report: &Report| report.faults.iter().any(|fault| fault.starts_with("camera: "));
    wait_for("it is reported", LIMIT, || office.status().filter(is_named));
    camera.be(Mood::Well);
    let _reader = see_again(&office);
    wait_for("nothing is wrong any more", LIMIT, || {
        office.status().filter(|report| !is_named(report))
    });
    let log = std::fs::read_to_string(office.dir.path().join("log")).expect("a log");
    assert!(log.contains("the camera gives no pictures"), "{log}");
    for text in [&why, &refused, &log] {
        assert!(!text.contains("s3cret") && !text.contains("viewer"), "{text}");
    }
    assert!(player.part(PICTURE).is_some());
}

#[test]
fn a_screen_without_a_camera_has_no_process_for_one() {
    let office = Office::new();
    let player = office.start();
    frames_at_least(&office, 10);
    assert!(player.part(AGENT).is_some() && player.part(CAMERA).is_none());
}
