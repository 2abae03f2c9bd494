//! What can't wait: an urgent notice as a band at the top, an emergency over the whole screen, whatever the
//! layout. It goes when the office takes it back, or when its time is over.
//!
//! Nothing of it is ever cut: where it is long the band grows, then letters become smaller than the layout asks for, down to those
//! that are read five metres away, and what is longer still is shown in parts that take turns.

use std::time::Duration;

use anyhow::{Context as _, Result};
use cairo::Context;
use protocol::screen::{Language, Layout, Rect, Urgency};

use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette::{self, Color};
use crate::scene::text::{self, Fit, Style, Words};
use crate::scene::words;
use crate::stage::canvas::Canvas;

/// How high a band may be, in shares of the screen.
const BANDS: [f64; 3] = [0.3, 0.45, 0.6];

/// How large its letters may be, in units.
const SIZES: [f64; 8] = [3.2, 2.8, 2.4, 2.0, 1.7, 1.4, 1.2, 1.0];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    said: String,
    is_emergency: bool,
    language: Language,
}

/// How a text is set.
#[derive(Debug)]
struct Plan {
    /// Of the band, in pixels.
    height: f64,
    /// Of the letters.
    size: f64,
    /// What is shown, one after the other.
    parts: Vec<String>,
}

struct Shown {
    face: Face,
    plan: Plan,
    /// Since when it is on show.
    begun: Duration,
    part: usize,
    layer: Layer,
}

/// The band, where there is one.
pub struct Banner {
    sheet: Sheet,
    shown: Option<Shown>,
}

impl Banner {
    /// A band for a layout; not on show.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let smallest = f64::from(layout.height.min(layout.width)) / 30.0;
        let sheet = Sheet {
            size: (layout.width, layout.height),
            smallest,
            unit: smallest * f64::from(layout.text_percent) / 100.0,
        };
        Self { sheet, shown: None }
    }

    /// What it covers now, in the layout's pixels.
    #[must_use]
    pub fn rect(&self) -> Option<Rect> {
        self.shown.as_ref().map(|shown| shown.layer.bounds())
    }

    /// Brings it up to `now`. Gives what changed.
    pub fn draw(&mut self, now: &Moment, data: &Data, language: Language) -> Option<Rect> {
        let found = data.alarm(now.wall).map(|notice| Face {
            said: notice.text.in_language(language).to_owned(),
            is_emergency: notice.urgency == Urgency::Emergency,
            language,
        });
        if found.as_ref() == self.shown.as_ref().map(|shown| &shown.face) {
            return self.turn(now.at);
        }
        let before = self.rect();
        self.shown = found.and_then(|face| match self.picture(face, now.at) {
            Ok(shown) => Some(shown),
            Err(error) => {
                tracing::error!("a notice can't be drawn: {error:#}");
                None
            }
        });
        match (before, self.rect()) {
            (Some(a), Some(b)) => Some(crate::stage::canvas::union(a, b)),
            (a, b) => a.or(b),
        }
    }

    /// Shows the next part when its turn has come. Gives what changed.
    fn turn(&mut self, now: Duration) -> Option<Rect> {
        let sheet = self.sheet;
        let shown = self.shown.as_mut()?;
        let turn = turn_of(&shown.plan.parts);
        let turns = now.saturating_sub(shown.begun).as_millis() / turn.as_millis().max(1);
        let part = usize::try_from(turns).unwrap_or(0) % shown.plan.parts.len().max(1);
        if part == std::mem::replace(&mut shown.part, part) {
            return None;
        }
        shown
            .layer
            .redraw(|cr| sheet.redraw(cr, &shown.face, &shown.plan, part));
        Some(shown.layer.bounds())
    }

    /// Lays it on the canvas, inside `clip` only.
    pub fn paint(&self, canvas: &mut Canvas, clip: Rect) {
        if let Some(shown) = &self.shown {
            shown.layer.paint(canvas, clip, (0, 0));
        }
    }

    fn picture(&self, face: Face, now: Duration) -> Result<Shown> {
        let sheet = self.sheet;
        let trial = cairo::ImageSurface::create(cairo::Format::ARgb32, 1, 1).context("a surface to measure on")?;
        let plan = sheet.plan(&Context::new(&trial)?, &face);
        let layer = Layer::opaque(sheet.size.0, (plan.height as u32).max(1))?;
        layer.redraw(|cr| sheet.redraw(cr, &face, &plan, 0));
        Ok(Shown {
            face,
            plan,
            begun: now,
            part: 0,
            layer,
        })
    }
}

