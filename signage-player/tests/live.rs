//! Live pictures among others, from a camera that has every trouble a camera can have: what it gives is shown while it
//! comes, and whatever happens to it counts as its end.
#![allow(clippy::expect_used)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bad_decoder::{FILE, MAGIC};
use common::live::{Screen, own_processes, processes, running, running_of};
use common::office::{LIMIT, Office, PLAYER, frames_at_least, pictures};
use common::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::screen::Widget;
use signage_player::live::Processes;
use signage_player::live::crossing::Crossing;
use test_camera::{Camera, Mood, PATH};

fn with_user(camera: &Camera, user: &str) -> String {
    format!("rtsp://{user}@{}{PATH}", camera.address())
}

#[test]
fn a_live_picture_is_shown_in_its_turn_and_whatever_ends_it_is_an_end() {
    let camera = Camera::start(Some(("viewer", "s3cret"))).expect("a camera");
    let mut screen = Screen::new(&with_user(&camera, "viewer:s3cret"), processes(None));
    screen.moves();
    screen.play("the other picture in its turn", |_, _, is_green| is_green);
    screen.moves();
    assert_eq!(screen.scene.faults(), Vec::<String>::new());

    // It is in the proof of play, by its name; a URL may have a password in it.
    let (_, play) = std::iter::successors(screen.plays.after(0), |(number, _)| screen.plays.after(*number))
        .find(|(_, play)| play.content == "camera")
        .expect("a play of it");
    assert_eq!((play.sha256.as_str(), play.is_whole), ("", true));
    assert!(play.shown_ms > 0);

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
    let mut screen = Screen::new(&with_user(&camera, "viewer:wr0ng"), processes(None));
    screen.play("the fault", |scene, _, _| !scene.faults().is_empty());
    let faults = screen.scene.faults();
    assert!(
        faults[0].starts_with("camera: ") && !faults[0].contains("wr0ng"),
        "{faults:?}"
    );
    screen.play("the other picture", |_, _, is_green| is_green);
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("it is there");
}

#[test]
fn a_picture_whose_process_falls_or_hangs_is_over_and_comes_back_in_its_turn_with_another_one() {
    let camera = Camera::start(None).expect("a camera");
    let dir = tempfile::tempdir().expect("temp");
    let own = own_processes(dir.path(), None);
    let mut screen = Screen::alone(&camera.url(), own.clone());
    screen.moves();
    // The one on show, and the one that is prepared for its next turn.
    let fell = running(&own);
    fell.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
    screen.fails("its process fell (signal: 9");
    screen.moves();
    screen.play("all is well", |scene, _, _| scene.faults().is_empty());

    // They hang: nothing comes of them, and they hear nothing.
    let hang = running(&own);
    assert!(
        !hang.is_empty() && !hang.iter().any(|pid| fell.contains(pid)),
        "{hang:?}"
    );
    hang.iter().for_each(|pid| signal(*pid, Signal::SIGSTOP));
    screen.moves();
    wait_for("the end of those that hang", LIMIT, || {
        let all = running(&own);
        (!hang.iter().any(|pid| all.contains(pid))).then_some(())
    });
    drop(screen);
    wait_for("the end of all", LIMIT, || running(&own).is_empty().then_some(()));
}

#[test]
fn a_decoder_that_aborts_takes_nothing_but_its_own_process() {
    let dir = tempfile::tempdir().expect("temp");
    let built = std::env::current_exe().expect("this test").with_file_name(FILE);
    std::fs::copy(&built, dir.path().join(FILE)).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    let bad = dir.path().join("bad");
    std::fs::write(&bad, [&MAGIC[..], &[7; 4096]].concat()).expect("written");
    // The real program, in whose GStreamer is a decoder that aborts.
    let program = dir.path().join("player");
    let script = format!(
        "#!/bin/sh\nGST_PLUGIN_PATH={0} GST_REGISTRY={0}/registry.bin exec {PLAYER} \"$@\"\n",
        dir.path().display()
    );
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    let processes = Processes {
        program: Some(program),
        office: None,
    };
    let url = format!("file://{}", bad.display());
    let mut crossing = Crossing::open(&url, (320, 240), &processes).expect("opened");
    let end = wait_for("its end", LIMIT, || {
        assert!(crossing.newest().is_none());
        crossing.end()
    });
    let fault = end.expect_err("a fall");
    assert!(fault.contains("its process fell (signal: 6"), "{fault}");
}

#[test]
fn without_a_program_or_with_one_that_is_none_it_is_said() {
    let mut screen = Screen::new("rtsp://127.0.0.1:9/", Processes::default());
    screen.fails("no program for it");
    let gone = Processes {
        program: Some("/nowhere/player".into()),
        office: None,
    };
    let mut screen = Screen::new("rtsp://127.0.0.1:9/", gone);
    screen.fails("its process can't be started");
    screen.play("the other picture", |_, _, is_green| is_green);
}

#[test]
fn the_process_of_a_live_picture_ends_with_the_pictures_however_that_ends() {
    let camera = Camera::start(None).expect("a camera");
    let office = Office::at("https://127.0.0.1:9", "");
    let mut manifest = pictures("live", (320, 240), &[]);
    let playlist = serde_json::json!({"type": "playlist", "items": [
        {"type": "live", "name": "camera", "url": camera.url(), "duration_ms": 600_000}]});
    manifest.layout.pages[0].zones[0].widget = serde_json::from_value::<Widget>(playlist).expect("a playlist");
    office.put(&manifest, &[]);
    let mut player = office.start();
    let live_of = |picture: i32| {
        let live = move || running_of(picture.unsigned_abs()).first().copied();
        wait_for("the live picture's process", LIMIT, live)
    };
    let is_gone = |pid: i32| {
        wait_for("its end", LIMIT, || {
            std::fs::metadata(format!("/proc/{pid}")).is_err().then_some(())
        });
    };
    let picture = wait_for("the picture's process", LIMIT, || player.part("signage-picture"));
    let live = live_of(picture);
    wait_for("a picture on the screen", LIMIT, || {
        let mut shot = office.try_snapshot()?;
        shot.is_not_all_white().then_some(())
    });
    // Nothing of what it was told is for everybody to read.
    let arguments = std::fs::read(format!("/proc/{live}/cmdline")).expect("there");
    assert!(
        arguments.ends_with(b"\0live\0"),
        "{}",
        String::from_utf8_lossy(&arguments)
    );
    player.signal_part("signage-picture", Signal::SIGKILL);
    is_gone(live);
    let again = wait_for("another picture's process", LIMIT, || {
        player.part("signage-picture").filter(|pid| *pid != picture)
    });
    let live = live_of(again);
    frames_at_least(&office, 10);
    assert!(player.terminate().success());
    is_gone(live);
}
