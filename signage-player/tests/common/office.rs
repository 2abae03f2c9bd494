//! A real player program in an office's folder of its own.
#![allow(dead_code, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use protocol::screen::{Content, Layout, Manifest, Report};
use sha2::{Digest, Sha256};

use super::wait_for;

pub const LIMIT: Duration = Duration::from_secs(60);
pub const PLAYER: &str = env!("CARGO_BIN_EXE_signage-player");

/// An office's folder with a stored layout, as a player leaves it, and no server.
pub struct Office {
    pub dir: tempfile::TempDir,
}

impl Office {
    /// The demo's layout stored, and nobody at the server's address.
    pub fn new() -> Self {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let office = Self::at("https://127.0.0.1:9", "");
        office.store(&configs.join("content/layouts/lobby.json"));
        office
    }

    /// Nothing stored; `more` goes to the end of the configuration.
    pub fn at(server: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let rigs = std::fs::canonicalize(configs.join("rigs")).expect("the rigs");
        let demo = std::fs::read_to_string(configs.join("demo.toml")).expect("demo.toml");
        let demo = demo
            .replace("\"../run", "\"run")
            .replace("\"rigs\"", &format!("{:?}", rigs.display().to_string()));
        let demo = demo.replace("https://localhost:8443", server);
        // One that says how the displays are says it of this screen too.
        let demo = match more.contains("[player.output]") {
            true => demo.replace("output = { full_screen = false }", ""),
            false => demo,
        };
        std::fs::write(dir.path().join("office.toml"), format!("{demo}\n{more}\n")).expect("written");
        Self { dir }
    }

    /// The demo's layout with its pictures; the film is left out, as if it had not arrived yet.
    pub fn store(&self, layout: &Path) {
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
            group: None,
            bundle_key: None,
        };
        let json = serde_json::to_vec(&manifest).expect("json");
        std::fs::write(home.join("manifest.json"), json).expect("written");
    }

    /// A picture that is green all over.
    pub fn picture(&self) -> Vec<u8> {
        let pixels = [0x40, 0xa0, 0x20, 0xff].repeat(832 * 468);
        let snapshot = signage_player::event::Snapshot {
            width: 832,
            height: 468,
            pixels,
        };
        signage_player::control::png(snapshot).expect("a PNG")
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("run/screens/lobby")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PLAYER);
        command
            .arg("--config")
            .arg(self.dir.path().join("office.toml"))
            .args(["--screen", "lobby"])
            .args(arguments);
        command.env("RUST_LOG", "warn").stdin(Stdio::null());
        command
    }

    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    pub fn status(&self) -> Option<Report> {
        let output = self.ask(&["--status"]);
        output
            .status
            .success()
            .then(|| serde_json::from_slice(&output.stdout).expect("a report"))
    }

    /// The picture on show, where a player answers.
    pub fn try_snapshot(&self) -> Option<Shot> {
        let file = self.dir.path().join("shot.png");
        let output = self.ask(&["--snapshot", file.to_str().expect("UTF-8")]);
        if !output.status.success() {
            return None;
        }
        let mut file = std::fs::File::open(file).expect("written");
        Some(Shot(cairo::ImageSurface::create_from_png(&mut file).expect("a PNG")))
    }

    pub fn start(&self) -> Running {
        Running(self.command(&["--headless"]).spawn().expect("starts"))
    }

    /// Puts a manifest and its contents on the screen's disk.
    pub fn put(&self, manifest: &Manifest, contents: &[&[u8]]) {
        std::fs::create_dir_all(self.home().join("content")).expect("made");
        for bytes in contents {
            std::fs::write(self.home().join("content").join(hash(bytes)), bytes).expect("written");
        }
        let json = serde_json::to_vec(manifest).expect("json");
        std::fs::write(self.home().join("manifest.json"), json).expect("written");
    }

    /// Files of the store under their final names that aren't what they should be.
    pub fn spoilt(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.home().join("content"))
            .into_iter()
            .flatten()
            .flatten();
        let named = files.filter_map(|file| file.file_name().into_string().ok());
        let whole = named.filter(|name| !name.contains('.'));
        // One that has just gone is not spoilt.
        let read = |name: &String| std::fs::read(self.home().join("content").join(name)).ok();
        whole
            .filter(|name| read(name).is_some_and(|bytes| hash(&bytes) != *name))
            .collect()
    }

    pub fn snapshot(&self) -> Shot {
        let file = self.dir.path().join("shot.png");
        let output = self.ask(&["--snapshot", file.to_str().expect("UTF-8")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut file = std::fs::File::open(file).expect("written");
        Shot(cairo::ImageSurface::create_from_png(&mut file).expect("a PNG"))
    }
}

pub struct Shot(pub cairo::ImageSurface);

impl Shot {
    pub fn color_at(&mut self, x: usize, y: usize) -> [u8; 3] {
        let stride = self.0.stride() as usize;
        let data = self.0.data().expect("pixels");
        let pixel = &data[y * stride + x * 4..][..3];
        [pixel[2], pixel[1], pixel[0]]
    }
}

impl Shot {
    /// Whether something else than a white ground is on show, in its middle row.
    pub fn is_not_all_white(&mut self) -> bool {
        let (width, y) = (self.0.width() as usize, self.0.height() as usize / 2);
        (0..width).any(|x| self.color_at(x, y) != [255, 255, 255])
    }
}

/// Ends a program that a test started.
pub struct Running(pub Child);

impl Running {
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        wait_for("the player's end", LIMIT, || self.0.try_wait().expect("a child"))
    }
}

