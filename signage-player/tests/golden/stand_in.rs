//! What stands in for playlists with nothing to play.

use std::sync::Arc;
use std::time::Duration;

use protocol::congestion::Level;
use protocol::screen::{BoardArea, Layout};
use signage_player::scene::{Kit, Scene};
use signage_player::stage::canvas::{Canvas, Region};

use crate::boards::{LOBBY, state};
use crate::common::{WALL, area, data, kit, moment};
use crate::picture::{LARGE, Screen, UPRIGHT, compare};
use crate::sheet::{Sheet, text};

/// What stands in for playlists with nothing to play, in these zones of one page.
fn check_stand_in(name: &str, screen: Screen, zones: &[(u32, u32, u32, u32)], areas: usize) {
    let (width, height) = screen.size;
    let zone = |(index, (x, y, width, height)): (usize, &(u32, u32, u32, u32))| {
        format!(
            r#"{{"name":"zone-{index}","rect":{{"x":{x},"y":{y},"width":{width},"height":{height}}},
            "widget":{{"type":"playlist","items":[{{"type":"video","content":"none.mp4"}}]}}}}"#
        )
    };
    let zones: Vec<String> = zones.iter().enumerate().map(zone).collect();
    let layout = format!(
        r##"{{"version":2,"name":"golden","width":{width},"height":{height},"languages":["{}"],"text_percent":{},
        "pages":[{{"name":"home","background":"#f4f6fb","zones":[{}]}}]}}"##,
        screen.language,
        screen.text_percent,
        zones.join(",")
    );
    let layout: Layout = serde_json::from_str(&layout).expect("a layout");
    let labels = ["1階ロビー", "子育て", "駐車場"];
    let area = |(at, label): (usize, &str)| BoardArea {
        area: area(["lobby-1f", "kosodate", "parking"][at]),
        label: label.into(),
    };
    let kit = Kit {
        areas: labels.into_iter().enumerate().map(area).take(areas).collect(),
        ..kit()
    };
    let mut scene = Scene::build(Arc::new(layout), &kit).expect("a scene");
    let mut data = data();
    data.hear_areas(
        vec![
            state("lobby-1f", Level::Moderate, Some(7), 0),
            state("kosodate", Level::Free, Some(2), 0),
        ],
        WALL,
    );
    let mut canvas = Canvas::new(width, height, [0, 0, 0]);
    for millis in [0, 1_900, 2_100] {
        scene.draw(
            &mut canvas,
            &moment(Duration::from_millis(millis)),
            &data,
            &mut Region::default(),
        );
    }
    compare(name, screen.size, &canvas);
}

#[test]
fn where_nothing_can_be_played_name_clock_and_board_stand_in() {
    let wide = Screen::default();
    check_stand_in("stand-in", wide, &[(24, 132, 832, 468)], 2);
    check_stand_in("stand-in-whole", wide, &[(0, 0, 1280, 720)], 3);
    check_stand_in("stand-in-low", wide, &[(24, 24, 500, 260)], 1);
    check_stand_in("stand-in-flat", wide, &[(24, 24, 1232, 84)], 2);
    check_stand_in("stand-in-large", LARGE, &[(24, 24, 900, 420)], 2);
    check_stand_in("stand-in-portrait", UPRIGHT, &[(0, 0, 720, 1280)], 3);
    let two = [(24, 24, 832, 500), (880, 24, 376, 240), (880, 284, 376, 240)];
    check_stand_in("stand-in-three-zones", wide, &two, 1);
}

#[test]
fn sheet_of_a_playlist_with_nothing_to_play() {
    let widget =
        r#""widget":{"type":"playlist","items":[{"type":"picture","content":"gone.png","duration_ms":10000}]}"#;
    let mut sheet = Sheet::new("fallback", (360, 300), (225, 360), widget);
    sheet.kit.office = text([
        "南区役所",
        "みなみく やくしょ",
        "Minami Ward Office",
        "南区政府",
        "미나미 구청",
        "Quận Minami",
    ]);
    sheet.kit.areas = vec![BoardArea {
        area: area("lobby-1f"),
        label: text(LOBBY),
    }];
    let mut data = data();
    data.hear_areas(vec![state("lobby-1f", Level::Busy, Some(21), 0)], WALL);
    Sheet {
        // It is shown a while after the last picture.
        at: (0..=80).map(|tick| tick * 100).collect(),
        ..sheet.with(data)
    }
    .check();
}
