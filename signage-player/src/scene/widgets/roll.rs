//! A long text that moves from bottom to top at constant speed, line by line.
//!
//! A paragraph is set when it comes near; its lines lie on a [`Strip`].

use anyhow::Result;
use pango::{Direction, WrapMode};
use protocol::screen::{Language, Rect, Text};

use super::rounds::Rounds;
use super::strip::{Piece, Strip};
use super::{Place, View};
use crate::scene::breaks;
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Style, units};
use crate::stage::canvas::Canvas;
use crate::sync::Zone;

/// A paragraph that is longer is set in parts, so that no frame waits for it.
const PART: usize = 400;
/// Lines are drawn so many pixels before they come in.
const AHEAD: i64 = 160;
/// The fastest that is taken, in pixels a second. Faster can't be read.
const MAX_SPEED: u32 = 600;
/// The text in its zone.
pub struct Roll {
    width: u32,
    height: u32,
    style: Style,
    text: Text,
    first_language: Language,
    parts: Vec<Part>,
    strip: Strip,
    rounds: Rounds,
}

/// A paragraph or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    text: String,
    /// The whole paragraph is read from right to left.
    is_rtl: bool,
}

/// Cuts a text into paragraphs, long ones after a sentence.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for paragraph in text.lines() {
        let is_rtl = pango::find_base_dir(paragraph) == Direction::Rtl;
        let (mut part, mut count) = (String::new(), 0);
        for c in paragraph.chars() {
            part.push(if c.is_control() { ' ' } else { c });
            count += 1;
            let is_end = matches!(c, '。' | '！' | '？' | '؟' | '.' | ' ' | '、');
            if count >= PART * 2 || (count >= PART && is_end) {
                let text = std::mem::take(&mut part);
                parts.push(Part { text, is_rtl });
                count = 0;
            }
        }
        parts.push(Part { text: part, is_rtl });
    }
    parts
}

impl Roll {
    /// A text at `speed` pixels a second, in step with that zone of other screens.
    ///
    /// # Errors
    /// None now; as all widgets.
    pub fn new(place: Place, text: &Text, size: u32, speed: u32, zone: Zone) -> Result<Self> {
        let size = (f64::from(size) * place.scale).max(place.unit);
        Ok(Self {
            width: place.width,
            height: place.height,
            style: Style::plain(size, palette::INK, place.language),
            parts: parts(text.in_language(place.language)),
            text: text.clone(),
            first_language: place.language,
            strip: Strip::new(place.height, AHEAD, speed.min(MAX_SPEED)),
            rounds: Rounds::new(zone),
        })
    }
}

/// The lines of a part, as wide as the zone.
fn lines(part: &Part, style: Style, width: u32) -> Result<Vec<Piece>> {
    let height = (style.size * 1.6).round() as u32;
    if part.text.is_empty() {
        let space = Piece {
            layer: None,
            length: height / 2,
        };
        return Ok(vec![space]);
    }
    let probe = Layer::new(1, 1)?;
    let mut set = None;
    probe.redraw(|cr| {
        let layout = pangocairo::functions::create_layout(cr);
        text::smooth(&layout.context());
        layout
            .context()
            .set_language(Some(&pango::Language::from_string(style.language.tag())));
        layout.set_font_description(Some(&text::font(style)));
        layout
            .context()
            .set_base_dir(if part.is_rtl { Direction::Rtl } else { Direction::Ltr });
        layout.set_auto_dir(false);
        layout.set_wrap(WrapMode::WordChar);
        layout.set_width(units(f64::from(width)));
        breaks::flow(&layout, &part.text, style.language);
        set = Some(layout);
        Ok(())
    });
    let Some(layout) = set else { return Ok(Vec::new()) };
    let lines = (0..layout.line_count()).filter_map(|index| layout.line_readonly(index));
    lines
        .map(|line| {
            let layer = Layer::new(width, height)?;
            let (_, logical) = line.pixel_extents();
            // Text from right to left stands at the right.
            let x = if part.is_rtl {
                f64::from(width) - f64::from(logical.width())
            } else {
                0.0
            };
            layer.redraw(|cr| {
                text::set_color(cr, style.color);
                cr.move_to(x, style.size * 1.2);
                pangocairo::functions::show_layout_line(cr, &line);
                Ok(())
            });
            Ok(Piece {
                layer: Some(layer),
                length: height,
            })
        })
        .collect()
}

impl View for Roll {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        let (parts, style, width) = (&self.parts, self.style, self.width);
        // In another language it is as long as it is.
        let is_own = self.style.language == self.first_language;
        let since = is_own
            .then(|| self.rounds.turn(now.at, self.strip.round_ends()))
            .flatten();
        if let Some(since) = since {
            self.strip.restart_at(since);
        }
        let has_moved = self
            .strip
            .move_to(now.at, parts.len(), |index| lines(&parts[index], style, width));
        has_moved.then_some(Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        for (layer, y) in self.strip.tiles() {
            layer.paint(canvas, clip, (at.0, at.1 + y));
        }
    }

    fn set_language(&mut self, language: Language) {
        if language != self.style.language {
            self.style.language = language;
            self.parts = parts(self.text.in_language(language));
            self.strip.restart();
            self.rounds.leave();
        }
    }

    fn hidden(&mut self, _now: &Moment) {
        self.rounds.leave();
        self.strip.restart();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paragraphs_are_cut_after_a_sentence() {
        let text = format!("{}\n\n{}", "短い。", "あいうえお。".repeat(10_000));
        let parts: Vec<String> = parts(&text).into_iter().map(|part| part.text).collect();
        assert_eq!(parts[0], "短い。");
        assert_eq!(parts[1], "");
        assert!(parts.iter().all(|part| part.chars().count() <= PART * 2));
        assert!(parts[2].ends_with('。'));
        assert_eq!(parts.concat(), text.replace('\n', ""));
    }

    #[test]
    fn each_part_of_a_paragraph_runs_as_the_paragraph_does() {
        let hebrew = format!("שלום. {}", "Minami Ward Office. ".repeat(100));
        let parts = parts(&format!("窓口 שלום\n{hebrew}"));
        assert!(parts.len() > 3 && !parts[0].is_rtl);
        assert!(parts[1..].iter().all(|part| part.is_rtl), "{parts:?}");
    }
}
