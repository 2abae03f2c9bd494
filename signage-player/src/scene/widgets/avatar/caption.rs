//! The avatar's words: where they stand in its zone, how large, and which part of them is seen.
//!
//! Nothing that is said is ever cut. Where it is long its box grows, or stands beside the figure; then letters become smaller than the
//! layout asks for, down to those that are read five metres away; what is longer still is shown in parts, each while it is spoken.

use std::time::Duration;

use cairo::Context;
use protocol::screen::{Language, Rect};

use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, TINY, Words};
use crate::scene::widgets::Place;

/// How large letters may be, in units.
const SIZES: [f64; 5] = [1.5, 1.35, 1.2, 1.1, 1.0];

/// More parts than these have no dots that tell which one is seen.
const MOST_DOTS: usize = 8;

/// Where the figure and its words stand, in the zone's pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) figure: Rect,
    pub(super) caption: Rect,
}

impl Frame {
    /// The first of all frames in which whatever may be said is whole; else the one with the most room.
    pub(super) fn best(cr: &Context, place: Place, said: &[(Language, String)]) -> Self {
        let frames = Self::all(place);
        let smallest = place.unit / place.scale;
        let ways = [false, true].map(|may_break| [place.unit, smallest].map(|smallest| (smallest, may_break)));
        for (smallest, may_break) in ways.concat() {
            let sizes = Sizes {
                unit: place.unit,
                smallest,
            };
            let is_whole = |frame: &&Self| {
                let mut plans = said
                    .iter()
                    .map(|(language, text)| frame.plan(cr, sizes, *language, text));
                plans.all(|plan| plan.parts.len() == 1 && plan.size >= smallest && (may_break || !plan.is_broken))
            };
            if let Some(frame) = frames.iter().find(is_whole) {
                return *frame;
            }
        }
        let room = |frame: &&Self| u64::from(frame.caption.width) * u64::from(frame.caption.height);
        // There is always a first one.
        frames.iter().max_by_key(room).copied().unwrap_or(frames[0])
    }

    /// From the usual one to those that leave the figure less room.
    fn all(place: Place) -> Vec<Self> {
        let (width, height) = (place.width.max(2), place.height.max(2));
        let below = |caption: u32| {
            let caption = caption.clamp(1, height - 1);
            Self {
                figure: rect(0, 0, width, height - caption),
                caption: rect(0, height - caption, width, caption),
            }
        };
        let usual = ((place.unit * 6.2) as u32).min(height * 2 / 5);
        let mut all = vec![below(usual), below(height / 2)];
        all.push(below(height * 3 / 5));
        let figure = (height * 4 / 5).min(width * 2 / 5).max(1);
        let beside = Self {
            figure: rect(0, 0, figure, height),
            caption: rect(figure, 0, width - figure, height),
        };
        // In a very wide zone the figure is larger so.
        if width * 2 >= height * 5 {
            all.insert(0, beside);
        } else if width * 2 >= height * 3 {
            all.insert(2, beside);
        }
        all
    }

    /// How a text is set in this frame's box.
    pub(super) fn plan(&self, cr: &Context, sizes: Sizes, language: Language, said: &str) -> Plan {
        Plan::new(cr, said, language, self.room(sizes.unit), sizes)
    }

    /// Inside the box' margins.
    fn room(&self, unit: f64) -> (f64, f64) {
        let (width, height) = (f64::from(self.caption.width), f64::from(self.caption.height));
        ((width - unit * 2.0).max(1.0), (height - unit * 1.2).max(1.0))
    }

    /// Draws the box and a part of what is said, from the box' corner on.
    pub(super) fn draw(
        &self,
        cr: &Context,
        unit: f64,
        language: Language,
        plan: &Plan,
        part: usize,
    ) -> Result<(), cairo::Error> {
        let (width, height) = (f64::from(self.caption.width), f64::from(self.caption.height));
        let line = unit / 10.0;
        text::rounded(cr, line / 2.0, line / 2.0, width - line, height - line, unit * 0.7);
        text::set_color(cr, palette::WHITE);
        cr.fill_preserve()?;
        text::set_color(cr, palette::BLUE);
        cr.set_line_width(line);
        cr.stroke()?;
        let said = plan.parts.get(part).map_or("", String::as_str);
        let room = self.room(unit);
        let words = Words::new(cr, said, style(language, plan.size), Fit::Box(room.0, room.1)).centered();
        words.draw(cr, (width - room.0) / 2.0, (height - words.height()) / 2.0);
        if (2..=MOST_DOTS).contains(&plan.parts.len()) {
            draw_dots(cr, (width / 2.0, height - unit * 0.35), unit, (part, plan.parts.len()))?;
        }
        Ok(())
    }
}

fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

fn style(language: Language, size: f64) -> Style {
    Style::bold(size, palette::INK, language)
}