/// How long each part stands: time to find it, and to read the longest at ten letters a second.
pub(super) fn turn_of(parts: &[String]) -> Duration {
    let letters = parts.iter().map(|part| part.chars().count()).max().unwrap_or(0);
    Duration::from_millis(4_000 + 100 * letters as u64)
}

/// The band's measures, in pixels.
#[derive(Debug, Clone, Copy)]
struct Sheet {
    /// The screen's.
    size: (u32, u32),
    /// The smallest letters that are read five metres away.
    smallest: f64,
    /// The smallest as the layout wants them.
    unit: f64,
}

impl Sheet {
    fn margin(self) -> f64 {
        self.smallest * 1.5
    }

    fn inner(self) -> f64 {
        (f64::from(self.size.0) - self.margin() * 2.0).max(1.0)
    }

    fn style(face: &Face, size: f64) -> Style {
        let ink = if face.is_emergency {
            palette::WHITE
        } else {
            palette::INK
        };
        Style::bold(size, ink, face.language)
    }

    fn plan(self, cr: &Context, face: &Face) -> Plan {
        let whole = f64::from(self.size.1);
        let heights = if face.is_emergency {
            vec![whole]
        } else {
            BANDS.map(|share| (whole * share).floor()).to_vec()
        };
        let room = |height: f64| height - self.top(cr, face) - self.margin();
        let fits = |height: f64, size: f64| {
            let fit = Fit::Box(self.inner(), room(height));
            !Words::new(cr, &face.said, Self::style(face, size), fit).is_cut()
        };
        let highest = heights.last().copied().unwrap_or(whole);
        let large = heights
            .iter()
            .flat_map(|height| SIZES.map(|share| (*height, self.unit * share)));
        let small = std::iter::successors(Some(self.unit * 0.92), |size| Some(size * 0.92));
        let small = small.take_while(|size| *size > self.smallest).chain([self.smallest]);
        let mut all = large.chain(small.map(|size| (highest, size)));
        if let Some((height, size)) = all.find(|(height, size)| fits(*height, *size)) {
            return Plan {
                height,
                size,
                parts: vec![face.said.clone()],
            };
        }
        let size = self.smallest;
        let room = (self.inner(), room(highest) - self.foot());
        Plan {
            height: highest,
            size,
            parts: Words::pages(cr, &face.said, Self::style(face, size), room),
        }
    }

    /// The line that says which part it is.
    fn foot(self) -> f64 {
        self.smallest * 1.4
    }

    fn heading(self, cr: &Context, face: &Face) -> Words {
        let said = words::emergency(face.language);
        let sizes = std::iter::successors(Some(self.unit * 2.4), |size| Some(size * 0.92));
        let sizes = sizes.take_while(|size| *size > self.smallest).chain([self.smallest]);
        let sizes: Vec<f64> = sizes.collect();
        Words::fitted(cr, said, Self::style(face, self.unit), self.inner(), &sizes)
    }

    /// Where the text begins: below an emergency's heading.
    fn top(self, cr: &Context, face: &Face) -> f64 {
        if face.is_emergency {
            self.margin() + self.heading(cr, face).height() + self.smallest
        } else {
            self.margin()
        }
    }

