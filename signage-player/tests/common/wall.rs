//! Screens in a group, each a real program, and what each really showed: films whose every frame carries its number, read back
//! from the captured frames.
#![allow(dead_code, clippy::expect_used)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use protocol::ids::{GroupId, ScreenId};
use protocol::screen::{Action, Content, Group, Item, Manifest, Widget};

use super::office::{Office, Running, hash, pictures};

pub const SIZE: (u32, u32) = (256, 144);
/// A number is so many squares in two rows, the lowest bit first; black is 0.
const BITS: u32 = 16;
const SIDE: u32 = 32;
/// Of these, the film's own number.
const FILM_BITS: u32 = 3;

/// Encodes a film whose frames carry its number and theirs.
pub fn film(file: &Path, number: u32, frames: u32) {
    gst::init().expect("GStreamer");
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, SIZE.0, SIZE.1)
        .fps(gst::Fraction::new(30, 1))
        .build()
        .expect("a shape");
    let line = format!(
        "appsrc name=source format=time block=true max-buffers=8 ! videoconvert ! video/x-raw,format=I420 \
         ! x264enc speed-preset=ultrafast pass=quant quantizer=18 key-int-max=60 ! mp4mux faststart=true ! filesink location={}",
        file.display()
    );
    let pipeline = gst::parse::launch(&line)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("one");
    let source = pipeline
        .by_name("source")
        .expect("there")
        .downcast::<gst_app::AppSrc>()
        .expect("one");
    source.set_caps(Some(&info.to_caps().expect("caps")));
    pipeline.set_state(gst::State::Playing).expect("plays");
    for frame in 0..frames {
        let mut buffer = gst::Buffer::from_mut_slice(squares(frame << FILM_BITS | number));
        let time = |frame: u32| gst::ClockTime::from_nseconds(u64::from(frame) * 1_000_000_000 / 30);
        let unshared = buffer.get_mut().expect("unshared");
        unshared.set_pts(time(frame));
        unshared.set_duration(time(frame + 1) - time(frame));
        source.push_buffer(buffer).expect("taken");
    }
    source.end_of_stream().expect("ended");
    let message = pipeline.bus().expect("a bus").timed_pop_filtered(
        gst::ClockTime::from_seconds(60),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    assert!(matches!(message.expect("ends").view(), gst::MessageView::Eos(_)));
    pipeline.set_state(gst::State::Null).expect("stops");
}

fn squares(number: u32) -> Vec<u8> {
    let mut pixels = vec![128; (SIZE.0 * SIZE.1) as usize];
    for bit in 0..BITS {
        let (left, top) = corner(bit);
        let level = if number >> bit & 1 == 1 { 235 } else { 16 };
        for y in top..top + SIDE {
            let row = (y * SIZE.0 + left) as usize;
            pixels[row..row + SIDE as usize].fill(level);
        }
    }
    pixels
}

fn corner(bit: u32) -> (u32, u32) {
    let row = BITS / 2;
    ((bit % row) * SIDE, (bit / row) * SIDE * 2)
}

/// A frame that left a player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// When, in milliseconds of the machine's monotonic clock.
    pub at: f64,
    /// Which film's.
    pub film: u32,
    /// Which of its frames.
    pub frame: u32,
}

/// One screen of a group: its folder, and where its frames are written.
pub struct Screen {
    pub office: Office,
    pub name: &'static str,
    captures: std::cell::Cell<u32>,
}

impl Screen {
    pub fn start(&self, skew: &str) -> Running {
        self.captures.set(self.captures.get() + 1);
        let capture = self.capture();
        let mut command = self.office.command(&["--headless"]);
        command.arg("--capture").arg(&capture).stdout(Stdio::null());
        if !skew.is_empty() {
            command.args(["--clock-skew", skew]);
        }
        for bit in 0..BITS {
            let (left, top) = corner(bit);
            let spot = format!("{},{},1,1,1", left + SIDE / 2, top + SIDE / 2);
            command.arg("--capture-spot").arg(spot);
        }
        Running(command.spawn().expect("starts"))
    }

