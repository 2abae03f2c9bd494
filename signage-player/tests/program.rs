//! The program as an office runs it: without a server, over its control socket, and in a window with a
//! real pointer (under Xvfb).
#![allow(clippy::expect_used)]

mod common;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::office::{LIMIT, Office, PLAYER, Running, frames_at_least};
use common::wait_for;
use signage_player::scene::palette::{BLUE, DEEP_BLUE};

#[test]
fn it_plays_from_its_disk_when_the_server_is_gone() {
    let office = Office::new();
    let mut player = Running(office.command(&["--headless"]).spawn().expect("starts"));
    let report = frames_at_least(&office, 30);
    assert_eq!(report.page, "home");
    wait_for("the stored picture", LIMIT, || {
        (office.snapshot().color_at(400, 400) == [0x20, 0xa0, 0x40]).then_some(())
    });
    let mut shot = office.snapshot();
    assert_eq!((shot.0.width(), shot.0.height()), (1280, 720));
    assert_eq!(shot.color_at(2, 640), DEEP_BLUE, "the ticker's ground");
    assert_eq!(shot.color_at(1068, 500), BLUE, "the button");

    // Nobody else gets at the socket; a second player is refused.
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(office.home().join("player.sock"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = office.ask(&["--headless"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("running already"));

    assert!(player.terminate().success());
    assert!(!office.home().join("player.sock").exists());
}

#[test]
fn a_touch_from_an_operator_opens_the_reception_and_leads_back() {
    let office = Office::new();
    let _player = Running(office.command(&["--headless"]).spawn().expect("starts"));
    frames_at_least(&office, 1);
    let touch = |at: &str| {
        String::from_utf8(office.ask(&["--touch", at]).stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    };
    assert_eq!(touch("10,10"), "home", "nothing there answers");
    assert_eq!(touch("1068,544"), "reception");
    wait_for("the caption", LIMIT, || {
        (office.snapshot().color_at(60, 620) == [255; 3]).then_some(())
    });
    wait_for("the avatar", LIMIT, || {
        (office.snapshot().color_at(440, 540) != [0xe8, 0xf1, 0xfe]).then_some(())
    });
    assert_eq!(touch("1068,640"), "home");
    wait_for("the status to say so", LIMIT, || {
        office.status().filter(|report| report.page == "home")
    });
}

#[test]
fn what_is_wrong_is_said_clearly() {
    let office = Office::new();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let alone = office.ask(&["--snapshot", "/nowhere/shot.png"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(
        said(&alone).contains("no player is running for this screen"),
        "{}",
        said(&alone)
    );
    let unknown = Command::new(PLAYER)
        .arg("--config")
        .arg(office.dir.path().join("office.toml"))
        .args(["--screen", "attic"])
        .output()
        .expect("it runs");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        said(&unknown).contains("attic") && said(&unknown).contains("lobby"),
        "{}",
        said(&unknown)
    );
    let touch = office.ask(&["--touch", "here"]);
    assert_eq!(touch.status.code(), Some(2));
    assert!(said(&touch).contains("640,360"), "{}", said(&touch));
    let nothing = Command::new(PLAYER).output().expect("it runs");
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn a_half_written_manifest_or_layout_leaves_name_and_clock() {
    let office = Office::new();
    std::fs::write(office.home().join("manifest.json"), b"{\"layout\":{\"version\"").expect("written");
    let _player = Running(office.command(&["--headless"]).spawn().expect("starts"));
    assert_eq!(frames_at_least(&office, 10).page, "standby");
}

/// Whether a virtual display and a pointer can be had. Says what is missing.
fn has_display() -> bool {
    for program in ["Xvfb", "xdotool"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .expect("sh runs");
        if !found.status.success() {
            eprintln!("skipped: {program} is not installed");
            return false;
        }
    }
    true
}

/// A virtual display. It stays as it is when its last client leaves, as a started-anew one takes no other
/// client for a moment.
fn xvfb(which: &[&str]) -> Command {
    let mut command = Command::new("Xvfb");
    command
        .args(which)
        .args(["-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"]);
    command
}

/// A virtual display of its own. `None` where Xvfb or xdotool isn't installed.
fn display() -> Option<(Running, String)> {
    if !has_display() {
        return None;
    }
    let mut child = xvfb(&["-displayfd", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb starts");
    let mut number = String::new();
    let output = child.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut number).expect("its number");
    Some((Running(child), format!(":{}", number.trim())))
}

#[test]
fn a_real_click_in_the_window_opens_the_reception() {
    let Some((_xvfb, display)) = display() else { return };
    let office = Office::new();
    let mut command = office.command(&[]);
    command.env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY");
    let _player = Running(command.spawn().expect("starts"));
    assert_eq!(frames_at_least(&office, 10).page, "home");
    let xdotool = |arguments: &[&str]| {
        let output = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &display)
            .output()
            .expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let window = wait_for("the window", LIMIT, || {
        let found = xdotool(&["search", "--onlyvisible", "--name", "."]);
        found.lines().next().map(str::to_owned)
    });
    wait_for("the reception page", LIMIT, || {
        xdotool(&["mousemove", "--window", &window, "1068", "544", "click", "1"]);
        office.status().filter(|report| report.page == "reception")
    });
    wait_for("the way back", LIMIT, || {
        xdotool(&["mousemove", "--window", &window, "1068", "640", "click", "1"]);
        office.status().filter(|report| report.page == "home")
    });
}

#[test]
fn a_display_that_comes_up_after_the_player_is_waited_for() {
    let Some((xvfb_before, display)) = display() else {
        return;
    };
    drop(xvfb_before);
    let office = Office::new();
    let mut command = office.command(&[]);
    command.env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY");
    let _player = Running(command.spawn().expect("starts"));
    wait_for("the player to be at the display's door", LIMIT, || {
        office.home().join("player.sock").exists().then_some(())
    });
    // It is refused a few times.
    std::thread::sleep(Duration::from_millis(500));
    let _xvfb = Running(
        xvfb(&[&display])
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts again"),
    );
    wait_for("the window", LIMIT, || {
        let search = ["search", "--onlyvisible", "--name", "."];
        let found = Command::new("xdotool").args(search).env("DISPLAY", &display).output();
        (!found.expect("xdotool runs").stdout.is_empty()).then_some(())
    });
}
