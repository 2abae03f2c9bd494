//! What the output's probe says of a picture that is black or stands still, by a whole player: it is reported, and goes again.
#![allow(clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::net::UdpSocket;

use bad_decoder::Stall;
use common::office::{LIMIT, Office, playlist};
use common::plugins::Plugins;
use common::shown::{fault, no_fault};
use common::wait_for;
use protocol::ids::{GroupId, ScreenId};
use protocol::screen::Group;
use serde_json::json;
use signage_player::control::png;
use signage_player::event::Snapshot;

const SIZE: (u32, u32) = (128, 72);
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];

/// A picture of one colour: red, green, blue.
fn plain([red, green, blue]: [u8; 3]) -> Vec<u8> {
    let (width, height) = SIZE;
    let pixels = [blue, green, red, 0xff].repeat((width * height) as usize);
    png(Snapshot { width, height, pixels }).expect("a PNG")
}

fn shows(office: &Office, color: [u8; 3]) {
    wait_for("the colour", LIMIT, || {
        let mut shot = office.try_snapshot()?;
        (shot.color_at(64, 36) == color).then_some(())
    });
}

#[test]
fn a_picture_that_is_black_for_long_is_reported_and_its_frames_are_counted_until_something_else_comes() {
    let (office, plugins) = (Office::new(), Plugins::new());
    let [black, green] = [plain([0; 3]), plain(GREEN)];
    let named: [(&str, &[u8]); 2] = [("black.png", &black), ("green.png", &green)];
    let items = [("black.png", 8000), ("green.png", 6000)];
    let items = items.map(|(content, ms)| json!({"type": "picture", "content": content, "duration_ms": ms}));
    office.put(&playlist("dark", SIZE, &items, &named), &[&black, &green]);
    let _player = plugins.start(&office);
    let told = fault(&office, "the whole picture is black");
    assert!(told.black >= 5 * 30 - 1, "{told:?}");
    shows(&office, GREEN);
    let after = no_fault(&office);
    assert!(after.black >= told.black, "they aren't forgotten: {after:?}");
}

/// Alone, the office stands in before a film has stood for that long; a group waits for what its leader says.
#[test]
fn a_film_that_stands_still_while_a_group_is_waited_for_is_reported_by_its_zone_until_the_office_stands_in() {
    let (office, plugins) = (Office::new(), Plugins::new());
    let stops = Stall {
        before: 60,
        pause: None,
        after: 600,
        color: GREEN,
    };
    let film = stops.file();
    let items = [json!({"type": "video", "content": "stops.mp4"})];
    let mut manifest = playlist("still", SIZE, &items, &[("stops.mp4", &film)]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    manifest.group = Some(Box::new(Group {
        name: GroupId::new("wall").expect("an id"),
        screen: ScreenId::new("lobby").expect("an id"),
        address: socket.local_addr().expect("an address"),
        others: BTreeMap::new(),
        key: "5a".repeat(32),
    }));
    drop(socket);
    office.put(&manifest, &[&film]);
    let _player = plugins.start(&office);
    let told = fault(&office, "main: its film stands still");
    assert!(told.film_still_ms >= 1500, "{told:?}");
    assert_eq!(told.black, 0, "{told:?}");
    // It gets three tries; then the office stands in, and only the film is at fault.
    let after = wait_for("the stand-in", LIMIT, || {
        let report = office.status()?;
        let is_set_aside = report.faults.iter().any(|fault| fault.contains("set aside"));
        let stands = report.faults.iter().any(|fault| fault.contains("stands still"));
        (is_set_aside && !stands).then_some(report)
    });
    let is_expected = |fault: &String| fault.starts_with("stops.mp4: ") || fault.starts_with("group wall: ");
    assert!(after.faults.iter().all(is_expected), "{after:?}");
}
