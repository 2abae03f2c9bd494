//! A playlist of real files, decoded by real pipelines: no black picture between items, and what can't be
//! played is played around and reported.
#![allow(clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::office::{Office, pictures};
use common::{data, moment, scene, wait_for};
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
        None if content.ends_with(".pdf") => {
            format!(r#"{{"type":"document","content":"{content}","page_ms":500}}"#)
        }
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
fn films_of_all_usual_codecs_and_files_play() {
    const YELLOW: [u8; 3] = [0xd0, 0xa0, 0x20];
    gst::init().expect("GStreamer");
    let dir = tempfile::tempdir().expect("temp");
    let mut data = data();
    let mut items = Vec::new();
    let mut colors = Vec::new();
    for (name, encoder, color) in [
        ("vp9.webm", "vp9enc deadline=1 cpu-used=8 ! webmmux", RED),
        ("h264.mkv", "x264enc key-int-max=10 ! h264parse ! matroskamux", GREEN),
        ("av1.mp4", "av1enc cpu-used=8 ! av1parse ! mp4mux", BLUE),
        (
            "h265.mp4",
            "x265enc speed-preset=ultrafast ! h265parse ! mp4mux",
            YELLOW,
        ),
    ] {
        let element = encoder.split(' ').next().unwrap_or_default();
        if gst::ElementFactory::find(element).is_none() {
            eprintln!("skipped: {name}, GStreamer has no {element} here");
            continue;
        }
        let file = dir.path().join(name);
        run(&format!(
            "videotestsrc pattern=solid-color foreground-color={} num-buffers=15 \
             ! video/x-raw,format=I420,width=128,height=72,framerate=30/1 ! {encoder} ! filesink location={}",
            0xff00_0000_u32 | whole(color),
            file.display()
        ));
        data.library.insert(name.to_owned(), file);
        items.push((name, None));
        colors.push(color);
    }
    for name in ["vp9.webm", "h264.mkv"] {
        assert!(items.iter().any(|it| it.0 == name), "{name} at least: {items:?}");
    }
    let mut scene = playlist(&items);
    // In turns, but for a decoder that takes its time: another film is played meanwhile.
    let (mut turns, mut last) = (vec![0; colors.len()], None);
    play(&mut scene, &data, |scene, color| {
        assert_eq!(scene.faults(), Vec::<String>::new());
        let known = colors.iter().position(|it| is_near(color, *it));
        if known.is_some() && last != known {
            last = known;
            known.into_iter().for_each(|it| turns[it] += 1);
        }
        turns.iter().all(|times| *times >= 2)
    });
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

/// A PNG of one grey level, made here so that its size costs no memory: rows are compressed one by one.
fn huge_png(file: &Path, width: u32, height: u32) {
    let mut data = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let row = vec![0; width as usize / 8 + 1];
    for _ in 0..height {
        std::io::Write::write_all(&mut data, &row).expect("in memory");
    }
    let data = data.finish().expect("in memory");
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // One bit a pixel, grey.
    header.extend([1, 0, 0, 0, 0]);
    for (kind, body) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        png.extend(u32::try_from(body.len()).expect("small").to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&body);
        png.extend(kind);
        png.extend(&body);
        png.extend(crc.sum().to_be_bytes());
    }
    std::fs::write(file, png).expect("written");
}

/// A PDF of one page that is all blue, as small as one can be.
fn pdf(file: &Path) {
    let page = "0.125 0.25 0.8125 rg 0 0 128 72 re f";
    let text = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 128 72]/Contents 4 0 R/Resources<<>>>>endobj\n\
         4 0 obj<</Length {}>>stream\n{page}\nendstream endobj\ntrailer<</Root 1 0 R>>\n",
        page.len()
    );
    std::fs::write(file, text).expect("written");
}

#[test]
fn what_is_too_large_cut_or_empty_is_named_and_what_is_just_large_plays() {
    let dir = tempfile::tempdir().expect("temp");
    let file = |name: &str| dir.path().join(name);
    video(&file("good.mp4"), whole(GREEN), 10);
    pdf(&file("page.pdf"));
    // 8K, as cameras make them: all black, which tells it from all others.
    huge_png(&file("8k.png"), 7680, 4320);
    // Some 100 KB that unfold to 400 million pixels.
    huge_png(&file("bomb.png"), 20_000, 20_000);
    assert!(std::fs::metadata(file("bomb.png")).expect("there").len() < 1 << 20);
    run(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=I420,width=7680,height=4320,framerate=30/1 \
         ! x264enc speed-preset=ultrafast ! mp4mux ! filesink location={}",
        file("8k.mp4").display()
    ));
    let bytes = std::fs::read(file("page.pdf")).expect("read");
    std::fs::write(file("cut.pdf"), &bytes[..60]).expect("written");
    std::fs::write(file("zero.png"), b"").expect("written");
    std::fs::write(file("zero.pdf"), b"").expect("written");
    let bytes = std::fs::read(file("8k.png")).expect("read");
    std::fs::write(file("cut.png"), &bytes[..40]).expect("written");
    let names = [
        "good.mp4", "8k.png", "bomb.png", "page.pdf", "8k.mp4", "cut.pdf", "zero.png", "zero.pdf", "cut.png",
    ];
    let mut data = data();
    for name in names {
        data.library.insert(name.to_owned(), file(name));
    }
    let entry = |name: &'static str| (name, name.ends_with("png").then_some(500));
    let mut scene = playlist(&names.map(entry));
    let bad = ["bomb.png", "8k.mp4", "cut.pdf", "zero.png", "zero.pdf", "cut.png"];
    let mut seen = [false; 3];
    play(&mut scene, &data, |scene, color| {
        for (seen, known) in seen.iter_mut().zip([GREEN, BLUE, [0, 0, 0]]) {
            *seen |= is_near(color, known);
        }
        let faults = scene.faults();
        let is_named = |name: &&str| faults.iter().any(|fault| fault.starts_with(&format!("{name}: ")));
        seen == [true; 3] && bad.iter().all(is_named)
    });
    let faults = scene.faults();
    for name in ["good.mp4", "page.pdf", "8k.png"] {
        assert!(!faults.iter().any(|fault| fault.starts_with(name)), "{faults:?}");
    }
    assert!(
        faults.iter().any(|it| it.starts_with("bomb.png: 20000x20000")),
        "{faults:?}"
    );
}