    /// Touches it. Gives the page that is on show then.
    pub fn touch(&self) -> String {
        let output = self.office.ask(&["--touch", "128,72"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    fn capture(&self) -> PathBuf {
        self.office.dir.path().join(format!("capture-{}", self.captures.get()))
    }

    /// All frames of the last start that carried a number, in their order. What is grey or coloured carries none.
    pub fn seen(&self) -> Vec<Seen> {
        let bytes = std::fs::read(self.capture()).unwrap_or_default();
        let length = 16 + BITS as usize * 4;
        bytes.chunks_exact(length).filter_map(read).collect()
    }
}

fn read(record: &[u8]) -> Option<Seen> {
    let nanos = u64::from_le_bytes(record[..8].try_into().expect("eight"));
    let mut number = 0;
    for (bit, pixel) in record[16..].chunks_exact(4).enumerate() {
        number |= match pixel[1] {
            0..70 => 0,
            186.. => 1 << bit,
            _ => return None,
        };
    }
    Some(Seen {
        at: nanos as f64 / 1e6,
        film: number & ((1 << FILM_BITS) - 1),
        frame: number >> FILM_BITS,
    })
}

/// A free UDP port on this machine.
pub fn address() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    socket.local_addr().expect("an address")
}

/// Screens of one group that play films of so many frames, one after the other.
pub fn wall<const N: usize>(names: [&'static str; N], frames: &[u32]) -> [Screen; N] {
    let dir = tempfile::tempdir().expect("temp");
    let films: Vec<(String, Vec<u8>)> = (0_u32..)
        .zip(frames)
        .map(|(number, frames)| {
            let file = dir.path().join(format!("{number}.mp4"));
            film(&file, number, *frames);
            (format!("{number}.mp4"), std::fs::read(&file).expect("written"))
        })
        .collect();
    let addresses = names.map(|name| (ScreenId::new(name).expect("valid"), address()));
    names.map(|name| {
        let mut manifest = pictures("wall", SIZE, &[("x.png", b"x")]);
        manifest.layout.pages[0].zones[0].widget = Widget::Playlist {
            items: films
                .iter()
                .map(|(content, _)| Item::Video {
                    content: content.clone(),
                    when: protocol::screen::When::default(),
                })
                .collect(),
            lists: Vec::new(),
            transition: protocol::screen::Transition::Cut,
        };
        // A touch leads to a page without a film, and back.
        let home = &mut manifest.layout.pages[0];
        home.on_touch = Some(go_to("away"));
        let mut away = home.clone();
        (away.name, away.on_touch) = ("away".into(), Some(go_to("home")));
        away.background = "#808080".into();
        away.zones.clear();
        manifest.layout.pages.push(away);
        manifest.contents = films
            .iter()
            .map(|(name, bytes)| (name.clone(), content(bytes)))
            .collect();
        manifest.group = Some(Box::new(group(name, &addresses)));
        let office = Office::at("https://127.0.0.1:9", "");
        let bytes: Vec<&[u8]> = films.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        put(&office, &manifest, &bytes);
        let captures = std::cell::Cell::new(0);
        Screen { office, name, captures }
    })
}

fn go_to(page: &str) -> Action {
    Action::GoTo { page: page.into() }
}

fn put(office: &Office, manifest: &Manifest, contents: &[&[u8]]) {
    office.put(manifest, contents);
}

fn content(bytes: &[u8]) -> Content {
    Content {
        sha256: hash(bytes),
        size: bytes.len() as u64,
        media_type: "video/mp4".into(),
    }
}

fn group(name: &str, addresses: &[(ScreenId, SocketAddr)]) -> Group {
    let screen = ScreenId::new(name).expect("valid");
    let all: BTreeMap<_, _> = addresses.iter().cloned().collect();
    Group {
        name: GroupId::new("wall").expect("valid"),
        address: all[&screen],
        others: all
            .iter()
            .filter(|(id, _)| **id != screen)
            .map(|(id, at)| (id.clone(), *at))
            .collect(),
        screen,
        key: "5a".repeat(32),
    }
}

/// By how many milliseconds each frame was shown earlier on one screen than on another one, as far as both showed it: for each
/// first sight of a frame on `one`, the nearest first sight of the same on `other` within two seconds. Also how many were on
/// `one` alone, of the time in which `other` showed anything.
pub fn compare(one: &[Seen], other: &[Seen]) -> (Vec<f64>, usize) {
    let (one, other) = (firsts(one), firsts(other));
    let (Some(from), Some(to)) = (other.first(), other.last()) else {
        return (Vec::new(), one.len());
    };
    let (mut differences, mut missed) = (Vec::new(), 0);
    for seen in one.iter().filter(|it| it.at > from.at + 100.0 && it.at < to.at - 100.0) {
        let same = other.iter().filter(|it| (it.film, it.frame) == (seen.film, seen.frame));
        let near = same
            .map(|it| it.at - seen.at)
            .min_by(|a, b| a.abs().total_cmp(&b.abs()));
        match near.filter(|difference| difference.abs() < 2_000.0) {
            Some(difference) => differences.push(difference),
            None => missed += 1,
        }
    }
    (differences, missed)
}

/// By how many milliseconds each frame was shown earlier on one screen than on another one, where both were keeping up: the
/// [`CALM`] frames before it came one after the other, each in its time.
pub fn compare_calm(one: &[Seen], other: &[Seen]) -> Vec<f64> {
    let (one, other) = (calm(one), calm(other));
    let differences = one.iter().filter_map(|seen| {
        let same = other.iter().filter(|it| (it.film, it.frame) == (seen.film, seen.frame));
        let near = same
            .map(|it| it.at - seen.at)
            .min_by(|a, b| a.abs().total_cmp(&b.abs()));
        near.filter(|difference| difference.abs() < 2_000.0)
    });
    differences.collect()
}

/// So many frames in time, one after the other, say that a screen is keeping up.
const CALM: usize = 10;
/// Two frames are in time when they are at most so far apart: one and a half of their length, in milliseconds.
const IN_TIME: f64 = 50.0;

/// First sights of frames that a screen showed while it kept up.
fn calm(seen: &[Seen]) -> Vec<Seen> {
    let firsts = firsts(seen);
    let is_next = |pair: &[Seen]| {
        let (before, now) = (pair[0], pair[1]);
        let follows = if before.film == now.film {
            now.frame == before.frame + 1
        } else {
            now.frame == 0
        };
        follows && now.at - before.at < IN_TIME
    };
    firsts
        .windows(CALM + 1)
        .filter(|window| window.windows(2).all(is_next))
        .map(|window| window[CALM])
        .collect()
}

fn firsts(seen: &[Seen]) -> Vec<Seen> {
    let mut firsts: Vec<Seen> = seen.to_vec();
    firsts.dedup_by_key(|it| (it.film, it.frame));
    firsts
}

/// The share of values that are at most so large, whatever their sign.
pub fn share_within(values: &[f64], limit: f64) -> f64 {
    let within = values.iter().filter(|value| value.abs() <= limit).count();
    within as f64 / values.len().max(1) as f64
}
