use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use protocol::time::UnixMillis;

use super::*;

pub(super) fn kit() -> Kit {
    Kit {
        rigs: PathBuf::from("/nowhere"),
        speaker: avatar::speech::SpeakerConfig::default(),
        sound: Sound::None,
        ducking: Ducking::default(),
        live: crate::live::Processes::default(),
        office: "南区役所".into(),
        areas: Vec::new(),
        seed: 1,
        plays: Plays::default(),
        quarantine: crate::quarantine::Quarantine::default(),
        group: crate::sync::Group::default(),
    }
}

fn scene(json: &str) -> Scene {
    Scene::build(Arc::new(serde_json::from_str(json).expect("a layout")), &kit()).expect("a scene")
}

fn moment(seconds: u64) -> Moment {
    Moment {
        at: Duration::from_secs(seconds),
        lead: Duration::ZERO,
        wall: UnixMillis(1_795_390_200_000),
    }
}

fn data() -> Data {
    Data::new(TimeZone::UTC, BTreeMap::new())
}

const TWO_PAGES: &str = r##"{"version":1,"name":"t","width":200,"height":100,"pages":[
  {"name":"home","background":"#ffffff","zones":[
    {"name":"under","rect":{"x":0,"y":0,"width":100,"height":100},"widget":{"type":"button","text":{"ja":"下"}},
     "on_touch":{"do":"go_to","page":"help"}},
    {"name":"mute","rect":{"x":50,"y":0,"width":50,"height":50},"widget":{"type":"label","text":{"ja":"上"},"size":20,"color":"#000000"}},
    {"name":"over","rect":{"x":50,"y":50,"width":50,"height":50},"widget":{"type":"button","text":{"ja":"上"}},
     "on_touch":{"do":"go_home"}}]},
  {"name":"help","background":"#e8f1fe","back_after_ms":30000,"on_touch":{"do":"go_home"},"zones":[]}]}"##;

#[test]
fn the_frontmost_zone_with_an_answer_is_touched() {
    let scene = scene(TWO_PAGES);
    let help = Action::GoTo {
        page: "help".to_owned(),
    };
    assert_eq!(scene.action_at(10.0, 10.0), Some(help.clone()));
    assert_eq!(
        scene.action_at(60.0, 10.0),
        Some(help.clone()),
        "through a zone without an answer"
    );
    assert_eq!(scene.action_at(60.0, 60.0), Some(Action::GoHome));
    assert_eq!(scene.action_at(100.0, 10.0), None, "the right edge is outside");
    assert_eq!(scene.action_at(99.9, 99.9), Some(Action::GoHome));
    assert_eq!(scene.action_at(-0.1, 10.0), None);
    assert_eq!(scene.action_at(f64::NAN, f64::INFINITY), None);
}

#[test]
fn a_page_goes_back_after_inactivity_and_a_touch_keeps_it() {
    let mut scene = scene(TWO_PAGES);
    let mut canvas = Canvas::new(200, 100, palette::WHITE);
    let mut at = |scene: &mut Scene, seconds: u64| {
        let mut changed = Region::default();
        scene.draw(&mut canvas, &moment(seconds), &data(), &mut changed);
        scene.page().to_owned()
    };
    assert_eq!(at(&mut scene, 100), "home");
    assert!(scene.touch(10.0, 10.0, &moment(100)));
    assert_eq!(at(&mut scene, 129), "help");
    assert!(
        !scene.touch(500.0, 10.0, &moment(129)),
        "outside, but somebody is there"
    );
    assert_eq!(at(&mut scene, 158), "help");
    assert_eq!(at(&mut scene, 159), "home");
    assert_eq!(at(&mut scene, 1_000_000), "home", "the first page stays");
    assert!(scene.touch(10.0, 10.0, &moment(1_000_001)));
    assert!(scene.touch(150.0, 50.0, &moment(1_000_002)), "the page's own answer");
    assert_eq!(at(&mut scene, 1_000_003), "home");
}

#[test]
fn a_language_that_somebody_chose_is_given_up_after_a_minute_where_the_layout_says_nothing() {
    let mut scene = scene(
        r##"{"version":1,"name":"t","width":200,"height":100,"languages":["ja","en"],"pages":[{"name":"home","background":"#ffffff",
        "zones":[{"name":"en","rect":{"x":0,"y":0,"width":100,"height":100},"widget":{"type":"button","text":{"ja":"E"}},
        "on_touch":{"do":"speak","language":"en"}}]}]}"##,
    );
    let mut canvas = Canvas::new(200, 100, palette::WHITE);
    let mut at = |scene: &mut Scene, seconds: u64| {
        scene.draw(&mut canvas, &moment(seconds), &data(), &mut Region::default());
        scene.language
    };
    assert_eq!(at(&mut scene, 100), Language::Ja);
    assert!(scene.touch(10.0, 10.0, &moment(100)));
    assert_eq!(at(&mut scene, 159), Language::En);
    assert_eq!(at(&mut scene, 160), Language::Ja);
}

#[test]
fn a_page_that_stands_still_costs_nothing() {
    let mut scene = scene(TWO_PAGES);
    let mut canvas = Canvas::new(200, 100, palette::WHITE);
    let mut changed = Region::default();
    scene.draw(&mut canvas, &moment(1), &data(), &mut changed);
    assert_eq!(changed.iter().next(), Some(canvas.bounds()));
    changed.clear();
    scene.draw(&mut canvas, &moment(2), &data(), &mut changed);
    assert!(changed.is_empty());
}

#[test]
fn what_lies_over_a_zone_that_changed_is_painted_again() {
    // The clock changes every minute; a label lies over its corner.
    let mut scene = scene(
        r##"{"version":1,"name":"t","width":400,"height":100,"pages":[{"name":"home","background":"#ffffff","zones":[
        {"name":"clock","rect":{"x":0,"y":0,"width":400,"height":100},"widget":{"type":"clock"}},
        {"name":"over","rect":{"x":300,"y":0,"width":100,"height":100},"widget":{"type":"button","text":{"ja":"上"}}}]}]}"##,
    );
    let mut canvas = Canvas::new(400, 100, palette::WHITE);
    let mut changed = Region::default();
    scene.draw(&mut canvas, &moment(1), &data(), &mut changed);
    let before = canvas.clone();
    changed.clear();
    let later = Moment {
        wall: UnixMillis(1_795_390_200_000 + 60_000),
        ..moment(61)
    };
    scene.draw(&mut canvas, &later, &data(), &mut changed);
    assert!(!changed.is_empty());
    assert_ne!(canvas.bytes(), before.bytes(), "the clock moved");
    // Its round edge is half transparent; inside it hides the clock.
    for y in 6..94 {
        for x in 306..394 {
            assert_eq!(canvas.color_at(x, y), before.color_at(x, y), "{x},{y}");
        }
    }
}

#[test]
fn the_demo_layout_is_sound() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/content/layouts/lobby.json");
    let layout: Layout = serde_json::from_slice(&std::fs::read(file).expect("there")).expect("a layout");
    layout.check().expect("sound");
    let main = &layout.pages[0]
        .zones
        .iter()
        .find(|zone| zone.name == "main")
        .expect("the main zone")
        .rect;
    assert_eq!(
        (main.width, main.height),
        crate::content::SIZE,
        "the film is made in the zone's own size"
    );
}
