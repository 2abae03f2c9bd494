//! Clocks, floor maps and the receptionist.

use std::path::Path;
use std::time::Duration;

use protocol::time::UnixMillis;
use signage_player::scene::data::Moment;
use signage_player::stage::canvas::{Canvas, Region};

use crate::common::{data, moment, scene};
use crate::picture::compare;
use crate::sheet::{Sheet, said};

#[test]
fn sheet_of_clocks() {
    Sheet::new("clock", (390, 60), (225, 90), r#""widget":{"type":"clock"}"#).check();
}

#[test]
fn an_unset_clock_says_so() {
    let mut scene = scene(
        r##"{"version":2,"name":"t","width":1280,"height":720,"pages":[{"name":"home","background":"#f4f6fb","zones":[
        {"name":"clock","rect":{"x":0,"y":0,"width":744,"height":100},"widget":{"type":"clock"}}]}]}"##,
    );
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    let unset = Moment {
        wall: UnixMillis(86_400_000),
        ..moment(Duration::ZERO)
    };
    scene.draw(&mut canvas, &unset, &data(), &mut Region::default());
    compare("clock-unset", (744, 100), &canvas);
}

#[test]
fn sheet_of_maps() {
    let label = said(["戸籍・住民票", "こせき", "Registration", "户籍", "호적", "Hộ tịch"]);
    let widget = format!(
        r#""widget":{{"type":"floor_map","route_to":"door","plan":{{"width":800,"height":480,"here":"screen",
      "rooms":[{{"rect":{{"x":20,"y":20,"width":330,"height":130}},"label":{label}}},
        {{"rect":{{"x":450,"y":20,"width":330,"height":130}},"label":{label},"door":"door"}}],
      "points":[{{"name":"screen","x":200,"y":400}},{{"name":"hall","x":200,"y":250}},{{"name":"east","x":615,"y":250}},{{"name":"door","x":615,"y":165}}],
      "ways":[["screen","hall"],["hall","east"],["east","door"]]}}}}"#
    );
    Sheet {
        at: vec![0, 3_000],
        ..Sheet::new("map", (400, 225), (225, 240), &widget)
    }
    .check();
}

#[test]
fn sheet_of_avatars() {
    let greeting = said([
        "いらっしゃいませ。南区役所へようこそ。ご用件をお聞かせください。",
        "こんにちは。みなみく やくしょです。どうしましたか。",
        "Welcome to the Minami Ward Office. How may I help you?",
        "欢迎来到南区政府。请问您需要办理什么业务？",
        "어서 오십시오. 미나미 구청입니다. 무엇을 도와드릴까요?",
        "Chào mừng quý vị đến Văn phòng quận Minami. Tôi có thể giúp gì?",
    ]);
    let widget = format!(r#""widget":{{"type":"avatar","rig":"hibari","greeting":{greeting}}}"#);
    let avatar = |name, wide, upright| {
        let mut sheet = Sheet::new(name, wide, upright, &widget);
        sheet.kit.rigs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/rigs");
        sheet.kit.speaker.espeak = None;
        Sheet {
            at: vec![1_000],
            waits_for_a_face: true,
            ..sheet
        }
    };
    avatar("avatar", (300, 225), (225, 300)).check();
    avatar("avatar-low", (390, 90), (225, 120)).check();
}