/// One for each part, the one that is seen in blue.
fn draw_dots(cr: &Context, (x, y): (f64, f64), unit: f64, (part, parts): (usize, usize)) -> Result<(), cairo::Error> {
    let step = unit * 0.5;
    let left = x - step * (parts - 1) as f64 / 2.0;
    for dot in 0..parts {
        let color = if dot == part { palette::BLUE } else { palette::LINE };
        text::set_color(cr, color);
        cr.arc(left + step * dot as f64, y, unit * 0.13, 0.0, std::f64::consts::TAU);
        cr.fill()?;
    }
    Ok(())
}

/// The smallest letters, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// As the layout wants them.
    pub(super) unit: f64,
    /// That are read five metres away.
    pub(super) smallest: f64,
}

/// How a text is set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Of the letters, in pixels.
    pub(super) size: f64,
    /// What is shown, one after the other; together it is all that is said.
    pub(super) parts: Vec<String>,
    /// A phrase or a word is broken.
    is_broken: bool,
}

impl Plan {
    fn new(cr: &Context, said: &str, language: Language, room: (f64, f64), sizes: Sizes) -> Self {
        let usual = SIZES.map(|share| sizes.unit * share);
        let small = std::iter::successors(Some(sizes.unit * 0.92), |size| Some(size * 0.92));
        let small = small.take_while(|size| *size > sizes.smallest);
        let least = (sizes.smallest < sizes.unit).then_some(sizes.smallest);
        let all: Vec<f64> = usual.into_iter().chain(small).chain(least).collect();
        let set = |said: &str, size: f64| Words::new(cr, said, style(language, size), Fit::Box(room.0, room.1));
        let is_whole = |said: &str, size: f64, may_break: bool| {
            let words = set(said, size);
            !words.is_cut() && words.width() <= room.0 + 0.5 && (may_break || !words.is_broken())
        };
        let lines = |size: f64| {
            by_sentence(said, |part| {
                Words::new(cr, part, style(language, size), Fit::Free).width() <= room.0
            })
        };
        // Sentences on lines of their own first; then as many on a line as there is room for.
        let by_sentence = usual.iter().map(|size| (*size, lines(*size), false));
        let flowed = [false, true].into_iter().flat_map(|may_break| {
            let of = move |size: &f64| (*size, said.trim().to_owned(), may_break);
            all.iter().map(of)
        });
        let mut choices = by_sentence.chain(flowed);
        if let Some((size, said, is_broken)) = choices.find(|(size, said, may_break)| is_whole(said, *size, *may_break))
        {
            return Self {
                size,
                parts: vec![said],
                is_broken,
            };
        }
        // Smaller only where a box is too small for some letters.
        let size = sizes.smallest.min(room.1 * 0.95).min(room.0 / 3.0).max(TINY);
        Self {
            size,
            parts: Words::pages(cr, said, style(language, size), room),
            is_broken: false,
        }
    }

    /// Which part is spoken so far into a sound: letters take the same time.
    pub(super) fn spoken(&self, position: Duration, duration: Duration) -> usize {
        let letters = |part: &String| part.chars().count() as f64;
        let all: f64 = self.parts.iter().map(letters).sum();
        let said = position.as_secs_f64() / duration.as_secs_f64().max(1e-3) * all;
        let ends = self.parts.iter().scan(0.0, |end, part| {
            *end += letters(part);
            Some(*end)
        });
        ends.take_while(|end| *end <= said)
            .count()
            .min(self.parts.len().max(1) - 1)
    }
}

/// Breaks a text into lines after whole sentences, as many sentences on a line as `fits` says that there is
/// room for. A sentence that is too long for a line is left to be wrapped.
fn by_sentence(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for sentence in sentences(text) {
        let is_new = sentence.starts_with('\n');
        let sentence = sentence.trim_start_matches('\n');
        match lines.last_mut() {
            Some(line) if !is_new && fits(format!("{line}{sentence}").trim_end()) => line.push_str(sentence),
            _ => lines.push(sentence.to_owned()),
        }
    }
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n")
}

