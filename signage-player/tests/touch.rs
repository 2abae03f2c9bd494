//! Touch panels: from what the kernel says to what the screen does; and a real pointer in a real window (under Xvfb).
#![allow(clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::office::{LIMIT, Office, frames_at_least};
use common::panel::{read, recording};
use common::{data, moment, scene, wait_for};
use evdev::uinput::VirtualDevice;
use evdev::{AbsInfo, AbsoluteAxisCode, AttributeSet, EventType, InputEvent, KeyCode, PropType, UinputAbsSetup};
use protocol::config::Touch;
use signage_player::scene::Scene;
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::touch::Phase::{self, Cancel, Down, Move, Up};
use signage_player::touch::decode::{Found, Protocol, Raw};

/// Number, phase and place of each contact.
fn said(found: &[(Duration, Found)]) -> Vec<(u32, Phase, i32, i32)> {
    found.iter().map(|(_, it)| (it.number, it.phase, it.x, it.y)).collect()
}

#[test]
fn slots_are_followed_each_for_itself_and_what_the_kernel_leaves_out_is_as_before() {
    let expected = [
        (0, Down, 410, 820),
        (0, Move, 430, 820),
        (1, Down, 3686, 2048),
        (1, Up, 3686, 2048),
        (0, Up, 430, 820),
        (0, Down, 430, 820),
        (0, Up, 430, 820),
        (0, Down, 2048, 820),
        (0, Up, 2048, 820),
    ];
    assert_eq!(said(&recording("slots.evemu").found(0)), expected);
}

#[test]
fn contacts_without_numbers_are_the_nearest_of_before() {
    let expected = [
        (0, Down, 3000, 3000),
        (0, Move, 3100, 3000),
        (1, Down, 30000, 16384),
        (0, Up, 3100, 3000),
        (1, Up, 30000, 16384),
    ];
    assert_eq!(said(&recording("anonymous.evemu").found(0)), expected);
}

#[test]
fn a_panel_with_one_contact_tells_of_it_however_short_it_is() {
    let expected = [
        (0, Down, 2050, 2050),
        (0, Move, 2100, 2050),
        (0, Up, 2100, 2050),
        (0, Down, 2100, 3000),
        (0, Up, 2100, 3000),
    ];
    assert_eq!(said(&recording("single.evemu").found(0)), expected);
}

#[test]
fn where_events_were_lost_the_finger_does_nothing_until_it_comes_down_anew() {
    let expected = [
        (3, Down, 100, 100),
        (3, Cancel, 100, 100),
        (3, Down, 2000, 2000),
        (3, Up, 2000, 2000),
    ];
    assert_eq!(said(&recording("dropped.evemu").found(3)), expected);
}

/// Of real panels: `evemu-record /dev/input/eventN > FOLDER/NAME.evemu`, and `MADOGUCHI_PANELS=FOLDER`.
#[test]
fn recordings_of_real_panels_are_whole_presses_one_for_each_that_the_panel_tells() {
    let Some(folder) = std::env::var_os("MADOGUCHI_PANELS") else {
        println!("SKIPPED recordings of real panels: MADOGUCHI_PANELS names no folder of them");
        return;
    };
    let files = std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|file| file.path());
    for file in files.filter(|file| file.extension().is_some_and(|it| it == "evemu")) {
        let recording = read(&file);
        let mut down = BTreeMap::new();
        let (mut presses, mut moves) = (0, 0);
        for (at, number, phase, (x, y)) in recording.told(&Touch::default()) {
            let what = format!("{}: contact {number} at {at:?}", file.display());
            assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y), "{what}: {x} {y}");
            match phase {
                Down => {
                    assert_eq!(down.insert(number, at), None, "{what} comes down twice");
                    presses += 1;
                }
                Move => {
                    assert!(down.contains_key(&number), "{what} moves above the glass");
                    moves += 1;
                }
                Up | Cancel => assert!(down.remove(&number).is_some(), "{what} leaves twice"),
            }
        }
        // ABS_MT_TRACKING_ID: each number but the one for nobody begins a contact.
        let is_begun = |raw: &Raw| (raw.kind, raw.code) == (3, 0x39) && raw.value >= 0;
        let told = recording.events.iter().filter(|(_, raw)| is_begun(raw)).count();
        if let Protocol::Slots(_) = recording.panel.protocol {
            assert_eq!(presses, told, "{}", file.display());
        }
        println!(
            "{}: {presses} presses, {moves} moves, {} still down",
            file.display(),
            down.len()
        );
    }
}

