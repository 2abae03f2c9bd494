//! Displays that are none: Xvfb and a headless Weston. What they show is read from them, not from the player.
#![allow(dead_code, clippy::expect_used)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use x11rb::connection::Connection as _;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask, ImageFormat};
use x11rb::rust_connection::RustConnection;

use super::office::{LIMIT, Running, Shot};
use super::wait_for;

/// Whether programs are installed. Says what is missing.
pub fn has(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| {
        let look = format!("command -v {program}");
        let found = Command::new("sh").args(["-c", &look]).output().expect("sh runs");
        found.status.success()
    };
    match programs.iter().find(|program| !is_there(program)) {
        Some(missing) => {
            eprintln!("skipped: {missing} is not installed");
            false
        }
        None => true,
    }
}

/// A virtual X server. It stays as it is when its last client leaves, as a started-anew one takes no other
/// client for a moment.
pub fn xvfb(which: &[&str], (width, height): (u16, u16)) -> Command {
    let mut command = Command::new("Xvfb");
    let screen = format!("{width}x{height}x24");
    command
        .args(which)
        .args(["-screen", "0", &screen, "-nolisten", "tcp", "-noreset"]);
    command
}

/// A virtual X server of its own, and its name. `None` where Xvfb or xdotool isn't installed.
pub fn x_display(size: (u16, u16)) -> Option<(Running, String)> {
    if !has(&["Xvfb", "xdotool"]) {
        return None;
    }
    let mut child = xvfb(&["-displayfd", "1"], size)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb starts");
    let mut number = String::new();
    let output = child.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut number).expect("its number");
    Some((Running(child), format!(":{}", number.trim())))
}

/// What an X server shows, and its pointer.
pub struct Desk {
    connection: RustConnection,
    root: u32,
    display: String,
}

impl Desk {
    pub fn of(display: &str) -> Self {
        let (connection, screen) = wait_for("the X server", LIMIT, || RustConnection::connect(Some(display)).ok());
        let root = connection.setup().roots[screen].root;
        let display = display.to_owned();
        Self {
            connection,
            root,
            display,
        }
    }

    /// Red, green and blue at a place.
    pub fn color_at(&self, x: i16, y: i16) -> [u8; 3] {
        let image = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, self.root, x, y, 1, 1, u32::MAX);
        let data = image.expect("asked").reply().expect("an image").data;
        [data[2], data[1], data[0]]
    }

    /// All that it shows: its pixels' blue, green and red, with a byte that says nothing (Z pixmap of depth 24).
    pub fn picture(&self, (width, height): (u16, u16)) -> Vec<u8> {
        let image = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, self.root, 0, 0, width, height, u32::MAX);
        image.expect("asked").reply().expect("an image").data
    }

    /// Asks the one window on it to close, as a window manager does (ICCCM, WM_DELETE_WINDOW).
    pub fn close_window(&self) {
        let atom = |name: &[u8]| {
            let asked = self.connection.intern_atom(false, name).expect("asked");
            asked.reply().expect("an atom").atom
        };
        let tree = self.connection.query_tree(self.root).expect("asked").reply();
        let window = *tree.expect("windows").children.last().expect("a window");
        let words = [atom(b"WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
        let wish = ClientMessageEvent::new(32, window, atom(b"WM_PROTOCOLS"), words);
        let sent = self.connection.send_event(false, window, EventMask::NO_EVENT, wish);
        sent.expect("asked").check().expect("sent");
    }

    /// Makes a part of the server's picture a monitor.
    pub fn set_monitor(&self, name: &str, (x, y): (i16, i16), (width, height): (u16, u16)) {
        let atom = self
            .connection
            .intern_atom(false, name.as_bytes())
            .expect("asked")
            .reply();
        let monitor = MonitorInfo {
            name: atom.expect("an atom").atom,
            primary: false,
            automatic: false,
            x,
            y,
            width,
            height,
            width_in_millimeters: 100,
            height_in_millimeters: 100,
            outputs: Vec::new(),
        };
        // One that is there can't be set anew; none that isn't can be deleted.
        let gone = self
            .connection
            .randr_delete_monitor(self.root, monitor.name)
            .expect("asked");
        let _ = gone.check();
        let set = self.connection.randr_set_monitor(self.root, monitor).expect("asked");
        set.check().expect("a monitor");
    }

    /// Presses the pointer's first button at a place.
    pub fn click(&self, x: i16, y: i16) {
        let (x, y) = (x.to_string(), y.to_string());
        let mut xdotool = Command::new("xdotool");
        xdotool
            .args(["mousemove", &x, &y, "click", "1"])
            .env("DISPLAY", &self.display);
        assert!(xdotool.status().expect("xdotool runs").success());
    }
}

/// A headless Wayland compositor. Its desktop has a panel, over which a full screen lies. (Its shell for one program wants a
/// keyboard or a pointer, and there is none.)
pub struct Weston {
    folder: tempfile::TempDir,
    size: (u32, u32),
    running: Option<Running>,
}

impl Weston {
    /// `None` where Weston isn't installed.
    pub fn start(size: (u32, u32)) -> Option<Self> {
        if !has(&["weston", "weston-screenshooter"]) {
            return None;
        }
        let folder = tempfile::tempdir().expect("temp");
        let mut weston = Self {
            folder,
            size,
            running: None,
        };
        weston.come();
        Some(weston)
    }

    /// It is there (again).
    pub fn come(&mut self) {
        let (width, height) = self.size;
        let child = Command::new("weston")
            .args(["--backend=headless-backend.so", "--use-pixman", "--shell=desktop-shell.so"])
            // Whoever is connected may take a picture of it; it never darkens by itself.
            .args(["--no-config", "--debug", "--idle-time=0", "--socket=wl-test"])
            .args([format!("--width={width}"), format!("--height={height}")])
            .envs(self.environment())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.running = Some(Running(child.expect("weston starts")));
        let socket = self.folder.path().join("wl-test");
        wait_for("the compositor", LIMIT, || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok().then_some(())
        });
    }

    /// It dies.
    pub fn go(&mut self) {
        self.running = None;
    }

    /// By what programs find it.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        let folder = self.folder.path().to_owned();
        [("XDG_RUNTIME_DIR", folder), ("WAYLAND_DISPLAY", "wl-test".into())]
    }

    /// What it shows.
    pub fn shot(&self) -> Option<Shot> {
        let shots = tempfile::tempdir().expect("temp");
        let taken = Command::new("weston-screenshooter")
            .current_dir(shots.path())
            .envs(self.environment())
            .output()
            .expect("it runs");
        if !taken.status.success() {
            return None;
        }
        let file = std::fs::read_dir(shots.path()).expect("a folder").next()?.ok()?;
        let mut file = std::fs::File::open(file.path()).ok()?;
        Some(Shot(cairo::ImageSurface::create_from_png(&mut file).ok()?))
    }

    /// Waits until it shows a colour (red, green, blue) at a place.
    pub fn shows(&self, color: [u8; 3], (x, y): (usize, usize)) {
        wait_for("the compositor to show it", LIMIT, || {
            (self.shot()?.color_at(x, y) == color).then_some(())
        });
    }
}
