//! The program as an office runs it: without a server, over its control socket, and in a window with a
//! real pointer (under Xvfb).
#![allow(clippy::expect_used)]

mod common;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::display::{x_display, xvfb};
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

/// The size of the virtual displays.
const SCREEN: (u16, u16) = (1400, 900);

#[test]
fn a_real_click_in_the_window_opens_the_reception() {
    let Some((_xvfb, display)) = x_display(SCREEN) else {
        return;
    };
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

/// A player in a window of its own, and its pointer.
struct Desk {
    office: Office,
    display: String,
    window: String,
    _keep: (Running, Running),
}

impl Desk {
    /// `None` where there is no virtual display.
    fn new() -> Option<Self> {
        let (xvfb, display) = x_display(SCREEN)?;
        let office = Office::at("https://127.0.0.1:9", "");
        let layout = office.dir.path().join("layout.json");
        std::fs::write(&layout, DESK).expect("written");
        office.store(&layout);
        let mut command = office.command(&[]);
        command.env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY");
        let player = Running(command.spawn().expect("starts"));
        frames_at_least(&office, 10);
        let mut desk = Self {
            office,
            display,
            window: String::new(),
            _keep: (player, xvfb),
        };
        desk.window = wait_for("the window", LIMIT, || {
            let found = desk.xdotool(&["search", "--onlyvisible", "--name", "."]);
            found.lines().next().map(str::to_owned)
        });
        Some(desk)
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("xdotool");
        let output = command.args(arguments).env("DISPLAY", &self.display).output();
        let output = output.expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn point(&self, x: u32, y: u32) {
        self.xdotool(&[
            "mousemove",
            "--sync",
            "--window",
            &self.window,
            &x.to_string(),
            &y.to_string(),
        ]);
    }

    /// What the button's middle looks like.
    fn button(&self) -> [u8; 3] {
        self.office.snapshot().color_at(140, 130)
    }

    fn page(&self, name: &str) {
        wait_for(name, LIMIT, || {
            self.office.status().filter(|report| report.page == name)
        });
    }
}

/// A button on each of two pages, at the same place; the second page goes back by itself after twelve seconds.
const DESK: &str = r##"{"version":2,"name":"desk","width":640,"height":360,"pages":[
  {"name":"home","background":"#ffffff","zones":[
    {"name":"on","rect":{"x":40,"y":40,"width":200,"height":100},"widget":{"type":"button","text":{"ja":"次へ"}},
     "on_touch":{"do":"go_to","page":"next"}}]},
  {"name":"next","background":"#e8f1fe","back_after_ms":12000,"zones":[
    {"name":"back","rect":{"x":40,"y":40,"width":200,"height":100},"widget":{"type":"button","text":{"ja":"戻る"}},
     "on_touch":{"do":"go_home"}}]}]}"##;

#[test]
fn a_real_pointer_presses_at_its_lifting_and_not_where_it_was_dragged_off() {
    let Some(desk) = Desk::new() else { return };
    assert_eq!(desk.button(), BLUE);
    desk.point(140, 90);
    desk.xdotool(&["mousedown", "1"]);
    wait_for("the button to look pressed", LIMIT, || {
        (desk.button() != BLUE).then_some(())
    });
    desk.point(500, 300);
    wait_for("it to look as before", LIMIT, || (desk.button() == BLUE).then_some(()));
    desk.xdotool(&["mouseup", "1"]);
    let frames = frames_at_least(&desk.office, 1).frames;
    assert_eq!(
        frames_at_least(&desk.office, frames + 30).page,
        "home",
        "a second later still"
    );

    // Held for longer than a second: a press all the same.
    desk.point(140, 90);
    desk.xdotool(&["mousedown", "1"]);
    wait_for("the button to look pressed", LIMIT, || {
        (desk.button() != BLUE).then_some(())
    });
    let frames = frames_at_least(&desk.office, 1).frames;
    assert_eq!(
        frames_at_least(&desk.office, frames + 45).page,
        "home",
        "not before the lifting"
    );
    desk.xdotool(&["mouseup", "1"]);
    desk.page("next");
    desk.page("home");
}

#[test]
fn a_real_double_click_is_one_press_and_nobody_there_leads_back() {
    let Some(desk) = Desk::new() else { return };
    desk.point(140, 90);
    // The second click is where the way back is by then.
    desk.xdotool(&["click", "--repeat", "2", "--delay", "60", "1"]);
    desk.page("next");
    let frames = frames_at_least(&desk.office, 1).frames;
    assert_eq!(frames_at_least(&desk.office, frames + 20).page, "next");
    let mut hinted = false;
    wait_for("the way back", LIMIT, || {
        // The hint's band lies along the lower edge before.
        hinted |= desk.office.snapshot().color_at(630, 350) == DEEP_BLUE;
        desk.office.status().filter(|report| report.page == "home")
    });
    assert!(hinted, "it was said before");
}

#[test]
fn a_display_that_comes_up_after_the_player_is_waited_for() {
    let Some((xvfb_before, display)) = x_display(SCREEN) else {
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
        xvfb(&[&display], SCREEN)
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
