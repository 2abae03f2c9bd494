//! Whole screens: what stands there while nothing else does, and a ready-made layout that hangs upright.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::congestion::Level;
use protocol::screen::pairing::Offer;
use protocol::screen::{Layout, Notice, Text, Urgency};
use signage_player::agent::pairing;
use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::scene::data::Data;
use signage_player::scene::{Scene, standby};
use signage_player::stage::canvas::{Canvas, Region};

use crate::boards::state;
use crate::common::{WALL, data, kit, moment};
use crate::picture::compare;

const PAPER: [u8; 3] = [0xff, 0xff, 0xff];

/// A layout's first page; `data` as it is, a picture where one is to come.
fn check(name: &str, layout: Layout, data: &Data, waits_for: Option<[u8; 3]>) {
    let size = (layout.width, layout.height);
    let mut scene = Scene::build(Arc::new(layout), &kit()).expect("a scene");
    let mut canvas = Canvas::new(size.0, size.1, PAPER);
    let end = Instant::now() + Duration::from_secs(60);
    for tick in 0.. {
        let now = moment(Duration::from_millis(tick * 33));
        scene.draw(&mut canvas, &now, data, &mut Region::default());
        match waits_for {
            None if tick > 240 => break,
            None => {}
            Some(color) if canvas.color_at(size.0 / 2, size.1 / 2) == Some(color) => break,
            Some(_) => {
                assert!(Instant::now() < end, "{name}: {:?}", scene.faults());
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
    }
    compare(name, size, &canvas);
}

#[test]
fn a_screen_with_nothing_to_show() {
    check(
        "screen-standby",
        standby::layout(&Text::japanese("南区役所")),
        &data(),
        None,
    );
}

#[test]
fn a_screen_that_shows_its_code() {
    let offer = Offer {
        device_code: String::new(),
        user_code: "012-345-678".to_owned(),
        verification_uri: "https://madoguchi.example.jp/staff/screens".to_owned(),
        expires_in: 600,
        interval: 5,
    };
    check(
        "screen-pairing",
        pairing::page(&Text::japanese("南区役所"), &offer),
        &data(),
        None,
    );
}

#[test]
fn an_upright_screen_with_a_ready_made_layout() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/layouts/board-upright.json");
    let layout = std::fs::read_to_string(file).expect("there");
    let areas = r#""areas": [{"area": "lobby-1f", "label": {"ja": "1階ロビー"}}]"#;
    let layout = layout.replace("{office}", "南区役所").replace(r#""areas": []"#, areas);
    let mut data = data();
    data.hear_areas(vec![state("lobby-1f", Level::Busy, Some(21), 0)], WALL);
    let notice = Notice {
        id: "n".into(),
        text: "本日11月23日（月）は祝日のため、区役所はお休みです。".into(),
        urgency: Urgency::Normal,
        until: None,
    };
    data.hear_notices(vec![notice], WALL);
    check(
        "screen-upright",
        serde_json::from_str(&layout).expect("a layout"),
        &data,
        None,
    );
}

#[test]
fn a_still_picture_in_a_playlist() {
    let dir = tempfile::tempdir().expect("temp");
    let file = dir.path().join("still.png");
    let (width, height) = (160_u32, 90_u32);
    // Stripes around a middle of one colour.
    let pixel = |at: u32| {
        let (x, y) = (at % width, at / width);
        let is_middle = x.abs_diff(width / 2) < 40 && y.abs_diff(height / 2) < 20;
        if is_middle || x / 10 % 2 == 0 {
            [0xff, 0xff, 0xff, 0xff]
        } else {
            [0, 0, 0xff, 0xff]
        }
    };
    let pixels = (0..width * height).flat_map(pixel).collect();
    let bytes = png(Snapshot { width, height, pixels }).expect("png");
    std::fs::write(&file, bytes).expect("written");
    let mut data = data();
    data.library.insert("still.png".to_owned(), file);
    let layout = r##"{"version":2,"name":"t","width":640,"height":480,"pages":[{"name":"home","background":"#f4f6fb","zones":[
        {"name":"main","rect":{"x":40,"y":60,"width":560,"height":360},"widget":{"type":"playlist","items":[
        {"type":"picture","content":"still.png","duration_ms":600000}]}}]}]}"##;
    check(
        "screen-picture",
        serde_json::from_str(layout).expect("a layout"),
        &data,
        Some(PAPER),
    );
}
