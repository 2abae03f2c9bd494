//! What is touched: buttons, languages, codes for a phone, and what lies over a page meanwhile.

use std::time::Duration;

use protocol::screen::{Language, Remote};
use protocol::time::UnixMillis;
use signage_player::scene::data::Data;
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::touch::Phase;

use crate::common::{WALL, data, moment, scene};
use crate::picture::{check, compare};
use crate::sheet::{Sheet, said};

#[test]
fn sheet_of_buttons() {
    let onward = said([
        "ご案内・お問い合わせ",
        "あんない・といあわせ",
        "Information desk",
        "咨询与指引",
        "안내·문의",
        "Hướng dẫn và hỏi đáp",
    ]);
    let widget = format!(r#""widget":{{"type":"button","text":{onward}}},"on_touch":{{"do":"go_to","page":"home"}}"#);
    Sheet::new("button", (260, 70), (225, 75), &widget).check();
    let back = said([
        "最初の画面にもどる",
        "はじめに もどる",
        "Back to the start",
        "返回首页",
        "처음으로",
        "Về trang đầu",
    ]);
    let widget = format!(r#""widget":{{"type":"button","text":{back}}},"on_touch":{{"do":"go_home"}}"#);
    Sheet::new("button-back", (260, 70), (225, 75), &widget).check();
}

#[test]
fn choosing_a_language() {
    let layout = r##"{"version":2,"name":"t","width":1280,"height":720,"languages":["ja","easy","en","zh","ko","vi"],"pages":[
      {"name":"home","background":"#f4f6fb","zones":[
        {"name":"choose","rect":{"x":0,"y":0,"width":900,"height":220},"widget":{"type":"language_chooser"}},
        {"name":"clock","rect":{"x":0,"y":240,"width":744,"height":100},"widget":{"type":"clock"}}]}]}"##;
    let mut scene = scene(layout);
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    scene.draw(&mut canvas, &moment(Duration::ZERO), &data(), &mut Region::default());
    compare("language-chooser", (900, 340), &canvas);
    // The third key of the first row is English.
    assert!(scene.touch(850.0, 50.0, &moment(Duration::from_secs(1))));
    assert_eq!(scene.language(), Language::En);
    scene.draw(
        &mut canvas,
        &moment(Duration::from_secs(2)),
        &data(),
        &mut Region::default(),
    );
    compare("language-chosen", (900, 340), &canvas);
    // The next visitor begins in Japanese.
    scene.draw(
        &mut canvas,
        &moment(Duration::from_secs(62)),
        &data(),
        &mut Region::default(),
    );
    assert_eq!(scene.language(), Language::Ja);
    compare("language-chooser", (900, 340), &canvas);
}

fn with_remote(remote: Remote) -> Data {
    let mut data = data();
    data.hear_remote(remote, WALL);
    data
}

fn open() -> Remote {
    Remote::Open {
        address: "https://madoguchi.example.jp/r/lobby.5x0g7c2mqv9kt3hw8zjd4rbn1e".into(),
        until: UnixMillis(WALL.0 + 60_000),
    }
}

#[test]
fn a_remote_control_that_is_taken_or_off() {
    let widget = r#""widget":{"type":"qr_code","kind":"remote"}"#;
    check("remote-held", (300, 340), widget, &with_remote(Remote::Held), &[0]);
    check("remote-off", (300, 340), widget, &data(), &[0]);
}

#[test]
fn sheet_of_codes() {
    let caption = said([
        "スマートフォンで予約",
        "スマホで よやく",
        "Book by phone",
        "用手机预约",
        "스마트폰으로 예약",
        "Đặt lịch bằng điện thoại",
    ]);
    let widget =
        format!(r#""widget":{{"type":"qr_code","content":"https://minami.example.jp/book","caption":{caption}}}"#);
    Sheet::new("qr", (200, 225), (225, 250), &widget).check();
    let widget = r#""widget":{"type":"qr_code","kind":"remote"}"#;
    Sheet::new("remote", (200, 225), (225, 250), widget)
        .with(with_remote(open()))
        .check();
}

/// A page with two buttons and a code, and one with the way back.
const DESK: &str = r##"{"version":2,"name":"t","width":1280,"height":720,"languages":["ja","vi"],"reset_after_ms":30000,"pages":[
  {"name":"home","background":"#f4f6fb","zones":[
    {"name":"clock","rect":{"x":512,"y":16,"width":744,"height":100},"widget":{"type":"clock"}},
    {"name":"zei","rect":{"x":40,"y":160,"width":560,"height":140},"widget":{"type":"button","text":{"ja":"税のこと","vi":"Thuế"}},
     "on_touch":{"do":"go_to","page":"zei"}},
    {"name":"kosodate","rect":{"x":40,"y":340,"width":560,"height":140},"widget":{"type":"button","text":{"ja":"子育てのこと"}},
     "on_touch":{"do":"go_to","page":"zei"}},
    {"name":"phone","rect":{"x":900,"y":160,"width":320,"height":360},"widget":{"type":"qr_code","kind":"remote"}}]},
  {"name":"zei","background":"#e8f1fe","zones":[
    {"name":"back","rect":{"x":40,"y":160,"width":560,"height":140},"widget":{"type":"button","text":{"ja":"最初の画面にもどる"}},
     "on_touch":{"do":"go_home"}}]}]}"##;

#[test]
fn what_lies_over_the_pages() {
    let mut scene = scene(DESK);
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    let mut draw = |scene: &mut signage_player::scene::Scene, data: &Data, at: u64, name: &str| {
        let now = moment(Duration::from_millis(at));
        scene.draw(&mut canvas, &now, data, &mut Region::default());
        compare(name, (1280, 720), &canvas);
    };
    let (open, held) = (with_remote(open()), with_remote(Remote::Held));
    scene.contact(1, Phase::Down, (100.0, 200.0), &moment(Duration::from_millis(10)));
    draw(&mut scene, &open, 20, "over-pressed");
    scene.contact(1, Phase::Up, (100.0, 200.0), &moment(Duration::from_millis(100)));
    assert_eq!(scene.page(), "zei");
    draw(&mut scene, &held, 24_000, "over-held-and-hint");
}
