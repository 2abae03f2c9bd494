//! What a screen shows when: real files, decoded by real pipelines, while the office's clock goes as the test says.
#![allow(clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::office::{LIMIT, Office, hash};
use common::{WALL, data, scene, wait_for};
use protocol::screen::{Content, Layout, Manifest, Notice, Text, Urgency};
use protocol::time::UnixMillis;
use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::scene::Scene;
use signage_player::scene::data::{Data, Moment};
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::stage::output::PERIOD;

const SIZE: (u32, u32) = (128, 72);
const RED: [u8; 3] = [0xd0, 0x20, 0x20];
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];
const BLUE: [u8; 3] = [0x20, 0x40, 0xd0];
const BLACK: [u8; 3] = [0, 0, 0];
const MINUTE: u64 = 60_000;

fn picture([red, green, blue]: [u8; 3]) -> Vec<u8> {
    let pixels = [blue, green, red, 0xff].repeat((SIZE.0 * SIZE.1) as usize);
    png(Snapshot {
        width: SIZE.0,
        height: SIZE.1,
        pixels,
    })
    .expect("a PNG")
}

fn pictures(dir: &Path, data: &mut Data) {
    for (name, color) in [("red.png", RED), ("green.png", GREEN), ("blue.png", BLUE)] {
        let file = dir.join(name);
        std::fs::write(&file, picture(color)).expect("written");
        data.library.insert(name.to_owned(), file);
    }
}

/// An hour long, so that only the clock changes anything.
fn item(name: &str, when: &str) -> String {
    format!(r#"{{"type":"picture","content":"{name}","duration_ms":3600000,"when":{when}}}"#)
}

fn layout(items: &[String], more_of_playlist: &str, more: &str) -> String {
    let (width, height) = SIZE;
    let items = items.join(",");
    format!(
        r##"{{"version":2,"name":"t","width":{width},"height":{height}{more},"pages":[{{"name":"home","background":"#ffffff","zones":[
        {{"name":"main","rect":{{"x":0,"y":0,"width":{width},"height":{height}}},
        "widget":{{"type":"playlist","items":[{items}]{more_of_playlist}}}}}]}}]}}"##
    )
}

/// A screen whose clock the test moves.
struct Screen {
    scene: Scene,
    data: Data,
    canvas: Canvas,
    tick: u32,
    /// Minutes since 14:30 on Monday, November 23 in Tokyo: a national holiday.
    minute: u64,
    _dir: tempfile::TempDir,
}

impl Screen {
    fn new(layout: &str, knows_the_time: bool) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let mut data = data();
        pictures(dir.path(), &mut data);
        if knows_the_time {
            data.welcome(WALL, WALL, "Asia/Tokyo");
        }
        Self {
            scene: scene(layout),
            data,
            canvas: Canvas::new(SIZE.0, SIZE.1, [255, 0, 255]),
            tick: 0,
            minute: 0,
            _dir: dir,
        }
    }

    fn draw(&mut self) -> [u8; 3] {
        let now = Moment {
            at: PERIOD * self.tick,
            lead: Duration::ZERO,
            wall: UnixMillis(WALL.0 + self.minute * MINUTE),
        };
        self.tick += 1;
        self.scene
            .draw(&mut self.canvas, &now, &self.data, &mut Region::default());
        self.canvas.color_at(SIZE.0 / 2, SIZE.1 / 2).expect("inside")
    }

    /// Waits for a picture; until then only `before` may be seen.
    fn shows(&mut self, color: [u8; 3], before: &[[u8; 3]]) {
        let begun = Instant::now();
        loop {
            let seen = self.draw();
            if is_near(seen, color) {
                return;
            }
            assert!(
                before.is_empty() || before.iter().any(|it| is_near(seen, *it)),
                "{seen:?} is neither {color:?} nor {before:?}"
            );
            let faults = self.scene.faults();
            assert!(begun.elapsed() < LIMIT, "{seen:?} and not {color:?}: {faults:?}");
            std::thread::park_timeout(PERIOD);
        }
    }

    /// For so many frames nothing else is seen.
    fn keeps(&mut self, color: [u8; 3]) {
        for _ in 0..30 {
            let seen = self.draw();
            assert!(is_near(seen, color), "{seen:?} and not {color:?}");
        }
    }
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 24)
}

#[test]
fn an_events_list_takes_over_at_its_minute_and_gives_back_at_its_end() {
    let event = format!(
        r#","lists":[{{"name":"event","when":{{"days":["holiday"],"times":["15:00-16:00"]}},"items":[{}]}}]"#,
        item("blue.png", "{}")
    );
    let mut screen = Screen::new(&layout(&[item("green.png", "{}")], &event, ""), true);
    screen.shows(GREEN, &[]);
    screen.minute = 29;
    screen.keeps(GREEN);
    screen.minute = 30;
    screen.shows(BLUE, &[GREEN]);
    screen.minute = 89;
    screen.keeps(BLUE);
    screen.minute = 90;
    screen.shows(GREEN, &[BLUE]);
    // The next day is no holiday.
    screen.minute = 24 * 60 + 30;
    screen.keeps(GREEN);
    assert_eq!(screen.scene.faults(), Vec::<String>::new());
}