/// Each sentence with the blanks after it; one after a line break begins with that.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let (mut begin, mut letters) = (0, text.char_indices().peekable());
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let is_end = match letter {
            '。' | '！' | '？' => !matches!(next, Some('」' | '』' | '）')),
            // Not within 9.30.
            '.' | '!' | '?' => next.is_some_and(char::is_whitespace),
            _ => false,
        };
        let end = at + letter.len_utf8();
        if next == Some('\n') {
            sentences.push(&text[begin..end]);
            begin = end;
        } else if is_end {
            let blanks = text[end..].chars().take_while(|it| *it == ' ' || *it == '\u{3000}');
            let end = end + blanks.map(char::len_utf8).sum::<usize>();
            sentences.push(&text[begin..end]);
            begin = end;
        }
    }
    sentences.push(&text[begin..]);
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    const GREETING: [(Language, &str); 6] = [
        (
            Language::Ja,
            "いらっしゃいませ。南区役所へようこそ。ご用件をお聞かせください。",
        ),
        (Language::Easy, "こんにちは。みなみく やくしょです。どうしましたか。"),
        (Language::En, "Welcome to the Minami Ward Office. How may I help you?"),
        (Language::Zh, "欢迎来到南区政府。请问您需要办理什么业务？"),
        (Language::Ko, "어서 오십시오. 미나미 구청입니다. 무엇을 도와드릴까요?"),
        (
            Language::Vi,
            "Chào mừng quý vị đến Văn phòng quận Minami. Tôi có thể giúp gì?",
        ),
    ];

    fn context() -> Context {
        let surface = cairo::ImageSurface::create(cairo::Format::ARgb32, 8, 8).expect("memory");
        Context::new(&surface).expect("a context")
    }

    fn place((width, height): (u32, u32), smallest: f64, scale: f64) -> Place {
        Place {
            width,
            height,
            unit: smallest * scale,
            scale,
            ground: palette::WHITE,
            language: Language::Ja,
        }
    }

    fn greeting() -> Vec<(Language, String)> {
        GREETING.map(|(language, said)| (language, said.to_owned())).to_vec()
    }

    /// The frame that is taken, and how each language is set in it.
    fn set(place: Place) -> (Frame, Vec<Plan>) {
        let cr = context();
        let frame = Frame::best(&cr, place, &greeting());
        let sizes = Sizes {
            unit: place.unit,
            smallest: place.unit / place.scale,
        };
        let plans = GREETING.map(|(language, said)| frame.plan(&cr, sizes, language, said));
        (frame, plans.to_vec())
    }

    #[test]
    fn all_that_is_said_is_shown_in_any_zone_and_no_letter_is_too_small_to_be_read() {
        let cr = context();
        let bare = |text: &str| text.replace([' ', '\n'], "");
        for size in [
            (300, 60),
            (300, 110),
            (640, 120),
            (225, 300),
            (110, 400),
            (240, 180),
            (800, 450),
        ] {
            for scale in [1.0, 1.5, 2.0] {
                let place = place(size, 15.0, scale);
                let (frame, plans) = set(place);
                let room = frame.room(place.unit);
                for (plan, (language, said)) in plans.iter().zip(GREETING) {
                    let case = format!("{size:?} {scale} {frame:?} {plan:?}");
                    assert_eq!(bare(&plan.parts.concat()), bare(said), "{case}");
                    for part in &plan.parts {
                        let words = Words::new(&cr, part, style(language, plan.size), Fit::Box(room.0, room.1));
                        assert!(!words.is_cut(), "{case}");
                    }
                    let has_room = room.1 >= 16.0 && room.0 >= 45.0;
                    assert!(!has_room || plan.size >= 15.0 - 1e-6, "{case}");
                }
            }
        }
    }

    #[test]
    fn a_low_wide_zone_says_all_at_once_beside_the_figure() {
        let (frame, plans) = set(place((480, 100), 15.0, 1.0));
        assert!(frame.caption.x > 0 && frame.caption.y == 0, "{frame:?}");
        assert!(
            plans.iter().all(|plan| plan.parts.len() == 1 && plan.size >= 15.0),
            "{plans:?}"
        );
    }

    #[test]
    fn where_there_is_room_the_figure_has_most_of_it() {
        let (frame, plans) = set(place((800, 672), 24.0, 1.0));
        assert_eq!(frame.figure, rect(0, 0, 800, 672 - 148));
        assert!(plans.iter().all(|plan| plan.parts.len() == 1), "{plans:?}");
    }

    #[test]
    fn a_part_is_seen_while_it_is_spoken() {
        let plan = Plan {
            size: 15.0,
            parts: vec![
                "いらっしゃいませ。".to_owned(),
                "南区役所へようこそ。ご用件をどうぞ。".to_owned(),
            ],
            is_broken: false,
        };
        let at = |millis| plan.spoken(Duration::from_millis(millis), Duration::from_millis(2_700));
        assert_eq!((at(0), at(899), at(901), at(2_700), at(9_000)), (0, 0, 1, 1, 1));
        let nothing = Plan {
            size: 15.0,
            parts: Vec::new(),
            is_broken: false,
        };
        assert_eq!(nothing.spoken(Duration::ZERO, Duration::ZERO), 0);
    }

    #[test]
    fn lines_end_with_sentences_in_every_language() {
        let fits = |text: &str| text.chars().count() <= 20;
        let lines = |text: &str| by_sentence(text, fits);
        assert_eq!(
            lines("いらっしゃいませ。南区役所へようこそ。ご用件をお聞かせください。"),
            "いらっしゃいませ。南区役所へようこそ。\nご用件をお聞かせください。"
        );
        assert_eq!(
            lines("Welcome! Come in. How may I help you?"),
            "Welcome! Come in.\nHow may I help you?"
        );
        assert_eq!(lines("Open at 9.30 today. Hi."), "Open at 9.30 today.\nHi.");
        assert_eq!(lines("一。\n二。"), "一。\n二。");
        assert_eq!(lines("「はい。」と言う。"), "「はい。」と言う。");
        assert_eq!(lines(""), "");
    }
}