impl Running {
    /// The process of one of its two parts, where it is there: by its name.
    pub fn part(&self, name: &str) -> Option<i32> {
        let pid = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let is_it = |pid: &&str| {
            let called = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            called.is_ok_and(|called| called.trim() == name)
        };
        children.split_whitespace().find(is_it)?.parse().ok()
    }

    pub fn signal_part(&self, name: &str, signal: nix::sys::signal::Signal) -> i32 {
        let pid = wait_for(name, LIMIT, || self.part(name));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("it is there");
        pid
    }

    /// Ends it at once, as a power cut does, and waits until nothing of it is left.
    pub fn kill(&mut self) {
        let parts = ["signage-picture", "signage-agent"].map(|name| self.part(name));
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
        for pid in parts.into_iter().flatten() {
            wait_for("the parts' end", LIMIT, || {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                (stat.is_empty() || stat.contains(") Z")).then_some(())
            });
        }
    }
}

pub fn hash(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A picture that no other seed gives, and that can't be made smaller: every pixel is its own.
pub fn noise(seed: u64, (width, height): (u32, u32)) -> Noise {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let pixels = (0..width * height).flat_map(|_| {
        let [blue, green, red, ..] = next().to_le_bytes();
        [blue, green, red, 0xff]
    });
    let pixels: Vec<u8> = pixels.collect();
    let snapshot = signage_player::event::Snapshot {
        width,
        height,
        pixels: pixels.clone(),
    };
    let file = signage_player::control::png(snapshot).expect("a PNG");
    Noise { file, pixels }
}

/// A picture: its PNG, and its pixels as they should be seen (BGRx).
#[derive(Clone)]
pub struct Noise {
    pub file: Vec<u8>,
    pub pixels: Vec<u8>,
}

impl Shot {
    /// Whether this is exactly that picture, every pixel of it.
    pub fn shows(&mut self, noise: &Noise) -> bool {
        let (width, stride) = (self.0.width() as usize * 4, self.0.stride() as usize);
        let height = self.0.height() as usize;
        let data = self.0.data().expect("pixels");
        let is_same = |(a, b): (&[u8], &[u8])| a[..3] == b[..3];
        noise.pixels.len() == width * height
            && (0..height).all(|row| {
                let seen = data[row * stride..][..width].chunks(4);
                seen.zip(noise.pixels[row * width..][..width].chunks(4)).all(is_same)
            })
    }
}

/// A manifest that shows pictures over the whole screen, one after the other.
pub fn pictures(name: &str, size: (u32, u32), named: &[(&str, &[u8])]) -> Manifest {
    let items = named
        .iter()
        .map(|(content, _)| serde_json::json!({"type": "picture", "content": content, "duration_ms": 500}));
    playlist(name, size, &items.collect::<Vec<_>>(), named)
}

/// A manifest that shows items over the whole screen, one after the other.
pub fn playlist(name: &str, size: (u32, u32), items: &[serde_json::Value], named: &[(&str, &[u8])]) -> Manifest {
    let (width, height) = size;
    let layout = serde_json::json!({"version": 2, "name": name, "width": width, "height": height, "pages": [
        {"name": "home", "background": "#ffffff", "zones": [
            {"name": "main", "rect": {"x": 0, "y": 0, "width": width, "height": height},
             "widget": {"type": "playlist", "items": items}}]}]});
    let layout: Layout = serde_json::from_value(layout).expect("a layout");
    let content = |bytes: &[u8]| Content {
        sha256: hash(bytes),
        size: bytes.len() as u64,
        media_type: "image/png".into(),
    };
    Manifest {
        layout,
        contents: named
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), content(bytes)))
            .collect(),
        group: None,
        bundle_key: None,
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn frames_at_least(office: &Office, frames: u64) -> Report {
    wait_for("frames", LIMIT, || {
        office.status().filter(|report| report.frames >= frames)
    })
}