#[test]
fn fifty_thousand_letters_roll_by() {
    let text = "窓口のご案内。".repeat(50_000 / 7 + 1);
    assert!(text.chars().count() >= 50_000);
    for widget in ["roll", "ticker", "rich_text", "label"] {
        let more = match widget {
            "ticker" => r#""speed":60"#,
            "roll" => r#""size":20,"speed":60"#,
            _ => r##""size":20,"color":"#000000""##,
        };
        let layout = format!(
            r##"{{"version":2,"name":"t","width":128,"height":72,"pages":[{{"name":"home","background":"#ffffff","zones":[
            {{"name":"main","rect":{{"x":0,"y":0,"width":128,"height":72}},"widget":{{"type":"{widget}",{more},"text":{{"ja":"{text}"}}}}}}]}}]}}"##
        );
        let layout = match protocol::screen::Layout::parse(&layout) {
            Ok(layout) => layout,
            Err(error) => panic!("{widget}: {error}"),
        };
        let mut scene = Scene::build(std::sync::Arc::new(layout), &common::kit()).expect("built");
        let mut canvas = Canvas::new(128, 72, [255, 255, 255]);
        for tick in 0..=10 {
            let now = common::moment(Duration::from_millis(tick * 500));
            scene.draw(&mut canvas, &now, &data(), &mut Region::default());
        }
        let is_inked = |x: u32, y: u32| canvas.color_at(x, y).is_some_and(|color| color[1] < 128);
        let has_ink = |rows: std::ops::Range<u32>| rows.clone().any(|y| (0..128).any(|x| is_inked(x, y)));
        assert!(has_ink(0..72), "{widget} shows nothing");
        let faults = scene.faults();
        if matches!(widget, "rich_text" | "label") {
            // It begins at the top, no line is halved at the bottom, and staff are told.
            assert!(has_ink(0..20) && !has_ink(71..72), "{widget}");
            assert!(
                faults.len() == 1 && faults[0].starts_with("main: the text doesn't fit"),
                "{widget}: {faults:?}"
            );
        } else {
            assert!(faults.is_empty(), "{widget} shows all of it by and by: {faults:?}");
        }
    }
}

#[test]
fn a_playlist_without_an_item_is_not_published_and_who_has_one_plays_the_other_zones_and_names_it() {
    let said = protocol::screen::Layout::parse(
        r##"{"version":2,"name":"t","width":128,"height":72,"pages":[{"name":"home","background":"#ffffff","zones":[
        {"name":"main","rect":{"x":0,"y":0,"width":128,"height":72},"widget":{"type":"playlist","items":[]}}]}]}"##,
    );
    let said = said.expect_err("refused").to_string();
    assert!(
        said.contains("the playlist has no item") && said.contains("main"),
        "{said}"
    );

    // The real program, with such a layout in its folder.
    let office = Office::new();
    let file = office.dir.path().join("blue.png");
    picture(&file, whole(BLUE));
    let blue = std::fs::read(&file).expect("read");
    let mut manifest = pictures("t", (640, 360), &[("blue.png", &blue)]);
    let zones = &mut manifest.layout.pages[0].zones;
    zones[0].rect.width = 320;
    let mut empty = zones[0].clone();
    (empty.name, empty.rect.x) = ("right".into(), 320);
    let protocol::screen::Widget::Playlist { items, .. } = &mut empty.widget else {
        panic!("a playlist")
    };
    items.clear();
    zones.push(empty);
    office.put(&manifest, &[&blue]);
    let _player = office.start();
    wait_for("the fault", LIMIT, || {
        let report = office.status()?;
        (report.faults == ["right: the playlist has no item"] && report.page == "home").then_some(())
    });
    wait_for("the left zone, and the office in the right one", LIMIT, || {
        let mut shot = office.try_snapshot()?;
        let right: Vec<[u8; 3]> = (330..630).map(|x| shot.color_at(x, 180)).collect();
        assert!(!right.contains(&[0; 3]), "never black");
        // Letters on its ground.
        let is_written = right.iter().any(|color| !is_near(*color, right[0]))
            || (20..340).any(|y| !is_near(shot.color_at(480, y), right[0]));
        (is_near(shot.color_at(160, 180), BLUE) && is_written).then_some(())
    });
}
