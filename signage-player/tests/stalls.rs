//! Films and items that hang or stall, made by a decoder that does (`tests/bad-decoder`): the zone's picture never stands still
//! for long, is never black, and who is at fault is named.
#![allow(clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use bad_decoder::{FILE, Stall};
use common::{data, moment, scene};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use signage_player::scene::Scene;
use signage_player::scene::data::Data;
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::stage::output::PERIOD;

const SIZE: (u32, u32) = (128, 72);
const LIMIT: Duration = Duration::from_secs(120);
/// The most ticks at which a film's last picture may be on: a second, by the stage's own time, and the frame at both ends.
const STANDS: u32 = 32;
/// A film of this many frames lasts 3 s.
const LENGTH: u64 = 90;
const RED: [u8; 3] = [0xe0, 0x20, 0x20];
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];

/// Films in a folder, by a GStreamer that knows the bad decoder.
struct Films {
    dir: tempfile::TempDir,
    data: Data,
}

impl Films {
    fn new() -> Self {
        gst::init().expect("GStreamer");
        let built = std::env::current_exe().expect("this test").with_file_name(FILE);
        gst::Plugin::load_file(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        let dir = tempfile::tempdir().expect("temp");
        let mut films = Self { dir, data: data() };
        let file = films.place("film.mp4");
        numbered(&file);
        films
    }

    fn place(&mut self, name: &str) -> std::path::PathBuf {
        let file = self.dir.path().join(name);
        self.data.library.insert(name.to_owned(), file.clone());
        file
    }

    fn stall(&mut self, name: &str, stall: Stall) {
        std::fs::write(self.place(name), stall.file()).expect("written");
    }
}

/// A film whose frames are greys, each other than the ones beside it.
fn numbered(file: &Path) {
    let line = format!(
        "appsrc name=frames format=time caps=video/x-raw,format=GRAY8,width=128,height=72,framerate=30/1 \
         ! videoconvert ! x264enc key-int-max=10 ! mp4mux faststart=true ! filesink location={}",
        file.display()
    );
    let pipeline = gst::parse::launch(&line).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("of several elements");
    let source = pipeline.by_name("frames").expect("a source");
    let source = source.downcast::<gst_app::AppSrc>().expect("an appsrc");
    pipeline.set_state(gst::State::Playing).expect("plays");
    for number in 0..LENGTH {
        let level = u8::try_from(number % 6).expect("small") * 30 + 50;
        let mut frame = gst::Buffer::from_mut_slice(vec![level; 128 * 72]);
        let ours = frame.get_mut().expect("ours");
        ours.set_pts(gst::ClockTime::from_nseconds(number * 1_000_000_000 / 30));
        ours.set_duration(gst::ClockTime::from_nseconds(1_000_000_000 / 30));
        source.push_buffer(frame).expect("taken");
    }
    source.end_of_stream().expect("taken");
    let ended = pipeline.bus().expect("a bus").timed_pop_filtered(
        gst::ClockTime::from_seconds(60),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    assert!(matches!(ended.expect("ends").view(), gst::MessageView::Eos(_)));
    pipeline.set_state(gst::State::Null).expect("stops");
}

fn playlist(names: &[&str]) -> Scene {
    let items: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"type":"video","content":"{name}"}}"#))
        .collect();
    scene(&format!(
        r##"{{"version":1,"name":"t","width":{0},"height":{1},"pages":[{{"name":"home","background":"#ffffff","zones":[
        {{"name":"main","rect":{{"x":0,"y":0,"width":{0},"height":{1}}},"widget":{{"type":"playlist","items":[{2}]}}}}]}}]}}"##,
        SIZE.0,
        SIZE.1,
        items.join(",")
    ))
}

/// What is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// The numbered film.
    Film,
    Red,
    Green,
    /// Before the first film, or in the place of all.
    StandIn,
}

fn on([red, green, blue]: [u8; 3]) -> On {
    let is_near = |other: [u8; 3]| [red, green, blue].iter().zip(other).all(|(a, b)| a.abs_diff(b) < 24);
    if is_near(RED) {
        On::Red
    } else if is_near(GREEN) {
        On::Green
    } else if red.abs_diff(green) < 4 && green.abs_diff(blue) < 4 && red < 220 {
        On::Film
    } else {
        On::StandIn
    }
}

/// What was seen of a playlist.
#[derive(Debug, Default)]
struct Seen {
    /// One after the other.
    order: Vec<On>,
    /// The most ticks at which one same picture of the numbered film was on.
    stood: u32,
    /// The most ticks at which the scene itself said that a film isn't up to date.
    held: u32,
}

/// Plays in real time until `done` says so.
fn play(scene: &mut Scene, data: &Data, mut done: impl FnMut(&Seen, &[String]) -> bool) -> Seen {
    let mut canvas = Canvas::new(SIZE.0, SIZE.1, [255, 0, 255]);
    let mut seen = Seen::default();
    let (mut last, mut same) = ([0; 3], 0);
    let (mut films, mut held) = (Vec::new(), 0);
    let start = Instant::now();
    let mut tick = 0;
    while !done(&seen, &scene.faults()) {
        assert!(start.elapsed() < LIMIT, "{seen:?}, {:?}", scene.faults());
        let due = PERIOD * tick;
        while start.elapsed() < due {
            std::thread::park_timeout(due.saturating_sub(start.elapsed()));
        }
        scene.draw(&mut canvas, &moment(due), data, &mut Region::default());
        tick += 1;
        let color = canvas.color_at(SIZE.0 / 2, SIZE.1 / 3).expect("inside");
        assert!(color.iter().any(|it| *it > 12), "black: {seen:?}");
        same = if color == last { same + 1 } else { 1 };
        last = color;
        let shown = scene.films();
        held = if !shown.is_empty() && shown == films {
            held + 1
        } else {
            0
        };
        films = shown;
        seen.held = seen.held.max(held);
        let now = on(color);
        if seen.order.last() != Some(&now) {
            seen.order.push(now);
        }
        if now == On::Film {
            seen.stood = seen.stood.max(same);
        }
    }
    seen
}

