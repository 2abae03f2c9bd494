//! Each widget's picture against a stored one. Tolerance: at most 0.5 % of the pixels may differ by more
//! than 40 of 255 in a channel (another version of the font's rasteriser moves edges, not letters).
//! `UPDATE_GOLDEN=1 cargo test -p signage-player --test golden` draws them anew.
#![allow(clippy::expect_used)]

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{WALL, area, data, moment, scene};
use protocol::congestion::{AreaState, Level, Trend};
use protocol::time::UnixMillis;
use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::scene::data::Data;
use signage_player::stage::canvas::{Canvas, Region};

const CHANNEL_TOLERANCE: u8 = 40;
const PIXEL_TOLERANCE: f64 = 0.005;

fn check(name: &str, size: (u32, u32), widget: &str, data: &Data, at: &[u64]) {
    let (width, height) = size;
    // Sizes of letters follow the screen's height, so the widget hangs in a screen of its usual size.
    let layout = format!(
        r##"{{"version":1,"name":"golden","width":1280,"height":720,"pages":[{{"name":"home","background":"#f4f6fb",
        "zones":[{{"name":"it","rect":{{"x":0,"y":0,"width":{width},"height":{height}}},{widget}}}]}}]}}"##
    );
    let mut scene = scene(&layout);
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    for millis in at {
        scene.draw(
            &mut canvas,
            &moment(Duration::from_millis(*millis)),
            data,
            &mut Region::default(),
        );
    }
    let rows = canvas.bytes().chunks_exact(1280 * 4).take(height as usize);
    let pixels: Vec<u8> = rows.flat_map(|row| row[..width as usize * 4].to_vec()).collect();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.png"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, png(Snapshot { width, height, pixels }).expect("png")).expect("written");
        return;
    }
    let stored = std::fs::File::open(&file).expect("the golden picture; UPDATE_GOLDEN=1 draws it");
    let mut stored = cairo::ImageSurface::create_from_png(&mut std::io::BufReader::new(stored)).expect("a PNG");
    assert_eq!(
        (stored.width(), stored.height()),
        (width as i32, height as i32),
        "{name}"
    );
    let stride = stored.stride() as usize;
    let stored = stored.data().expect("its pixels");
    let differs = |(index, pixel): (usize, &[u8])| {
        let (x, y) = (index % width as usize, index / width as usize);
        let other = &stored[y * stride + x * 4..][..3];
        pixel[..3]
            .iter()
            .zip(other)
            .any(|(a, b)| a.abs_diff(*b) > CHANNEL_TOLERANCE)
    };
    let different = pixels.chunks_exact(4).enumerate().filter(|it| differs(*it)).count();
    let share = different as f64 / f64::from(width * height);
    if share > PIXEL_TOLERANCE {
        let seen = std::env::temp_dir().join(format!("{name}-differs.png"));
        std::fs::write(&seen, png(Snapshot { width, height, pixels }).expect("png")).expect("written");
        panic!(
            "{name}: {:.2} % of the pixels differ; drawn now: {}",
            share * 100.0,
            seen.display()
        );
    }
}

fn state(id: &str, level: Level, count: Option<u32>, seconds_ago: u64) -> AreaState {
    AreaState {
        area: area(id),
        count,
        capacity: 40,
        level,
        trend: Trend::Steady,
        observed_at: Some(UnixMillis(WALL.0 - seconds_ago * 1000)),
        changed_at: UnixMillis(0),
        version: 1,
    }
}

#[test]
fn clock_wide_and_tall() {
    check("clock-wide", (744, 100), r#""widget":{"type":"clock"}"#, &data(), &[0]);
    check("clock-tall", (376, 124), r#""widget":{"type":"clock"}"#, &data(), &[0]);
}

#[test]
fn label() {
    let widget = r##""widget":{"type":"label","text":{"ja":"南区役所"},"size":52,"color":"#0017c1"}"##;
    check("label", (480, 100), widget, &data(), &[0]);
}

#[test]
fn buttons_onward_and_back() {
    let onward =
        r#""widget":{"type":"button","text":{"ja":"ご案内・お問い合わせ"}},"on_touch":{"do":"go_to","page":"home"}"#;
    check("button-onward", (376, 112), onward, &data(), &[0]);
    let back = r#""widget":{"type":"button","text":{"ja":"最初の画面にもどる"}},"on_touch":{"do":"go_home"}"#;
    check("button-back", (376, 112), back, &data(), &[0]);
}

#[test]
fn board_with_one_area_at_every_level() {
    let widget = r#""widget":{"type":"congestion_board","title":{"ja":"いまの混みぐあい"},
        "areas":[{"area":"lobby-1f","label":{"ja":"1階ロビー"}}]}"#;
    let levels = [
        ("free", Level::Free, Some(3)),
        ("moderate", Level::Moderate, Some(7)),
        ("busy", Level::Busy, Some(21)),
        ("full", Level::Full, Some(40)),
    ];
    for (name, level, count) in levels {
        let mut data = data();
        // Heard a minute ago, and observed then.
        data.hear_areas(vec![state("lobby-1f", level, count, 75)], UnixMillis(WALL.0 - 75_000));
        check(&format!("board-{name}"), (376, 332), widget, &data, &[0]);
    }
    check("board-unknown", (376, 332), widget, &data(), &[0]);
}

#[test]
fn board_with_three_areas() {
    let widget = r#""widget":{"type":"congestion_board","title":{"ja":"いまの混みぐあい"},"areas":[
        {"area":"lobby-1f","label":{"ja":"1階ロビー"}},{"area":"kosodate","label":{"ja":"子育て"}},
        {"area":"parking","label":{"ja":"駐車場"}}]}"#;
    let mut data = data();
    let states = vec![
        state("lobby-1f", Level::Free, Some(3), 0),
        state("kosodate", Level::Moderate, Some(7), 0),
        state("parking", Level::Busy, Some(21), 0),
    ];
    data.hear_areas(states, WALL);
    check("board-three", (376, 332), widget, &data, &[0]);
}

#[test]
fn ticker_after_five_seconds() {
    let widget = r#""widget":{"type":"ticker","speed":120,"text":{"ja":"【窓口の時間】月曜日から金曜日まで、午前9時から午後5時30分までです。"}}"#;
    let ticks: Vec<u64> = (0..=50).map(|tick| tick * 100).collect();
    check("ticker", (640, 88), widget, &data(), &ticks);
}
