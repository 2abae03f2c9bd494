//! A long text that moves from bottom to top at constant speed, line by line.
//!
//! A paragraph is set when it comes near, a line is drawn when it comes in and forgotten when it has gone
//! out: a text of any length costs the same. Invariant: the place of every line follows from the time alone,
//! rounded to a whole pixel; no error adds up.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use pango::WrapMode;
use protocol::screen::{Language, Rect, Text};

use super::ticker::offset;
use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Style, units};
use crate::stage::canvas::Canvas;

/// A paragraph that is longer is set in parts, so that no frame waits for it.
const PART: usize = 400;
/// Lines are drawn so many pixels before they come in.
const AHEAD: i64 = 160;
/// The fastest that is taken, in pixels a second. Faster can't be read.
const MAX_SPEED: u32 = 600;
/// After so long without being drawn the text starts anew instead of catching up.
const PAUSE: Duration = Duration::from_secs(10);

struct Line {
    /// The line's upper edge on the endless strip.
    top: i64,
    layer: Layer,
}

/// The text in its zone.
pub struct Roll {
    width: u32,
    height: u32,
    style: Style,
    text: Text,
    speed: u32,
    parts: Vec<String>,
    lines: VecDeque<Line>,
    /// The next part to set.
    next: usize,
    /// Where it begins on the endless strip.
    end: i64,
    started: Option<Duration>,
    drawn_at: Duration,
    /// The strip's pixel at the zone's upper edge.
    offset: i64,
    is_drawn: bool,
}

/// Cuts a text into paragraphs, long ones after a sentence.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for paragraph in text.lines() {
        let (mut part, mut count) = (String::new(), 0);
        for c in paragraph.chars() {
            part.push(if c.is_control() { ' ' } else { c });
            count += 1;
            let is_end = matches!(c, '。' | '！' | '？' | '.' | ' ' | '、');
            if count >= PART * 2 || (count >= PART && is_end) {
                parts.push(std::mem::take(&mut part));
                count = 0;
            }
        }
        parts.push(part);
    }
    parts
}

impl Roll {
    /// A text at `speed` pixels a second.
    ///
    /// # Errors
    /// None now; as all widgets.
    pub fn new(place: Place, text: &Text, size: u32, speed: u32) -> Result<Self> {
        let size = (f64::from(size) * place.scale).max(place.unit);
        Ok(Self {
            width: place.width,
            height: place.height,
            style: Style::plain(size, palette::INK, place.language),
            parts: parts(text.in_language(place.language)),
            text: text.clone(),
            speed: speed.min(MAX_SPEED),
            lines: VecDeque::new(),
            next: 0,
            end: 0,
            started: None,
            drawn_at: Duration::ZERO,
            offset: 0,
            is_drawn: false,
        })
    }

    fn restart(&mut self, now: Duration) {
        self.started = Some(now);
        self.lines.clear();
        self.next = 0;
        self.end = i64::from(self.height);
    }

    /// Sets and draws what comes in soon; forgets what has gone out.
    fn prepare(&mut self) {
        let horizon = self.offset + i64::from(self.height) + AHEAD;
        while self.end < horizon && !self.parts.is_empty() {
            if let Err(error) = self.draw_part() {
                tracing::warn!("a part of the rolling text is left out: {error:#}");
                self.end += 1;
            }
            self.next += 1;
            if self.next == self.parts.len() {
                self.next = 0;
                // Between the end and the next beginning the zone is empty once.
                self.end += i64::from(self.height);
            }
        }
        let is_out = |line: &Line, offset: i64| line.top + i64::from(line.layer.height()) <= offset;
        while self.lines.front().is_some_and(|line| is_out(line, self.offset)) {
            self.lines.pop_front();
        }
    }

    fn line_height(&self) -> u32 {
        (self.style.size * 1.6).round() as u32
    }

    fn draw_part(&mut self) -> Result<()> {
        let part = &self.parts[self.next];
        let height = self.line_height();
        if part.is_empty() {
            self.end += i64::from(height / 2);
            return Ok(());
        }
        let probe = Layer::new(1, 1)?;
        let mut set = None;
        probe.redraw(|cr| {
            let layout = pangocairo::functions::create_layout(cr);
            text::smooth(&layout.context());
            layout
                .context()
                .set_language(Some(&pango::Language::from_string(self.style.language.tag())));
            layout.set_font_description(Some(&text::font(self.style)));
            layout.set_text(part);
            layout.set_wrap(WrapMode::WordChar);
            layout.set_width(units(f64::from(self.width)));
            set = Some(layout);
            Ok(())
        });
        let Some(layout) = set else { return Ok(()) };
        for index in 0..layout.line_count() {
            let Some(line) = layout.line_readonly(index) else {
                continue;
            };
            let layer = Layer::new(self.width, height)?;
            let (_, logical) = line.pixel_extents();
            // Text from right to left stands at the right.
            let x = match line.resolved_direction() {
                pango::Direction::Rtl => f64::from(self.width) - f64::from(logical.width()),
                _ => 0.0,
            };
            layer.redraw(|cr| {
                text::set_color(cr, self.style.color);
                cr.move_to(x, self.style.size * 1.2);
                pangocairo::functions::show_layout_line(cr, &line);
                Ok(())
            });
            self.lines.push_back(Line { top: self.end, layer });
            self.end += i64::from(height);
        }
        Ok(())
    }
}

impl View for Roll {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        let started = match self.started {
            Some(started) if now.at.saturating_sub(self.drawn_at) < PAUSE => started,
            _ => {
                self.restart(now.at);
                now.at
            }
        };
        self.drawn_at = now.at;
        let offset = offset(self.speed, now.at.saturating_sub(started));
        if std::mem::replace(&mut self.is_drawn, true) && offset == self.offset {
            return None;
        }
        self.offset = offset;
        self.prepare();
        Some(Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        for line in &self.lines {
            line.layer.paint(canvas, clip, (at.0, at.1 + line.top - self.offset));
        }
    }

    fn set_language(&mut self, language: Language) {
        if language != self.style.language {
            self.style.language = language;
            self.parts = parts(self.text.in_language(language));
            self.started = None;
        }
    }

    fn hidden(&mut self, _now: &Moment) {
        self.started = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paragraphs_are_cut_after_a_sentence() {
        let text = format!("{}\n\n{}", "短い。", "あいうえお。".repeat(10_000));
        let parts = parts(&text);
        assert_eq!(parts[0], "短い。");
        assert_eq!(parts[1], "");
        assert!(parts.iter().all(|part| part.chars().count() <= PART * 2));
        assert!(parts[2].ends_with('。'));
        assert_eq!(parts.concat(), text.replace('\n', ""));
    }
}
