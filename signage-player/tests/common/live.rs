//! A screen in memory with a live picture, drawn in real time.
#![allow(dead_code, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::screen::Layout;
use protocol::time::UnixMillis;
use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::live::{Office, Processes};
use signage_player::scene::data::{Data, Moment};
use signage_player::scene::{Kit, Scene};
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::stage::output::PERIOD;

use super::office::{LIMIT, hash};
use super::{WALL, data, kit};

pub const SIZE: (u32, u32) = (320, 240);
pub const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];
const PICTURE: &str = r#"{"type":"picture","content":"green.png","duration_ms":1000},"#;

/// Processes of the real program.
pub fn processes(office: Option<Office>) -> Processes {
    Processes {
        program: Some(env!("CARGO_BIN_EXE_signage-player").into()),
        office,
    }
}

/// The same, by a name of the program's that no other test's processes have.
pub fn own_processes(dir: &Path, office: Option<Office>) -> Processes {
    let program = dir.join("player-of-this-test");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signage-player"), &program).expect("linked");
    Processes {
        program: Some(program),
        office,
    }
}

/// The processes that this one has started of them, and that aren't gone.
pub fn running(processes: &Processes) -> Vec<i32> {
    let program = processes.program.as_ref().expect("a program").as_os_str();
    let is_theirs = |pid: &i32| {
        let called = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        called.split(|byte| *byte == 0).next() == Some(program.as_encoded_bytes())
    };
    running_of(std::process::id()).into_iter().filter(is_theirs).collect()
}

/// The processes of live pictures that one has started, and that aren't gone.
pub fn running_of(pid: u32) -> Vec<i32> {
    let mut found = Vec::new();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    for task in tasks.flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    found.retain(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == signage_player::live::process::NAME
    });
    found
}

/// A live picture for two seconds, between others or alone.
pub struct Screen {
    pub scene: Scene,
    data: Data,
    pub canvas: Canvas,
    begun: Instant,
    /// By how much the time of day is ahead.
    pub ahead: Duration,
    /// Proof of what was on show.
    pub plays: signage_player::bridge::plays::Plays,
    _dir: tempfile::TempDir,
}

impl Screen {
    /// A green picture for a second, then the live one.
    pub fn new(url: &str, live: Processes) -> Self {
        Self::playing(PICTURE, url, live)
    }

    pub fn alone(url: &str, live: Processes) -> Self {
        Self::playing("", url, live)
    }

    fn playing(others: &str, url: &str, live: Processes) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let (width, height) = SIZE;
        let pixels = [GREEN[2], GREEN[1], GREEN[0], 0xff].repeat((width * height) as usize);
        let file = dir.path().join("green.png");
        let picture = Snapshot { width, height, pixels };
        std::fs::write(&file, png(picture).expect("a PNG")).expect("written");
        let mut data = data();
        data.library.insert("green.png".to_owned(), file);
        let layout = format!(
            r##"{{"version":2,"name":"t","width":{width},"height":{height},"pages":[{{"name":"home","background":"#ffffff","zones":[
            {{"name":"main","rect":{{"x":0,"y":0,"width":{width},"height":{height}}},"widget":{{"type":"playlist","items":[{others}
            {{"type":"live","name":"camera","url":"{url}","duration_ms":2000}}]}}}}]}}]}}"##
        );
        let layout: Layout = serde_json::from_str(&layout).expect("a layout");
        let kit = Kit { live, ..kit() };
        let plays = kit.plays.clone();
        Self {
            scene: Scene::build(Arc::new(layout), &kit).expect("a scene"),
            data,
            canvas: Canvas::new(width, height, [255, 0, 255]),
            begun: Instant::now(),
            ahead: Duration::ZERO,
            plays,
            _dir: dir,
        }
    }

    /// Draws in real time until `done`; it is told whether the green picture is on show.
    pub fn play(&mut self, what: &str, mut done: impl FnMut(&Scene, &Canvas, bool) -> bool) {
        let end = Instant::now() + LIMIT;
        loop {
            let at = self.begun.elapsed();
            let now = Moment {
                at,
                lead: Duration::ZERO,
                wall: UnixMillis(WALL.0).plus(at + self.ahead),
            };
            self.scene
                .draw(&mut self.canvas, &now, &self.data, &mut Region::default());
            let middle = self.canvas.color_at(SIZE.0 / 2, SIZE.1 / 2).expect("inside");
            if done(&self.scene, &self.canvas, middle == GREEN) {
                return;
            }
            assert!(
                Instant::now() < end,
                "waited {LIMIT:?} for {what}: {:?}",
                self.scene.faults()
            );
            std::thread::park_timeout(PERIOD);
        }
    }

    /// Waits until the live picture is on show, and moves.
    pub fn moves(&mut self) {
        let mut seen = BTreeSet::new();
        self.play("the live picture", |_, canvas, is_green| {
            if !is_green && canvas.color_at(0, 0) != Some([255, 255, 255]) {
                seen.insert(hash(canvas.bytes()));
            }
            seen.len() > 10
        });
    }

    /// Waits for a fault that says this.
    pub fn fails(&mut self, why: &str) {
        self.play(why, |scene, _, _| {
            scene.faults().iter().any(|fault| fault.contains(why))
        });
    }
}
