//! A playlist of real files, decoded by real pipelines: no black picture between items, and what can't be
//! played is played around and reported.
#![allow(clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{data, moment, scene};
use gstreamer as gst;
use gstreamer::prelude::*;
use signage_player::scene::Scene;
use signage_player::scene::data::Data;
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::stage::output::PERIOD;

const SIZE: (u32, u32) = (128, 72);
const LIMIT: Duration = Duration::from_secs(90);

/// Encodes a second of one colour (0xRRGGBB), or a part of it.
fn video(file: &Path, color: u32, frames: u32) {
    gst::init().expect("GStreamer");
    let line = format!(
        "videotestsrc pattern=solid-color foreground-color={} num-buffers={frames} \
         ! video/x-raw,format=I420,width=128,height=72,framerate=30/1 ! x264enc key-int-max=10 ! mp4mux faststart=true \
         ! filesink location={}",
        0xff00_0000_u32 | color,
        file.display()
    );
    run(&line);
}

fn picture(file: &Path, color: u32) {
    gst::init().expect("GStreamer");
    let line = format!(
        "videotestsrc pattern=solid-color foreground-color={} num-buffers=1 ! video/x-raw,width=128,height=72 \
         ! videoconvert ! pngenc ! filesink location={}",
        0xff00_0000_u32 | color,
        file.display()
    );
    run(&line);
}

fn run(line: &str) {
    let pipeline = gst::parse::launch(line).expect("a pipeline");
    pipeline.set_state(gst::State::Playing).expect("plays");
    let bus = pipeline.bus().expect("a bus");
    let message = bus.timed_pop_filtered(
        gst::ClockTime::from_seconds(60),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    assert!(
        matches!(message.expect("ends").view(), gst::MessageView::Eos(_)),
        "{line}"
    );
    pipeline.set_state(gst::State::Null).expect("stops");
}

fn playlist(items: &[(&str, Option<u64>)]) -> Scene {
    let item = |(content, duration): &(&str, Option<u64>)| match duration {
        Some(duration) => format!(r#"{{"type":"picture","content":"{content}","duration_ms":{duration}}}"#),
        None => format!(r#"{{"type":"video","content":"{content}"}}"#),
    };
    let items: Vec<String> = items.iter().map(item).collect();
    scene(&format!(
        r##"{{"version":1,"name":"t","width":{},"height":{},"pages":[{{"name":"home","background":"#ffffff","zones":[
        {{"name":"main","rect":{{"x":0,"y":0,"width":{},"height":{}}},"widget":{{"type":"playlist","items":[{}]}}}}]}}]}}"##,
        SIZE.0,
        SIZE.1,
        SIZE.0,
        SIZE.1,
        items.join(",")
    ))
}

/// Plays in real time, at the stage's pace, until `done` says so. `look` sees every tick's picture.
fn play(scene: &mut Scene, data: &Data, mut done: impl FnMut(&Scene, [u8; 3]) -> bool) {
    let mut canvas = Canvas::new(SIZE.0, SIZE.1, [255, 0, 255]);
    let start = Instant::now();
    let mut tick = 0;
    loop {
        assert!(
            start.elapsed() < LIMIT,
            "waited {LIMIT:?}; faults: {:?}",
            scene.faults()
        );
        let due = PERIOD * tick;
        while start.elapsed() < due {
            std::thread::park_timeout(due.saturating_sub(start.elapsed()));
        }
        scene.draw(&mut canvas, &moment(due), data, &mut Region::default());
        let color = canvas.color_at(SIZE.0 / 2, SIZE.1 / 2).expect("inside");
        if done(scene, color) {
            return;
        }
        tick += 1;
    }
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 24)
}

const RED: [u8; 3] = [0xd0, 0x20, 0x20];
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];
const BLUE: [u8; 3] = [0x20, 0x40, 0xd0];

fn whole([red, green, blue]: [u8; 3]) -> u32 {
    u32::from(red) << 16 | u32::from(green) << 8 | u32::from(blue)
}

