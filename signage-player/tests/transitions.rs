//! One picture gives way to the next: what is on the canvas at each tick of it.
#![allow(clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::{data, moment, scene};
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::stage::output::PERIOD;

const SIZE: (u32, u32) = (128, 72);
const LIMIT: Duration = Duration::from_secs(60);
/// A transition takes half a second,
const TICKS: usize = 15;
/// and at the next tick there is nothing of the old picture left.
const OVER: usize = TICKS + 1;
const RED: [u8; 3] = [0xd0, 0x20, 0x20];
const BLUE: [u8; 3] = [0x20, 0x40, 0xd0];

fn png(color: [u8; 3]) -> Vec<u8> {
    let [red, green, blue] = color;
    let pixels = [blue, green, red, 0].repeat((SIZE.0 * SIZE.1) as usize);
    let (width, height) = (SIZE.0 as i32, SIZE.1 as i32);
    let surface = cairo::ImageSurface::create_for_data(pixels, cairo::Format::Rgb24, width, height, width * 4);
    let mut bytes = Vec::new();
    surface.expect("a picture").write_to_png(&mut bytes).expect("in memory");
    bytes
}

/// The middle line at each tick from the last one that is all red to the first that is all blue.
fn lines(transition: &str) -> Vec<Vec<[u8; 3]>> {
    let dir = tempfile::tempdir().expect("temp");
    let mut data = data();
    for (name, color) in [("red.png", RED), ("blue.png", BLUE)] {
        let file = dir.path().join(name);
        std::fs::write(&file, png(color)).expect("written");
        data.library.insert(name.to_owned(), file);
    }
    let mut scene = scene(&format!(
        r##"{{"version":2,"name":"t","width":128,"height":72,"pages":[{{"name":"home","background":"#ffffff","zones":[
        {{"name":"main","rect":{{"x":0,"y":0,"width":128,"height":72}},"widget":{{"type":"playlist","transition":"{transition}","items":[
        {{"type":"picture","content":"red.png","duration_ms":1000}},{{"type":"picture","content":"blue.png","duration_ms":1000}}]}}}}]}}]}}"##
    ));
    let mut canvas = Canvas::new(SIZE.0, SIZE.1, [255, 0, 255]);
    let mut seen: Vec<Vec<[u8; 3]>> = Vec::new();
    let (start, mut tick) = (Instant::now(), 0);
    loop {
        assert!(start.elapsed() < LIMIT, "{:?}", scene.faults());
        let due = PERIOD * tick;
        // Decoding takes its own time.
        while start.elapsed() < due {
            std::thread::park_timeout(due.saturating_sub(start.elapsed()));
        }
        scene.draw(&mut canvas, &moment(due), &data, &mut Region::default());
        tick += 1;
        let color = |x| canvas.color_at(x, SIZE.1 / 2).expect("inside");
        let line: Vec<[u8; 3]> = (0..SIZE.0).map(color).collect();
        let is_all = |wanted: [u8; 3]| line.iter().all(|color| *color == wanted);
        if is_all(RED) {
            seen.clear();
        }
        if !seen.is_empty() || is_all(RED) {
            let is_over = is_all(BLUE);
            seen.push(line);
            if is_over {
                return seen;
            }
        }
    }
}

/// How much of it is done, 0 to 1, so many ticks after its begin: slow at both ends.
fn share(tick: usize) -> f64 {
    let done = tick.min(TICKS) as f64 / TICKS as f64;
    done * done * (3.0 - 2.0 * done)
}

#[test]
fn a_fade_has_the_shares_of_both_pictures_at_every_tick_and_ends_exactly() {
    let lines = lines("fade");
    // Counted from its end: at the first ticks hardly anything is to be seen of the new one.
    assert!(lines.len() > TICKS - 3, "{} ticks", lines.len());
    let before = lines.len().min(OVER);
    for (tick, line) in (OVER + 1 - before..=OVER).zip(&lines[lines.len() - before..]) {
        for channel in 0..3 {
            let (old, new) = (f64::from(RED[channel]), f64::from(BLUE[channel]));
            let wanted = old + (new - old) * share(tick);
            let is_near = |color: &[u8; 3]| (f64::from(color[channel]) - wanted).abs() <= 3.0;
            assert!(
                line.iter().all(is_near),
                "{tick}: {:?}, channel {channel} should be {wanted:.0}",
                line[64]
            );
        }
    }
    for pair in lines.windows(2) {
        assert!(
            pair[0][64][0] >= pair[1][64][0] && pair[0][64][2] <= pair[1][64][2],
            "{pair:?}"
        );
    }
}

#[test]
fn a_slide_comes_from_the_right_without_a_gap_and_ends_exactly() {
    let lines = lines("slide");
    assert!(lines.len() > TICKS - 3, "{} ticks", lines.len());
    let width = SIZE.0 as usize;
    let edges: Vec<usize> = lines
        .iter()
        .map(|line| line.iter().position(|color| *color == BLUE).unwrap_or(width))
        .collect();
    for (line, edge) in lines.iter().zip(&edges) {
        assert!(
            line[..*edge].iter().all(|color| *color == RED),
            "left of it is the old one"
        );
        assert!(
            line[*edge..].iter().all(|color| *color == BLUE),
            "right of it the new one"
        );
    }
    assert!(edges.is_sorted_by(|before, after| before >= after), "{edges:?}");
    let before = edges.len().min(OVER);
    for (tick, edge) in (OVER + 1 - before..=OVER).zip(&edges[edges.len() - before..]) {
        let wanted = width as f64 * (1.0 - share(tick));
        assert!((*edge as f64 - wanted).abs() <= 1.5, "{tick}: {edge}, {wanted:.1}");
    }
}

#[test]
fn a_cut_has_nothing_between() {
    assert_eq!(lines("cut").len(), 2);
}