fn names(faults: &[String], of: &str, what: &str) -> bool {
    faults
        .iter()
        .any(|it| it.starts_with(&format!("{of}: ")) && it.contains(what))
}

fn hangs() -> Stall {
    Stall {
        before: 0,
        pause: None,
        after: 90,
        color: RED,
    }
}

/// So many ticks in a row.
#[derive(Default)]
struct Row {
    now: u32,
    longest: u32,
}

impl Row {
    fn count(&mut self, is_so: bool) {
        self.now = if is_so { self.now + 1 } else { 0 };
        self.longest = self.longest.max(self.now);
    }
}

/// Twenty frames, and never another one of the 600 that it says it has.
fn stops() -> Stall {
    Stall {
        before: 20,
        pause: None,
        after: 600,
        color: RED,
    }
}

#[test]
fn a_film_plays_on_while_the_next_item_hangs_and_that_is_named() {
    let mut films = Films::new();
    films.stall("hangs.mp4", hangs());
    let mut scene = playlist(&["film.mp4", "hangs.mp4"]);
    let seen = play(&mut scene, &films.data, |_, faults| {
        names(faults, "hangs.mp4", "no picture after 10 s")
    });
    assert!(seen.order.contains(&On::Film), "{seen:?}");
    assert!(seen.stood <= STANDS, "{seen:?}");
    assert!(!names(&scene.faults(), "film.mp4", ""), "{:?}", scene.faults());
}

#[test]
fn what_comes_after_an_item_that_hangs_is_played_meanwhile_also_at_the_start() {
    let mut films = Films::new();
    films.stall("hangs.mp4", hangs());
    let green = Stall {
        before: 60,
        pause: Some(Duration::ZERO),
        after: 0,
        color: GREEN,
    };
    films.stall("green.mp4", green);
    let mut scene = playlist(&["hangs.mp4", "film.mp4", "green.mp4"]);
    let is_known = |faults: &[String]| names(faults, "hangs.mp4", "no picture after 10 s");
    let seen = play(&mut scene, &films.data, |seen, faults| {
        let turns = seen.order.iter().filter(|it| **it == On::Green).count();
        assert!(turns > 0 || !is_known(faults), "it waited: {seen:?}");
        is_known(faults) && turns > 1
    });
    assert!(seen.stood <= STANDS, "{seen:?}");
}

#[test]
fn a_film_that_stops_gives_way_and_is_named() {
    let mut films = Films::new();
    films.stall("stops.mp4", stops());
    let mut scene = playlist(&["stops.mp4", "film.mp4"]);
    let mut red = Row::default();
    let seen = play(&mut scene, &films.data, |seen, faults| {
        red.count(seen.order.last() == Some(&On::Red));
        names(faults, "stops.mp4", "no new picture for 3 s")
    });
    // Its own frames, and then a second at most.
    assert!(
        red.longest <= 20 + STANDS,
        "it was on for {} ticks: {seen:?}",
        red.longest
    );
    assert!(seen.order.contains(&On::Film) && seen.stood <= STANDS, "{seen:?}");
    // From its last frame on until something else took its place.
    assert!((13..=STANDS).contains(&seen.held), "{seen:?}");
}

#[test]
fn a_hiccup_is_nobodys_fault() {
    let mut films = Films::new();
    let hiccup = Stall {
        before: 20,
        pause: Some(Duration::from_millis(1500)),
        after: 60,
        color: RED,
    };
    films.stall("hiccup.mp4", hiccup);
    let mut scene = playlist(&["hiccup.mp4", "film.mp4"]);
    let seen = play(&mut scene, &films.data, |seen, _| {
        seen.order.iter().filter(|it| **it == On::Film).count() >= 3
    });
    assert_eq!(scene.faults(), Vec::<String>::new(), "{seen:?}");
    assert!(seen.stood <= STANDS, "{seen:?}");
}

#[test]
fn where_nothing_else_is_there_the_office_stands_in_for_a_film_that_stops() {
    let mut films = Films::new();
    films.stall("stops.mp4", stops());
    let mut scene = playlist(&["stops.mp4"]);
    let mut red = Row::default();
    let seen = play(&mut scene, &films.data, |seen, faults| {
        red.count(seen.order.last() == Some(&On::Red));
        names(faults, "stops.mp4", "set aside") && seen.order.last() == Some(&On::StandIn)
    });
    assert!(seen.order.contains(&On::Red), "{seen:?}");
    // It begins anew until three times nothing came for 3 s; no picture of it stands for more than a second.
    assert!(red.longest <= 10 * 30, "{} ticks: {seen:?}", red.longest);
    assert!(seen.held <= STANDS, "{seen:?}");
}
