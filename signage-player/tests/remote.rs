//! A phone as the remote control, as the scene sees it: what it may press, what that does, and the start afterwards.
#![allow(clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{WALL, data, moment, scene};
use protocol::screen::{ChoiceKind, Language, Notice, Press, Remote, Text, Urgency};
use protocol::time::UnixMillis;
use signage_player::scene::Scene;
use signage_player::scene::data::{Control, Data, Moment};
use signage_player::stage::canvas::{Canvas, Region};

const LAYOUT: &str = r##"{"version":2,"name":"t","width":1000,"height":500,"languages":["ja","easy","vi"],"pages":[
  {"name":"home","background":"#ffffff","zones":[
    {"name":"low","rect":{"x":0,"y":300,"width":200,"height":100},"widget":{"type":"button","text":{"ja":"下","vi":"Dưới"}},
     "on_touch":{"do":"go_to","page":"low"}},
    {"name":"too","rect":{"x":0,"y":410,"width":200,"height":80},"widget":{"type":"button","text":{"ja":"同じところ"}},
     "on_touch":{"do":"go_to","page":"low"}},
    {"name":"again","rect":{"x":210,"y":410,"width":200,"height":80},"widget":{"type":"button","text":{"ja":"同じところ"}},
     "on_touch":{"do":"go_to","page":"low"}},
    {"name":"picture","rect":{"x":0,"y":10,"width":200,"height":100},"widget":{"type":"clock"},
     "on_touch":{"do":"go_to","page":"low"}},
    {"name":"tongues","rect":{"x":300,"y":40,"width":400,"height":100},"widget":{"type":"language_chooser"}},
    {"name":"phone","rect":{"x":800,"y":300,"width":200,"height":200},"widget":{"type":"qr_code","kind":"remote"}}]},
  {"name":"low","background":"#e8f1fe","on_touch":{"do":"go_to","page":"home"},"zones":[]}]}"##;

fn at(seconds: u64) -> Moment {
    moment(Duration::from_secs(seconds))
}

fn press(scene: &mut Scene, page: &str, choice: &str, seconds: u64) -> bool {
    let press = Press {
        page: page.into(),
        choice: choice.into(),
    };
    scene.press(&press, &at(seconds))
}

fn draw(scene: &mut Scene, data: &Data, seconds: u64) {
    scene.draw(
        &mut Canvas::new(1000, 500, [0; 3]),
        &at(seconds),
        data,
        &mut Region::default(),
    );
}

fn ids(scene: &Scene) -> Vec<String> {
    let choices = scene.choices().expect("a layout with a remote control");
    assert_eq!(choices.check(), Ok(()));
    choices.choices.into_iter().map(|choice| choice.id).collect()
}

#[test]
fn a_phone_may_press_what_a_finger_may_in_the_order_of_reading() {
    let mut scene = scene(LAYOUT);
    let choices = scene.choices().expect("there");
    assert_eq!(choices.page, "home");
    assert_eq!(
        ids(&scene),
        ["low", "tongues/ja", "tongues/easy", "tongues/vi", "too"],
        "one for each of the words of what does the same"
    );
    assert_eq!(choices.choices[0].text.in_language(Language::Vi), "Dưới");
    assert!(choices.choices[1].is_now && !choices.choices[2].is_now);
    let before = scene.standing();
    assert!(press(&mut scene, "home", "tongues/vi", 1));
    assert_ne!(scene.standing(), before, "others are told");
    assert_eq!(scene.language(), Language::Vi);
    assert!(
        !press(&mut scene, "low", "low", 2) && !press(&mut scene, "home", "up", 2),
        "not on show"
    );
    assert!(press(&mut scene, "home", "low", 2));
    assert_eq!(ids(&scene), ["@page", "@home"]);
    let back = scene.choices().expect("there").choices.pop().expect("the way back");
    assert_eq!(
        (back.kind, back.text.ja.as_str()),
        (ChoiceKind::Back, "最初の画面に戻る")
    );
    assert!(press(&mut scene, "low", "@home", 3));
    assert_eq!((scene.page(), scene.language()), ("home", Language::Ja));
}

#[test]
fn without_a_code_on_it_a_layout_offers_nothing() {
    let scene = scene(&LAYOUT.replace(r#""kind":"remote""#, r#""content":"https://example.jp""#));
    assert_eq!(scene.choices(), None);
}

#[test]
fn what_an_emergency_covers_cannot_be_pressed_by_a_phone() {
    let mut scene = scene(LAYOUT);
    let mut data = data();
    let notice = |urgency| Notice {
        id: "n".into(),
        text: Text::japanese("火災"),
        urgency,
        until: None,
    };
    data.hear_notices(vec![notice(Urgency::Urgent)], WALL);
    draw(&mut scene, &data, 1);
    assert_eq!(ids(&scene), ["low", "too"], "the band covers the upper part");
    data.hear_notices(vec![notice(Urgency::Emergency)], WALL);
    draw(&mut scene, &data, 2);
    assert!(ids(&scene).is_empty());
    assert!(!press(&mut scene, "home", "low", 3));
}

#[test]
fn when_the_phone_gives_the_screen_back_the_next_one_begins_at_the_start() {
    let mut scene = scene(LAYOUT);
    let mut data = data();
    data.hear_remote(Remote::Held, WALL);
    draw(&mut scene, &data, 1);
    press(&mut scene, "home", "tongues/vi", 2);
    press(&mut scene, "home", "low", 2);
    draw(&mut scene, &data, 3);
    assert_eq!(scene.page(), "low");
    let address = "https://example.jp/r/x".to_owned();
    let until = UnixMillis(WALL.0 + 5_000);
    data.hear_remote(
        Remote::Open {
            address: address.clone(),
            until,
        },
        WALL,
    );
    draw(&mut scene, &data, 4);
    assert_eq!((scene.page(), scene.language()), ("home", Language::Ja));
    // A code that is over, and a server that is silent, are not shown.
    assert_eq!(*data.control(UnixMillis(WALL.0 + 4_999)), Control::Open(address));
    assert_eq!(*data.control(until), Control::Off);
    data.hear_remote(Remote::Held, WALL);
    assert_eq!(*data.control(UnixMillis(WALL.0 + 61_000)), Control::Off);
}
