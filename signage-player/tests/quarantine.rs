//! A file that takes the process of whoever decodes it: the real program, with a decoder in its GStreamer that aborts
//! (`tests/bad-decoder`), finds out which file it is, plays around it and remembers.
#![allow(clippy::expect_used)]

mod common;

use std::path::Path;

use bad_decoder::MAGIC;
use common::office::{LIMIT, Office, Running, hash, noise, pictures, playlist};
use common::plugins::Plugins;
use common::wait_for;
use protocol::screen::Report;
use serde_json::json;

const PICTURE: &str = "signage-picture";
const SIZE: (u32, u32) = (320, 240);

fn failures(home: &Path, key: &str) -> u64 {
    let book = std::fs::read(home.join("quarantine.json")).unwrap_or_default();
    let book: serde_json::Value = serde_json::from_slice(&book).unwrap_or_default();
    book["failed"][key]["failures"].as_u64().unwrap_or(0)
}

/// Waits until the bad file is reported as set aside, and gives the process that says so.
fn set_aside(office: &Office, player: &Running) -> (i32, Report) {
    wait_for("the bad file is set aside", LIMIT, || {
        let report = office.status()?;
        let is_named = |fault: &String| fault.starts_with("bad.mp4: ") && fault.contains("set aside");
        let pid = player.part(PICTURE)?;
        report.faults.iter().any(is_named).then_some((pid, report))
    })
}

#[test]
fn a_file_that_kills_its_decoder_is_set_aside_after_three_deaths_and_stays_so_until_it_is_another_file() {
    let (office, plugins) = (Office::new(), Plugins::new());
    let [a, b] = [1, 2].map(|seed| noise(seed, SIZE));
    let bad = [&MAGIC[..], &[7; 4096]].concat();
    let list: [(&str, &[u8]); 3] = [("a.png", &a.file), ("bad.mp4", &bad), ("b.png", &b.file)];
    let picture = |content| json!({"type": "picture", "content": content, "duration_ms": 500});
    // Decoded as a film: of pictures the header is read first.
    let items = [
        picture("a.png"),
        json!({"type": "video", "content": "bad.mp4"}),
        picture("b.png"),
    ];
    office.put(&playlist("three", SIZE, &items, &list), &[&a.file, &bad, &b.file]);
    let shows = |noise| office.try_snapshot().is_some_and(|mut shot| shot.shows(noise));

    let mut player = plugins.start(&office);
    let (pid, report) = set_aside(&office, &player);
    assert_eq!(failures(&office.home(), &hash(&bad)), 3, "{:?}", report.faults);
    let fell = report
        .faults
        .iter()
        .any(|fault| fault.contains("process fell while it was open"));
    assert!(fell, "it took its process with it: {:?}", report.faults);
    for key in [&a.file, &b.file] {
        assert_eq!(failures(&office.home(), &hash(key)), 0, "the others are not suspected");
    }
    for good in [&a, &b, &a, &b] {
        wait_for("the good ones in turns", LIMIT, || shows(good).then_some(()));
    }
    assert_eq!(player.part(PICTURE), Some(pid), "it falls no more");

    // After another start it is known at once.
    player.kill();
    let mut player = plugins.start(&office);
    let (pid, _) = set_aside(&office, &player);
    for good in [&b, &a, &b] {
        wait_for("the good ones in turns", LIMIT, || shows(good).then_some(()));
    }
    assert_eq!(player.part(PICTURE), Some(pid));
    assert_eq!(failures(&office.home(), &hash(&bad)), 3);
    player.terminate();

    // Somebody mended the film: the name is the same, the bytes are others.
    let mended = noise(3, SIZE);
    let list: [(&str, &[u8]); 2] = [("a.png", &a.file), ("bad.mp4", &mended.file)];
    office.put(&pictures("mended", SIZE, &list), &[&mended.file]);
    let _player = plugins.start(&office);
    wait_for("the mended one", LIMIT, || shows(&mended).then_some(()));
    let report = wait_for("a report", LIMIT, || office.status());
    assert_eq!(report.faults, Vec::<String>::new());
}

#[test]
fn a_process_that_is_ended_again_and_again_from_outside_while_nothing_is_opened_blames_nobody() {
    let office = Office::new();
    let a = noise(1, SIZE);
    let list: [(&str, &[u8]); 1] = [("a.png", &a.file)];
    let mut manifest = pictures("one", SIZE, &list);
    let playlist = &mut manifest.layout.pages[0].zones[0].widget;
    let protocol::screen::Widget::Playlist { items, .. } = playlist else {
        panic!("a playlist")
    };
    let protocol::screen::Item::Picture { duration_ms, .. } = &mut items[0] else {
        panic!("a picture")
    };
    *duration_ms = 3_600_000;
    office.put(&manifest, &[&a.file]);
    let player = office.start();
    for _ in 0..3 {
        let shows = || office.try_snapshot().is_some_and(|mut shot| shot.shows(&a));
        wait_for("the picture", LIMIT, || shows().then_some(()));
        let marks = || std::fs::read_to_string(office.home().join("open.json")).unwrap_or_default();
        wait_for("its decoder is gone, and the mark", LIMIT, || {
            marks().contains("\"open\":[]").then_some(())
        });
        let pid = player.signal_part(PICTURE, nix::sys::signal::Signal::SIGKILL);
        wait_for("another process", LIMIT, || {
            player.part(PICTURE).filter(|it| *it != pid)
        });
    }
    let report = wait_for("a report", LIMIT, || office.status());
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!(failures(&office.home(), &hash(&a.file)), 0);
}