#[test]
fn tens_of_short_items_follow_each_other_without_a_black_picture() {
    let dir = tempfile::tempdir().expect("temp");
    let file = |name: &str| dir.path().join(name);
    video(&file("red.mp4"), whole(RED), 15);
    video(&file("green.mp4"), whole(GREEN), 8);
    picture(&file("blue.png"), whole(BLUE));
    let mut data = data();
    for name in ["red.mp4", "green.mp4", "blue.png"] {
        data.library.insert(name.to_owned(), file(name));
    }
    let mut scene = playlist(&[("red.mp4", None), ("blue.png", Some(500)), ("green.mp4", None)]);
    let (mut order, mut began) = (Vec::new(), false);
    play(&mut scene, &data, |_, color| {
        let known = [RED, GREEN, BLUE].into_iter().position(|it| is_near(color, it));
        if !began && known.is_none() {
            assert_ne!(color, [0, 0, 0], "before the first item");
            return false;
        }
        began = true;
        let known = known.unwrap_or_else(|| panic!("{color:?} is none of the items' colours"));
        if order.last() != Some(&known) {
            order.push(known);
        }
        order.len() > 36
    });
    let expected: Vec<usize> = [0, 2, 1].into_iter().cycle().take(order.len()).collect();
    assert_eq!(order, expected, "every item in its turn");
    assert_eq!(scene.faults(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_played_is_played_around_and_reported() {
    let dir = tempfile::tempdir().expect("temp");
    let file = |name: &str| dir.path().join(name);
    video(&file("good.mp4"), whole(GREEN), 10);
    let long = file("long.mp4");
    run(&format!(
        "videotestsrc pattern=solid-color foreground-color={} num-buffers=120 ! video/x-raw,width=128,height=72,framerate=30/1 \
         ! x264enc key-int-max=10 ! mp4mux faststart=true ! filesink location={}",
        0xff00_0000_u32 | whole(RED),
        long.display()
    ));
    let bytes = std::fs::read(&long).expect("read");
    std::fs::write(file("cut.mp4"), &bytes[..bytes.len() * 2 / 3]).expect("written");
    std::fs::write(file("headless.mp4"), &bytes[bytes.len() / 2..]).expect("written");
    std::fs::write(file("empty.mp4"), b"").expect("written");
    std::fs::write(file("words.png"), "これは絵ではありません").expect("written");
    let names = [
        "empty.mp4",
        "good.mp4",
        "headless.mp4",
        "cut.mp4",
        "words.png",
        "gone.png",
    ];
    let mut data = data();
    for name in names {
        data.library.insert(name.to_owned(), file(name));
    }
    let entry = |name: &'static str| (name, name.ends_with("png").then_some(500));
    let mut scene = playlist(&names.map(entry));
    let (mut began, mut good_in_a_row) = (false, 0);
    play(&mut scene, &data, |_, color| {
        let (is_good, is_cut) = (is_near(color, GREEN), is_near(color, RED));
        began |= is_good || is_cut;
        assert!(!began || is_good || is_cut, "{color:?} is neither");
        // Longer than the good one lasts: all others are set aside.
        good_in_a_row = if is_good { good_in_a_row + 1 } else { 0 };
        good_in_a_row >= 60
    });
    let faults = scene.faults();
    for name in names.iter().filter(|name| **name != "good.mp4") {
        assert!(
            faults.iter().any(|fault| fault.starts_with(&format!("{name}: "))),
            "{name} is not in {faults:?}"
        );
    }
    assert!(!faults.iter().any(|fault| fault.starts_with("good.mp4")), "{faults:?}");
}

#[test]
fn when_nothing_can_be_played_the_zone_has_the_office_colour() {
    let dir = tempfile::tempdir().expect("temp");
    let bad = dir.path().join("bad.png");
    std::fs::write(&bad, b"\x89PNG\r\n\x1a\n and no more").expect("written");
    let mut data = data();
    data.library.insert("bad.png".to_owned(), bad);
    let mut scene = playlist(&[("bad.png", Some(500)), ("missing.mp4", None)]);
    let mut ticks = 0;
    play(&mut scene, &data, |scene, color| {
        // The office's name and the time come in its place; their ground is the office's pale blue.
        assert_ne!(color, [0, 0, 0]);
        assert_ne!(color, [255, 0, 255], "the canvas is painted");
        ticks += 1;
        ticks > 30 && !scene.faults().is_empty()
    });
    assert!(scene.faults()[0].starts_with("bad.png: "), "{:?}", scene.faults());
}
