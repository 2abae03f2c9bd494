//! A widget's or a screen's picture against the stored one.

use std::path::PathBuf;
use std::time::Duration;

use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::scene::data::Data;
use signage_player::stage::canvas::{Canvas, Region};

use crate::common::{moment, scene};
use crate::judge;

pub fn check(name: &str, size: (u32, u32), widget: &str, data: &Data, at: &[u64]) {
    check_on(Screen::default(), name, size, widget, data, at);
}

/// The screen in which a widget hangs: sizes of letters follow its shorter side.
#[derive(Clone, Copy)]
pub struct Screen {
    pub size: (u32, u32),
    pub language: &'static str,
    pub text_percent: u32,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            size: (1280, 720),
            language: "ja",
            text_percent: 100,
        }
    }
}

pub const LARGE: Screen = Screen {
    size: (1280, 720),
    language: "ja",
    text_percent: 200,
};

pub const UPRIGHT: Screen = Screen {
    size: (720, 1280),
    language: "ja",
    text_percent: 100,
};

pub fn check_on(screen: Screen, name: &str, size: (u32, u32), widget: &str, data: &Data, at: &[u64]) {
    let (width, height) = size;
    let Screen {
        size: (whole_width, whole_height),
        language,
        text_percent,
    } = screen;
    let layout = format!(
        r##"{{"version":2,"name":"golden","width":{whole_width},"height":{whole_height},"languages":["{language}"],
        "text_percent":{text_percent},"pages":[{{"name":"home","background":"#f4f6fb",
        "zones":[{{"name":"it","rect":{{"x":0,"y":0,"width":{width},"height":{height}}},{widget}}}]}}]}}"##
    );
    let mut scene = scene(&layout);
    let mut canvas = Canvas::new(whole_width, whole_height, [0, 0, 0]);
    for millis in at {
        scene.draw(
            &mut canvas,
            &moment(Duration::from_millis(*millis)),
            data,
            &mut Region::default(),
        );
    }
    compare(name, size, &canvas);
}

/// The picture's upper left corner against the stored one.
pub fn compare(name: &str, (width, height): (u32, u32), canvas: &Canvas) {
    let rows = canvas
        .bytes()
        .chunks_exact(canvas.width() as usize * 4)
        .take(height as usize);
    let pixels: Vec<u8> = rows.flat_map(|row| row[..width as usize * 4].to_vec()).collect();
    compare_pixels(name, (width, height), pixels);
}

/// A stored picture's file.
fn stored_at(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.png"))
}

/// A stored picture as BGRx without gaps, and its size.
pub fn stored(name: &str) -> ((u32, u32), Vec<u8>) {
    let file = std::fs::File::open(stored_at(name)).expect("the golden picture; UPDATE_GOLDEN=1 draws it");
    let mut stored = cairo::ImageSurface::create_from_png(&mut std::io::BufReader::new(file)).expect("a PNG");
    let (width, height, stride) = (stored.width() as usize, stored.height(), stored.stride() as usize);
    let data = stored.data().expect("its pixels");
    let rows = data.chunks_exact(stride).flat_map(|row| row[..width * 4].to_vec());
    ((width as u32, height as u32), rows.collect())
}

/// A picture against the stored one of that name.
pub fn compare_pixels(name: &str, (width, height): (u32, u32), pixels: Vec<u8>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let bytes = png(Snapshot { width, height, pixels }).expect("png");
        std::fs::write(stored_at(name), bytes).expect("written");
        return;
    }
    let (size, stored) = stored(name);
    assert_eq!(size, (width, height), "{name}");
    let picture = |pixels| judge::Picture {
        pixels,
        width: width as usize,
    };
    let worst = judge::worst(picture(&stored), picture(&pixels));
    if !worst.is_the_same() {
        let seen = std::env::temp_dir().join(format!("{name}-differs.png"));
        std::fs::write(&seen, png(Snapshot { width, height, pixels }).expect("png")).expect("written");
        panic!("{name}: {worst:?}; drawn now: {}", seen.display());
    }
}
