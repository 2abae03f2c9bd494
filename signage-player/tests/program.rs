//! The program as an office runs it: without a server, over its control socket, and in a window with a
//! real pointer (under Xvfb).
#![allow(clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::wait_for;
use protocol::screen::{Content, Manifest, Report};
use sha2::{Digest, Sha256};
use signage_player::scene::palette::{BLUE, DEEP_BLUE};

const LIMIT: Duration = Duration::from_secs(60);
const PLAYER: &str = env!("CARGO_BIN_EXE_signage-player");

/// An office's folder with a stored layout, as a player leaves it, and no server.
struct Office {
    dir: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let rigs = std::fs::canonicalize(configs.join("rigs")).expect("the rigs");
        let demo = std::fs::read_to_string(configs.join("demo.toml")).expect("demo.toml");
        let demo = demo
            .replace("\"../run", "\"run")
            .replace("\"rigs\"", &format!("{:?}", rigs.display().to_string()));
        // A port where nobody listens.
        let demo = demo.replace("https://localhost:8443", "https://127.0.0.1:9");
        std::fs::write(dir.path().join("office.toml"), demo).expect("written");
        let office = Self { dir };
        office.store(&configs.join("content/layouts/lobby.json"));
        office
    }

    /// The demo's layout with its pictures; the film is left out, as if it had not arrived yet.
    fn store(&self, layout: &Path) {
        let home = self.home();
        std::fs::create_dir_all(home.join("content")).expect("made");
        let picture = self.picture();
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(&picture));
        std::fs::write(home.join("content").join(&sha256), &picture).expect("written");
        let size = picture.len() as u64;
        let content = Content {
            sha256,
            size,
            media_type: "image/png".into(),
        };
        let manifest = Manifest {
            layout: serde_json::from_slice(&std::fs::read(layout).expect("the layout")).expect("a layout"),
            contents: BTreeMap::from([("my-number.png".to_owned(), content)]),
        };
        let json = serde_json::to_vec(&manifest).expect("json");
        std::fs::write(home.join("manifest.json"), json).expect("written");
    }

    /// A picture that is green all over.
    fn picture(&self) -> Vec<u8> {
        let pixels = [0x40, 0xa0, 0x20, 0xff].repeat(832 * 468);
        let snapshot = signage_player::event::Snapshot {
            width: 832,
            height: 468,
            pixels,
        };
        signage_player::control::png(snapshot).expect("a PNG")
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("run/screens/lobby")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PLAYER);
        command
            .arg("--config")
            .arg(self.dir.path().join("office.toml"))
            .args(["--screen", "lobby"])
            .args(arguments);
        command.env("RUST_LOG", "warn").stdin(Stdio::null());
        command
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    fn status(&self) -> Option<Report> {
        let output = self.ask(&["--status"]);
        output
            .status
            .success()
            .then(|| serde_json::from_slice(&output.stdout).expect("a report"))
    }

    fn snapshot(&self) -> Shot {
        let file = self.dir.path().join("shot.png");
        let output = self.ask(&["--snapshot", file.to_str().expect("UTF-8")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut file = std::fs::File::open(file).expect("written");
        Shot(cairo::ImageSurface::create_from_png(&mut file).expect("a PNG"))
    }
}

struct Shot(cairo::ImageSurface);

impl Shot {
    fn color_at(&mut self, x: usize, y: usize) -> [u8; 3] {
        let stride = self.0.stride() as usize;
        let data = self.0.data().expect("pixels");
        let pixel = &data[y * stride + x * 4..][..3];
        [pixel[2], pixel[1], pixel[0]]
    }
}

/// Ends a program that a test started.
struct Running(Child);

impl Running {
    fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        wait_for("the player's end", LIMIT, || self.0.try_wait().expect("a child"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn frames_at_least(office: &Office, frames: u64) -> Report {
    wait_for("frames", LIMIT, || {
        office.status().filter(|report| report.frames >= frames)
    })
}

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