#[test]
fn an_item_whose_time_is_over_goes_and_where_nothing_is_left_the_office_stands_in() {
    let items = [
        item("red.png", r#"{"until":"2026-11-23"}"#),
        item("green.png", r#"{"from":"2026-11-24","times":["09:00-12:00"]}"#),
    ];
    let mut screen = Screen::new(&layout(&items, "", ""), true);
    screen.shows(RED, &[]);
    screen.minute = 9 * 60 + 30;
    let night = [0xe8, 0xf1, 0xfe];
    screen.shows(night, &[RED]);
    assert_eq!(
        screen.scene.faults(),
        Vec::<String>::new(),
        "a night without a list is no fault"
    );
    // 09:00.
    screen.minute = 18 * 60 + 30;
    screen.shows(GREEN, &[]);
}

#[test]
fn a_list_that_is_on_and_can_show_nothing_leaves_its_place_to_the_next_and_says_so() {
    let lists = format!(
        r#","lists":[{{"name":"closed","when":{{}},"items":[{}]}},{{"name":"gone","when":{{}},"items":[{}]}}]"#,
        item("blue.png", r#"{"days":["WE"]}"#),
        item("nowhere.png", "{}")
    );
    let mut screen = Screen::new(&layout(&[item("green.png", "{}")], &lists, ""), true);
    screen.shows(GREEN, &[]);
    let faults = screen.scene.faults();
    assert!(faults.iter().any(|fault| fault.starts_with("closed: ")), "{faults:?}");
}

#[test]
fn while_nobody_knows_the_time_what_has_no_times_is_played_until_the_server_says_it() {
    let items = [
        item("red.png", r#"{"days":["holiday"],"times":["14:00-15:00"]}"#),
        item("green.png", "{}"),
    ];
    let only_red = r#","lists":[{"name":"event","when":{"days":["holiday"]},"items":[{"type":"picture","content":"red.png","duration_ms":3600000}]}]"#;
    let mut screen = Screen::new(&layout(&items, only_red, ""), false);
    screen.shows(GREEN, &[]);
    screen.keeps(GREEN);
    let faults = screen.scene.faults();
    assert!(faults.len() == 1 && faults[0].starts_with("clock: "), "{faults:?}");
    screen.data.welcome(WALL, WALL, "Asia/Tokyo");
    screen.shows(RED, &[GREEN]);
    assert_eq!(screen.scene.faults(), Vec::<String>::new());
}

#[test]
fn a_screen_that_is_off_is_black_plays_nothing_and_comes_on_for_an_emergency() {
    let on = r#","on":[{"days":["open","holiday"],"times":["08:00-17:00"]}]"#;
    let mut screen = Screen::new(&layout(&[item("green.png", "{}")], "", on), true);
    screen.shows(GREEN, &[]);
    // 17:00.
    screen.minute = 150;
    screen.shows(BLACK, &[GREEN]);
    screen.keeps(BLACK);
    assert!(screen.scene.is_dark());
    let alarm = |urgency| Notice {
        id: "1".into(),
        text: Text::japanese("避難してください"),
        urgency,
        until: None,
    };
    let now = UnixMillis(WALL.0 + 150 * MINUTE);
    screen.data.hear_notices(vec![alarm(Urgency::Urgent)], now);
    screen.keeps(BLACK);
    screen.data.hear_notices(vec![alarm(Urgency::Emergency)], now);
    screen.draw();
    assert!(!screen.scene.is_dark(), "somebody has to be told");
    screen.data.hear_notices(Vec::new(), now);
    screen.draw();
    assert!(screen.scene.is_dark());
    // 08:00 on Tuesday.
    screen.minute = 17 * 60 + 30;
    screen.shows(GREEN, &[BLACK]);
}

#[test]
fn a_real_player_without_a_clock_plays_what_has_no_times_and_reports_it() {
    // This machine has neither a battery clock nor a server that says the time: as a new screen in a cellar.
    if signage_player::schedule::clock::is_confirmed() {
        return;
    }
    let office = Office::new();
    let (green, red) = (picture(GREEN), picture(RED));
    let items = [item("red.png", r#"{"times":["00:00-24:00"]}"#), item("green.png", "{}")];
    let on = r#","on":[{"until":"2000-01-01"}]"#;
    let content = |bytes: &[u8]| Content {
        sha256: hash(bytes),
        size: bytes.len() as u64,
        media_type: "image/png".into(),
    };
    let manifest = Manifest {
        group: None,
        bundle_key: None,
        layout: Layout::parse(&layout(&items, "", on)).expect("a layout"),
        contents: [("red.png", &red), ("green.png", &green)]
            .map(|(name, bytes)| (name.to_owned(), content(bytes)))
            .into(),
    };
    office.put(&manifest, &[&green, &red]);
    let _player = office.start();
    wait_for("the item without times", LIMIT, || {
        let mut shot = office.try_snapshot()?;
        is_near(shot.color_at(64, 36), GREEN).then_some(())
    });
    let report = wait_for("the clock is reported", LIMIT, || {
        let report = office.status()?;
        let is_said = report.faults.iter().any(|fault| fault.starts_with("clock: "));
        is_said.then_some(report)
    });
    assert_eq!(report.black, 0, "without a clock a screen is never off");
}
