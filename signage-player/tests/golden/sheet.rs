//! Contact sheets: one picture for each widget, with a row for each language (ja, easy, en, zh, ko, vi) and four cells in it: a
//! wide zone with letters of 100 and of 200 %, an upright one with both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::screen::{Layout, Text};
use signage_player::scene::data::Data;
use signage_player::scene::{Kit, Scene};
use signage_player::stage::canvas::{Canvas, Region};

use crate::common::{data, kit, moment};
use crate::picture::compare_pixels;

const LANGUAGES: [&str; 6] = ["ja", "easy", "en", "zh", "ko", "vi"];

/// The screen's longer and shorter side: the smallest letters are 15 pixels high, at 200 % 30.
pub const LONG: u32 = 800;

pub const SHORT: u32 = 450;

/// Between the cells.
const GAP: u32 = 8;

/// The page.
const GROUND: [u8; 3] = [0xf4, 0xf6, 0xfb];

/// What stands in the cells.
pub struct Sheet<'a> {
    pub name: &'a str,
    /// A zone's JSON after its rectangle.
    pub widget: &'a str,
    /// The wide zone at 100 %, in pixels.
    pub wide: (u32, u32),
    /// The upright screen's zone.
    pub upright: (u32, u32),
    pub data: Arc<Data>,
    pub kit: Kit,
    /// The moments at which it is drawn, in milliseconds; the last one is seen.
    pub at: Vec<u64>,
    /// Draws the last moment again until there is something of a face's colour: it comes from another thread.
    pub waits_for_a_face: bool,
    /// Zones of 200 % are twice as large.
    pub grows: bool,
}

impl<'a> Sheet<'a> {
    pub fn new(name: &'a str, wide: (u32, u32), upright: (u32, u32), widget: &'a str) -> Self {
        Self {
            name,
            widget,
            wide,
            upright,
            data: Arc::new(data()),
            kit: kit(),
            at: vec![0],
            waits_for_a_face: false,
            grows: true,
        }
    }

    pub fn with(self, data: impl Into<Arc<Data>>) -> Self {
        let data = data.into();
        Self { data, ..self }
    }

    /// Drawn ten times a second for so long.
    pub fn after(self, seconds: u64) -> Self {
        let at = (0..=seconds * 10).map(|tick| tick * 100).collect();
        Self { at, ..self }
    }

    /// Draws all cells and compares the sheet with the stored one.
    pub fn check(self) {
        let cells = [
            ((LONG, SHORT), self.wide, 100),
            ((LONG, SHORT), self.wide, 200),
            ((SHORT, LONG), self.upright, 100),
            ((SHORT, LONG), self.upright, 200),
        ];
        let cells = cells.map(|(screen, zone, percent)| {
            let share = if self.grows { percent } else { 100 };
            let side = |zone: u32, screen: u32| (zone * share / 100).min(screen);
            (screen, (side(zone.0, screen.0), side(zone.1, screen.1)), percent)
        });
        let high = cells.iter().map(|(_, zone, _)| zone.1).max().unwrap_or(0) + GAP;
        let width = cells.iter().map(|(_, zone, _)| zone.0 + GAP).sum::<u32>() + GAP;
        let height = high * LANGUAGES.len() as u32 + GAP;
        let mut sheet = vec![0x80_u8; (width * height * 4) as usize];
        for (row, language) in (0..).zip(LANGUAGES) {
            let mut left = GAP;
            for (screen, zone, percent) in &cells {
                let cell = self.cell(*screen, *zone, *percent, language);
                let top = row * high + GAP;
                for y in 0..zone.1 {
                    let from = (y * cell.width() * 4) as usize;
                    let to = (((top + y) * width + left) * 4) as usize;
                    let length = zone.0 as usize * 4;
                    sheet[to..to + length].copy_from_slice(&cell.bytes()[from..from + length]);
                }
                left += zone.0 + GAP;
            }
        }
        compare_pixels(&format!("sheet-{}", self.name), (width, height), sheet);
    }

    fn cell(&self, screen: (u32, u32), zone: (u32, u32), percent: u32, language: &str) -> Canvas {
        let layout = format!(
            r##"{{"version":2,"name":"golden","width":{},"height":{},"languages":["{language}"],"text_percent":{percent},
            "pages":[{{"name":"home","background":"#f4f6fb","zones":[
            {{"name":"it","rect":{{"x":0,"y":0,"width":{},"height":{}}},{}}}]}}]}}"##,
            screen.0, screen.1, zone.0, zone.1, self.widget
        );
        let layout: Layout = serde_json::from_str(&layout).expect("a layout");
        let mut scene = Scene::build(Arc::new(layout), &self.kit).expect("a scene");
        let mut canvas = Canvas::new(screen.0, screen.1, GROUND);
        let mut draw = |millis: u64| {
            let now = moment(Duration::from_millis(millis));
            scene.draw(&mut canvas, &now, &self.data, &mut Region::default());
            // Blue, green, red: nothing else is warm.
            canvas
                .bytes()
                .chunks_exact(4)
                .any(|pixel| pixel[2] > pixel[0].saturating_add(30))
        };
        for millis in &self.at {
            draw(*millis);
        }
        let (last, end) = (
            *self.at.last().expect("a moment"),
            Instant::now() + Duration::from_secs(60),
        );
        while self.waits_for_a_face && !draw(last) {
            assert!(Instant::now() < end, "{} never came", self.name);
            std::thread::park_timeout(Duration::from_millis(5));
        }
        canvas
    }
}

/// A text in all six languages, as JSON.
pub fn said([ja, easy, en, zh, ko, vi]: [&str; 6]) -> String {
    let text = serde_json::json!({"ja": ja, "easy": easy, "en": en, "zh": zh, "ko": ko, "vi": vi});
    text.to_string()
}

pub fn text([ja, easy, en, zh, ko, vi]: [&str; 6]) -> Text {
    Text {
        easy: Some(easy.into()),
        en: Some(en.into()),
        zh: Some(zh.into()),
        ko: Some(ko.into()),
        vi: Some(vi.into()),
        ..Text::japanese(ja)
    }
}