    fn redraw(self, cr: &Context, face: &Face, plan: &Plan, part: usize) -> Result<(), cairo::Error> {
        let (ground, ink): (Color, Color) = if face.is_emergency {
            (palette::RED, palette::WHITE)
        } else {
            (palette::AMBER, palette::INK)
        };
        text::set_color(cr, ground);
        cr.paint()?;
        let (margin, inner, top) = (self.margin(), self.inner(), self.top(cr, face));
        if face.is_emergency {
            self.heading(cr, face).draw(cr, margin, margin);
            text::set_color(cr, ink);
            cr.rectangle(margin, top - self.smallest * 0.5, inner, self.smallest / 6.0);
            cr.fill()?;
        }
        let mut bottom = plan.height - margin;
        let count = plan.parts.len();
        if count > 1 {
            let said = format!("{} / {count}", part + 1);
            let number = Words::new(cr, &said, Self::style(face, self.smallest), Fit::Free);
            number.draw_right(cr, margin + inner, bottom - self.foot() / 2.0 + margin / 2.0);
            bottom -= self.foot();
        }
        let said = plan.parts.get(part).map_or("", String::as_str);
        let style = Self::style(face, plan.size);
        let words = Words::boxed(cr, said, style, (inner, bottom - top), &[plan.size]);
        words.draw_in(cr, (margin, top), bottom - top);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    const FIRE: &str = "1階で火災が発生しました。係員の指示に従って、落ち着いて避難してください。エレベーターは使わずに、\
        必ず階段を使ってください。避難したあとは、建物に戻らないでください。";

    fn sheet(size: (u32, u32), percent: f64) -> Sheet {
        let smallest = f64::from(size.0.min(size.1)) / 30.0;
        Sheet {
            size,
            smallest,
            unit: smallest * percent / 100.0,
        }
    }

    fn face(said: &str, is_emergency: bool, language: Language) -> Face {
        Face {
            said: said.to_owned(),
            is_emergency,
            language,
        }
    }

    /// What is drawn of each part, cut or not.
    fn parts(sheet: Sheet, face: &Face) -> Plan {
        let surface = cairo::ImageSurface::create(cairo::Format::ARgb32, 8, 8).expect("memory");
        let cr = Context::new(&surface).expect("a context");
        let plan = sheet.plan(&cr, face);
        let foot = if plan.parts.len() > 1 { sheet.foot() } else { 0.0 };
        let room = plan.height - sheet.top(&cr, face) - sheet.margin() - foot;
        for part in &plan.parts {
            let words = Words::new(&cr, part, Sheet::style(face, plan.size), Fit::Box(sheet.inner(), room));
            assert!(!words.is_cut(), "{part:?} is cut, of {plan:?}");
        }
        plan
    }

    #[test]
    fn nothing_of_an_urgent_text_is_lost_on_any_screen_at_any_size() {
        let long: String = FIRE.chars().cycle().take(200).collect();
        let vi = "Có hoả hoạn ở tầng 1. Không dùng thang máy, hãy dùng cầu thang bộ. ".repeat(3);
        for size in [(1280, 720), (720, 1280), (1920, 360), (360, 1920), (480, 270)] {
            for percent in [100.0, 150.0, 200.0] {
                for is_emergency in [false, true] {
                    for (said, language) in [(FIRE, Language::Ja), (&long, Language::Ja), (&vi, Language::Vi)] {
                        let plan = parts(sheet(size, percent), &face(said, is_emergency, language));
                        assert!(plan.size >= sheet(size, 100.0).smallest, "{plan:?}");
                        let bare = |text: &str| text.replace(' ', "");
                        assert_eq!(bare(&plan.parts.concat()), bare(said));
                    }
                }
            }
        }
    }

    #[test]
    fn a_band_grows_before_its_letters_become_smaller_than_the_layout_asks_for() {
        let large = sheet((1280, 720), 200.0);
        let short = parts(large, &face("大雨警報が出ています。", false, Language::Ja));
        assert_eq!(short.height, 216.0);
        let long = parts(large, &face(FIRE, false, Language::Ja));
        assert!(long.height > 216.0 && long.height <= 432.0, "{long:?}");
        assert!(long.size >= large.unit && long.parts.len() == 1, "{long:?}");
    }

    #[test]
    fn what_is_too_long_for_one_picture_takes_turns() {
        let low = sheet((1280, 720), 100.0);
        let plan = parts(low, &face(&FIRE.repeat(12), false, Language::Ja));
        assert!(plan.parts.len() > 1, "{plan:?}");
        assert!(plan.parts.iter().all(|part| part.ends_with('。')), "{plan:?}");
        assert!(turn_of(&plan.parts) > Duration::from_secs(8));
    }
}