/// A large button at the left with 20 percent of the width, one at the right from 80 percent on, and the way back.
const BUTTONS: &str = r##"{"version":2,"name":"t","width":1000,"height":500,"languages":["ja","en"],"reset_after_ms":30000,"pages":[
  {"name":"home","background":"#ffffff","zones":[
    {"name":"a","rect":{"x":50,"y":50,"width":200,"height":200},"widget":{"type":"button","text":{"ja":"一"}},
     "on_touch":{"do":"go_to","page":"a"}},
    {"name":"b","rect":{"x":800,"y":150,"width":150,"height":200},"widget":{"type":"button","text":{"ja":"二"}},
     "on_touch":{"do":"go_to","page":"b"}},
    {"name":"en","rect":{"x":480,"y":440,"width":20,"height":20},"widget":{"type":"button","text":{"ja":"E"}},
     "on_touch":{"do":"speak","language":"en"}}]},
  {"name":"a","background":"#e8f1fe","zones":[
    {"name":"back","rect":{"x":50,"y":50,"width":200,"height":200},"widget":{"type":"button","text":{"ja":"戻る"}},
     "on_touch":{"do":"go_home"}}]},
  {"name":"b","background":"#e8f1fe","back_after_ms":5000,"zones":[]}]}"##;

#[test]
fn a_recorded_panel_presses_what_lies_under_the_finger() {
    let mut scene = scene(BUTTONS);
    let mut pages = Vec::new();
    for (at, id, phase, (x, y)) in recording("slots.evemu").told(&Touch::default()) {
        scene.contact(id, phase, (x * 1000.0, y * 500.0), &moment(at));
        pages.push(scene.page().to_owned());
    }
    // Two fingers at once: the one that is lifted first counts, on its own button.
    assert_eq!(&pages[..4], ["home", "home", "home", "b"]);
    assert_eq!(
        pages.last().map(String::as_str),
        Some("b"),
        "the other one was for the page before"
    );
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Draws it. Gives the colours at some places.
fn drawn<const N: usize>(scene: &mut Scene, at: Duration, places: [(u32, u32); N]) -> [[u8; 3]; N] {
    let mut canvas = Canvas::new(1000, 500, [9, 9, 9]);
    let mut changed = Region::default();
    changed.add(canvas.bounds());
    scene.draw(&mut canvas, &moment(at), &data(), &mut changed);
    places.map(|(x, y)| canvas.color_at(x, y).expect("inside"))
}

#[test]
fn a_finger_that_slips_a_little_presses_and_one_that_is_dragged_off_does_not() {
    let mut scene = scene(BUTTONS);
    scene.contact(1, Down, (60.0, 60.0), &moment(ms(100)));
    let [inside] = drawn(&mut scene, ms(110), [(100, 70)]);
    scene.contact(1, Move, (40.0, 60.0), &moment(ms(150)));
    let [slipped] = drawn(&mut scene, ms(160), [(100, 70)]);
    scene.contact(1, Move, (400.0, 60.0), &moment(ms(200)));
    let [beside] = drawn(&mut scene, ms(210), [(100, 70)]);
    assert_eq!(inside, slipped, "a slip is no leaving");
    assert_ne!(inside, beside, "what is held looks held, what was left doesn't");
    scene.contact(1, Up, (400.0, 60.0), &moment(ms(250)));
    assert_eq!(scene.page(), "home");
    scene.contact(1, Down, (60.0, 60.0), &moment(ms(300)));
    scene.contact(1, Up, (41.0, 60.0), &moment(ms(350)));
    assert_eq!(scene.page(), "a");
    // The same place has the way back: the second half of a double press isn't for it.
    scene.contact(1, Down, (60.0, 60.0), &moment(ms(500)));
    scene.contact(1, Up, (60.0, 60.0), &moment(ms(550)));
    assert_eq!(scene.page(), "a");
    scene.contact(1, Down, (60.0, 60.0), &moment(ms(1500)));
    scene.contact(1, Up, (60.0, 60.0), &moment(ms(1600)));
    assert_eq!(scene.page(), "home");
}

#[test]
fn a_small_button_is_as_large_as_a_finger() {
    let scene = scene(BUTTONS);
    let speaks = |x: f64, y: f64| scene.action_at(x, y).is_some();
    assert!(speaks(490.0, 450.0) && speaks(468.0, 428.0) && speaks(512.0, 470.0));
    assert!(!speaks(460.0, 450.0) && !speaks(490.0, 420.0));
}

#[test]
fn before_the_screen_goes_back_it_says_so_and_a_touch_there_keeps_it() {
    let mut scene = scene(BUTTONS);
    let press = |scene: &mut Scene, x: f64, y: f64, at: u64| {
        scene.contact(1, Down, (x, y), &moment(ms(at)));
        scene.contact(1, Up, (x, y), &moment(ms(at + 50)));
    };
    let hint = (700, 495);
    press(&mut scene, 100.0, 100.0, 1000);
    let page = [0xe8, 0xf1, 0xfe];
    assert_eq!(drawn(&mut scene, ms(20_900), [hint]), [page]);
    assert_ne!(drawn(&mut scene, ms(21_100), [hint]), [page], "ten seconds before");
    press(&mut scene, 700.0, 495.0, 25_000);
    assert_eq!(scene.page(), "a");
    assert_eq!(
        drawn(&mut scene, ms(25_100), [hint]),
        [page],
        "it stays, and the hint is gone"
    );
    drawn(&mut scene, ms(55_000), [hint]);
    assert_eq!(scene.page(), "a");
    drawn(&mut scene, ms(55_060), [hint]);
    assert_eq!(scene.page(), "home", "thirty seconds after the finger was lifted");

    press(&mut scene, 850.0, 200.0, 60_000);
    assert_eq!(scene.page(), "b");
    drawn(&mut scene, ms(65_060), [hint]);
    assert_eq!(scene.page(), "home", "a page's own time goes first");
    press(&mut scene, 490.0, 450.0, 70_000);
    drawn(&mut scene, ms(99_000), [hint]);
    assert_eq!(scene.language(), protocol::screen::Language::En);
    drawn(&mut scene, ms(100_060), [hint]);
    assert_eq!(scene.language(), protocol::screen::Language::Ja);
}

#[test]
fn who_holds_a_finger_there_is_still_there_and_a_bag_that_leans_is_not() {
    let mut scene = scene(BUTTONS);
    scene.contact(1, Down, (850.0, 200.0), &moment(ms(0)));
    scene.contact(1, Up, (850.0, 200.0), &moment(ms(50)));
    scene.contact(2, Down, (500.0, 100.0), &moment(ms(1000)));
    drawn(&mut scene, ms(9_000), [(1, 1)]);
    assert_eq!(scene.page(), "b");
    drawn(&mut scene, ms(11_000), [(1, 1)]);
    drawn(&mut scene, ms(16_100), [(1, 1)]);
    assert_eq!(scene.page(), "home");
}

/// A touch panel that the kernel makes for us. `None` where it doesn't let us; says why.
fn panel(name: &str) -> Option<VirtualDevice> {
    let axis = |code, max| UinputAbsSetup::new(code, AbsInfo::new(0, 0, max, 0, 0, 0));
    let made = VirtualDevice::builder().and_then(|builder| {
        builder
            .name(name)
            .with_properties(&AttributeSet::from_iter([PropType::DIRECT]))?
            .with_keys(&AttributeSet::from_iter([KeyCode::BTN_TOUCH]))?
            .with_absolute_axis(&axis(AbsoluteAxisCode::ABS_MT_SLOT, 9))?
            .with_absolute_axis(&axis(AbsoluteAxisCode::ABS_MT_TRACKING_ID, 65_535))?
            .with_absolute_axis(&axis(AbsoluteAxisCode::ABS_MT_POSITION_X, 1279))?
            .with_absolute_axis(&axis(AbsoluteAxisCode::ABS_MT_POSITION_Y, 719))?
            .build()
    });
    match made {
        Ok(device) => Some(device),
        Err(error) => {
            eprintln!("SKIPPED: no touch panel can be made with /dev/uinput: {error}");
            None
        }
    }
}

fn tap(panel: &mut VirtualDevice, number: i32, x: i32, y: i32) {
    let absolute = |code: AbsoluteAxisCode, value| InputEvent::new(EventType::ABSOLUTE.0, code.0, value);
    panel
        .emit(&[
            absolute(AbsoluteAxisCode::ABS_MT_TRACKING_ID, number),
            absolute(AbsoluteAxisCode::ABS_MT_POSITION_X, x),
            absolute(AbsoluteAxisCode::ABS_MT_POSITION_Y, y),
            InputEvent::new(EventType::KEY.0, KeyCode::BTN_TOUCH.0, 1),
        ])
        .expect("emitted");
    panel
        .emit(&[
            absolute(AbsoluteAxisCode::ABS_MT_TRACKING_ID, -1),
            InputEvent::new(EventType::KEY.0, KeyCode::BTN_TOUCH.0, 0),
        ])
        .expect("emitted");
}

#[test]
fn a_panel_that_the_kernel_makes_presses_goes_and_comes_again() {
    const NAME: &str = "madoguchi test panel";
    let Some(first) = panel(NAME) else { return };
    let office = Office::at(
        "https://127.0.0.1:9",
        &format!("[player.touch]\ndevice = {NAME:?}\nrotate = 180\n"),
    );
    let configs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    office.store(&configs.join("content/layouts/lobby.json"));
    let _player = office.start();
    frames_at_least(&office, 10);
    let mut panels = Some(first);
    for round in 0..2_i32 {
        let mut panel = panels.take().or_else(|| panel(NAME)).expect("made before");
        let mut number = round * 1000;
        // The panel hangs upside down. The button is at 1068,544.
        wait_for("the reception page", LIMIT, || {
            number += 1;
            tap(&mut panel, number, 1279 - 1068, 719 - 544);
            office.status().filter(|report| report.page == "reception")
        });
        drop(panel);
        wait_for("what is missing is named", LIMIT, || {
            let report = office.status()?;
            report.faults.iter().any(|fault| fault.contains(NAME)).then_some(())
        });
        office.ask(&["--touch", "1068,640"]);
    }
}
