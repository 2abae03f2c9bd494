//! Japanese text by Pango, the same on every machine: BIZ UDPGothic, no hinting, grey edges.

use cairo::{Antialias, Context, FontOptions, HintMetrics, HintStyle};
use pango::{Direction, EllipsizeMode, FontDescription, Layout, Weight, WrapMode};

use protocol::screen::Language;

use super::breaks;
use super::fit::{self, Kept};
use super::palette::{self, Color};
use super::phrases;

const FAMILY: &str = "BIZ UDPGothic, BIZ UDGothic, Noto Sans CJK JP, sans-serif";

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Height of the letters in pixels (the font's em).
    pub size: f64,
    /// Bold or regular.
    pub is_bold: bool,
    /// Red, green, blue.
    pub color: Color,
    /// Whose letters and line breaks.
    pub language: Language,
}

impl Style {
    /// Bold letters.
    #[must_use]
    pub const fn bold(size: f64, color: Color, language: Language) -> Self {
        Self {
            size,
            is_bold: true,
            color,
            language,
        }
    }

    /// Regular letters.
    #[must_use]
    pub const fn plain(size: f64, color: Color, language: Language) -> Self {
        Self {
            is_bold: false,
            ..Self::bold(size, color, language)
        }
    }

    /// The same, of another size.
    #[must_use]
    pub const fn sized(self, size: f64) -> Self {
        Self { size, ..self }
    }
}

/// The faces for a language: a universal-design one where the language has it, and what stands in for
/// glyphs that it lacks.
#[must_use]
pub fn family(language: Language) -> &'static str {
    match language {
        Language::Ja | Language::Easy => FAMILY,
        Language::Zh => "Noto Sans CJK SC, BIZ UDPGothic, sans-serif",
        Language::Ko => "Noto Sans CJK KR, BIZ UDPGothic, sans-serif",
        // BIZ UDPGothic lacks letters of Vietnamese: two faces in one word would look broken.
        Language::Vi => "Noto Sans CJK JP, BIZ UDPGothic, sans-serif",
        Language::En => "BIZ UDPGothic, Noto Sans CJK JP, sans-serif",
    }
}

/// No letters are made smaller than this, whatever the box.
pub const TINY: f64 = 4.0;

/// Where lines may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fit {
    /// One line, as long as it is.
    Free,
    /// One line; what doesn't fit into these pixels ends in `…`.
    Line(f64),
    /// As many lines of these pixels as fit into that height; then `…`.
    Box(f64, f64),
}

/// From line to line, as a share of the letters' height.
const LEADING: f64 = 1.35;

/// A text that is ready to be drawn.
#[derive(Debug)]
pub struct Words {
    layout: Layout,
    color: Color,
    is_cut: bool,
    /// A line ends within a phrase or a word.
    is_broken: bool,
}

impl Words {
    /// Sets a text.
    #[must_use]
    pub fn new(cr: &Context, text: &str, style: Style, fit: Fit) -> Self {
        let layout = pangocairo::functions::create_layout(cr);
        let context = layout.context();
        smooth(&context);
        context.set_language(Some(&pango::Language::from_string(style.language.tag())));
        layout.set_font_description(Some(&font(style)));
        let (mut is_cut, mut is_broken) = (false, false);
        match fit {
            Fit::Free => {
                layout.set_text(text);
                layout.set_single_paragraph_mode(true);
            }
            Fit::Line(width) => {
                layout.set_text(text);
                layout.set_single_paragraph_mode(true);
                layout.set_width(units(width));
                layout.set_ellipsize(EllipsizeMode::End);
                is_cut = layout.is_ellipsized();
            }
            Fit::Box(width, height) => {
                let said;
                (said, is_broken) = flow(&layout, text, style, (width, height));
                let is_shortened = said.len() < text.len();
                let kept = fit::keep_within(&layout, (style.size, height), &[], is_shortened, |_, _| {});
                is_cut = kept != Kept::Whole;
            }
        }
        Self {
            layout,
            color: style.color,
            is_cut,
            is_broken,
        }
    }

    /// Whether it ends in `…` because there is no room for more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether a phrase or a word is broken because no line has room for it.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Letters that all run one way, as part of a longer line: brackets and spaces too go with it.
    #[must_use]
    pub fn running(cr: &Context, text: &str, style: Style, is_rtl: bool) -> Self {
        let words = Self::new(cr, text, style, Fit::Free);
        let way = if is_rtl { Direction::Rtl } else { Direction::Ltr };
        words.layout.context().set_base_dir(way);
        words.layout.set_auto_dir(false);
        words.layout.context_changed();
        words
    }

    /// The largest of these sizes at which the text fits into one line of `width` pixels; the last, cut
    /// with `…`, where none does.
    #[must_use]
    pub fn fitted(cr: &Context, text: &str, style: Style, width: f64, sizes: &[f64]) -> Self {
        for size in sizes {
            let words = Self::new(cr, text, Style { size: *size, ..style }, Fit::Free);
            if words.width() <= width {
                return words;
            }
        }
        let size = sizes.last().copied().unwrap_or(style.size);
        Self::new(cr, text, Style { size, ..style }, Fit::Line(width))
    }

    /// The largest of these sizes at which all of the text fits into a box of `width` by `height` pixels, with no phrase broken if
    /// that can be; the last, cut with `…`, where none does. Smaller only where a box is too small for a line of it.
    #[must_use]
    pub fn boxed(cr: &Context, text: &str, style: Style, (width, height): (f64, f64), sizes: &[f64]) -> Self {
        let set = |size: f64| Self::new(cr, text, style.sized(size), Fit::Box(width, height));
        let last = sizes.last().copied().unwrap_or(style.size);
        let mut fitting: Vec<Self> = sizes
            .iter()
            .map(|size| set(*size))
            .filter(|words| !words.is_cut)
            .collect();
        if !fitting.is_empty() {
            let best = fitting.iter().position(|words| !words.is_broken).unwrap_or(0);
            return fitting.swap_remove(best);
        }
        let sizes = std::iter::successors(Some(last), |size| Some(size * 0.9));
        let is_fine =
            |(size, words): &(f64, Self)| *size < TINY || !fit::is_too_small(&words.layout, *size, (width, height));
        let mut tried = sizes.map(|size| (size, set(size)));
        tried.find(is_fine).map_or_else(|| set(last), |(_, words)| words)
    }

    /// The largest of these sizes at which the text fits into one line of a box; in several lines of the last where none does.
    #[must_use]
    pub fn caption(cr: &Context, text: &str, style: Style, (width, height): (f64, f64), sizes: &[f64]) -> Self {
        let one = sizes
            .iter()
            .map(|size| Self::new(cr, text, style.sized(*size), Fit::Free));
        let mut fitting = one.filter(|words| words.width() <= width && words.height() <= height);
        let last = sizes.last().copied().unwrap_or(style.size);
        fitting
            .next()
            .unwrap_or_else(|| Self::boxed(cr, text, style, (width, height), &[last]))
    }

    /// The text in parts that each fit into a box, in order; where one ends is room to choose, it ends with a sentence.
    /// Nothing is lost.
    #[must_use]
    pub fn pages(cr: &Context, text: &str, style: Style, (width, height): (f64, f64)) -> Vec<String> {
        let mut pages = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let layout = Self::new(cr, "", style, Fit::Free).layout;
            layout.set_single_paragraph_mode(false);
            let (said, _) = flow(&layout, rest, style, (width, height));
            let shown = fit::end_within(&layout, style.size, height).map(|end| layout.text()[..end].to_owned());
            let mut most = match shown {
                Some(shown) => shown.chars().filter(|letter| !breaks::is_mark(*letter)).count(),
                None if said.len() == rest.len() => {
                    pages.push(rest.to_owned());
                    return pages;
                }
                None => said.chars().count(),
            };
            // Alone its lines may end elsewhere.
            let fits = |page: &str| !Self::new(cr, page, style, Fit::Box(width, height)).is_cut;
            let mut end = phrases::page_end(rest, most.max(1));
            while most > 1 && !fits(rest[..end].trim()) {
                most = (most - 1).min(most * 19 / 20);
                end = phrases::page_end(rest, most.max(1));
            }
            let (page, after) = rest.split_at(end);
            pages.push(page.trim().to_owned());
            rest = after.trim_start();
        }
        pages
    }

    /// Lines are centred to each other.
    #[must_use]
    pub fn centered(self) -> Self {
        self.layout.set_alignment(pango::Alignment::Center);
        self
    }

    /// Pixels wide.
    #[must_use]
    pub fn width(&self) -> f64 {
        f64::from(self.layout.size().0) / f64::from(pango::SCALE)
    }

    /// Pixels high.
    #[must_use]
    pub fn height(&self) -> f64 {
        f64::from(self.layout.size().1) / f64::from(pango::SCALE)
    }

    /// From the top to the first line's baseline, in pixels.
    #[must_use]
    pub fn baseline(&self) -> f64 {
        f64::from(self.layout.baseline()) / f64::from(pango::SCALE)
    }

    /// Draws with the top left corner there.
    pub fn draw(&self, cr: &Context, x: f64, y: f64) {
        let (red, green, blue) = palette::shares(self.color);
        cr.set_source_rgb(red, green, blue);
        cr.move_to(x, y);
        pangocairo::functions::show_layout(cr, &self.layout);
    }

    /// Draws with the middle of the left edge there.
    pub fn draw_left(&self, cr: &Context, x: f64, middle: f64) {
        self.draw(cr, x, middle - self.height() / 2.0);
    }

    /// Draws with the middle of the right edge there.
    pub fn draw_right(&self, cr: &Context, x: f64, middle: f64) {
        self.draw(cr, x - self.width(), middle - self.height() / 2.0);
    }

    /// Draws at the left of a box, in the middle of its height; a text that was cut from its top on.
    pub fn draw_in(&self, cr: &Context, (x, y): (f64, f64), height: f64) {
        let free = if self.is_cut { 0.0 } else { height - self.height() };
        self.draw(cr, x, y + (free / 2.0).max(0.0));
    }

    /// Draws with the right edge there, the first line standing on `baseline`.
    pub fn draw_right_on(&self, cr: &Context, x: f64, baseline: f64) {
        self.draw(cr, x - self.width(), baseline - self.baseline());
    }

    /// Draws around a middle.
    pub fn draw_centered(&self, cr: &Context, x: f64, middle: f64) {
        // A box' layout is as wide as the box, so its own width tells where its lines stand.
        let (_, logical) = self.layout.pixel_extents();
        let left = f64::from(logical.x()) + f64::from(logical.width()) / 2.0;
        self.draw(cr, x - left, middle - self.height() / 2.0);
    }
}

/// Gives a layout a text to be wrapped: as much of it as could ever stand in so many pixels, which is given back. Also gives whether a
/// phrase or word had to be broken.
fn flow<'a>(layout: &Layout, text: &'a str, style: Style, size: (f64, f64)) -> (&'a str, bool) {
    let said = fit::at_most(text, style.size, size);
    layout.set_width(units(size.0));
    layout.set_wrap(WrapMode::WordChar);
    layout.set_line_spacing(line_spacing(layout, style, LEADING));
    let is_broken = breaks::flow(layout, said, style.language);
    (said, is_broken)
}

/// What Pango needs to set lines `leading` times the letters' height apart: it goes by the font's own line, which is half as
/// high again in some.
#[must_use]
pub fn line_spacing(layout: &Layout, style: Style, leading: f64) -> f32 {
    let metrics = layout.context().metrics(Some(&font(style)), None);
    let line = f64::from(metrics.ascent() + metrics.descent()) / f64::from(pango::SCALE);
    (leading * style.size / line.max(1.0)) as f32
}

/// The font of a style.
#[must_use]
pub fn font(style: Style) -> FontDescription {
    let mut font = FontDescription::new();
    font.set_family(family(style.language));
    font.set_weight(if style.is_bold { Weight::Bold } else { Weight::Normal });
    font.set_absolute_size(style.size * f64::from(pango::SCALE));
    font
}

/// The same edges on every machine.
pub fn smooth(context: &pango::Context) {
    if let Ok(mut options) = FontOptions::new() {
        options.set_antialias(Antialias::Gray);
        options.set_hint_style(HintStyle::None);
        options.set_hint_metrics(HintMetrics::Off);
        pangocairo::functions::context_set_font_options(context, Some(&options));
    }
}

/// A rectangle with round corners as the current path.
pub fn rounded(cr: &Context, x: f64, y: f64, width: f64, height: f64, radius: f64) {
    use std::f64::consts::{FRAC_PI_2, PI};

    let radius = radius.min(width / 2.0).min(height / 2.0).max(0.0);
    let (right, bottom) = (x + width, y + height);
    cr.new_sub_path();
    cr.arc(right - radius, y + radius, radius, -FRAC_PI_2, 0.0);
    cr.arc(right - radius, bottom - radius, radius, 0.0, FRAC_PI_2);
    cr.arc(x + radius, bottom - radius, radius, FRAC_PI_2, PI);
    cr.arc(x + radius, y + radius, radius, PI, PI + FRAC_PI_2);
    cr.close_path();
}

/// Sets the colour to fill with.
pub fn set_color(cr: &Context, color: Color) {
    let (red, green, blue) = palette::shares(color);
    cr.set_source_rgb(red, green, blue);
}

/// Pixels in Pango's units.
#[must_use]
pub fn units(pixels: f64) -> i32 {
    // Saturates: Pango's own limit is 2^21 pixels.
    (pixels.max(0.0) * f64::from(pango::SCALE)) as i32
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    fn context() -> Context {
        let surface = cairo::ImageSurface::create(cairo::Format::ARgb32, 8, 8).expect("memory");
        Context::new(&surface).expect("a context")
    }

    fn shown(words: &Words) -> String {
        breaks::without_marks(&words.layout.text())
    }

    #[test]
    fn what_is_too_long_begins_as_it_does_and_ends_in_dots_and_its_lines_stand_in_the_box() {
        let cr = context();
        for (language, sentence) in [
            (Language::Ja, "本日は祝日のため、区役所はお休みです。"),
            (Language::Vi, "Hôm nay là ngày nghỉ lễ, văn phòng quận đóng cửa. "),
            (Language::Zh, "今天是节假日，区政府休息。"),
            (Language::En, "Today is a holiday: the ward office is closed. "),
        ] {
            for (size, width, height) in [
                (24.0, 360.0, 170.0),
                (48.0, 360.0, 190.0),
                (24.0, 90.0, 40.0),
                (24.0, 700.0, 26.0),
            ] {
                for letters in [200, 50_000] {
                    let text: String = sentence.chars().cycle().take(letters).collect();
                    let style = Style::bold(size, palette::INK, language);
                    let words = Words::boxed(&cr, &text, style, (width, height), &[size * 1.5, size]);
                    let (ink, _) = words.layout.pixel_extents();
                    let case = format!("{language:?} {size} {width}x{height}: {:?} {ink:?}", shown(&words));
                    assert!(words.is_cut(), "{case}");
                    let shown = shown(&words);
                    let begin = shown.strip_suffix('…').unwrap_or_else(|| panic!("{case}"));
                    assert!(text.starts_with(begin) && begin.chars().count() >= 2, "{case}");
                    assert!(f64::from(ink.y() + ink.height()) <= height + 1.0, "{case}");
                    assert!(f64::from(ink.x() + ink.width()) <= width + 1.0, "{case}");
                }
            }
        }
    }

    #[test]
    fn what_fits_is_whole_and_a_box_is_filled_before_anything_is_cut() {
        let cr = context();
        let style = Style::bold(20.0, palette::INK, Language::Ja);
        let lines = |count: usize| vec!["窓口"; count].join("\n");
        // The first line is 20 pixels high, each further one takes 27.
        let set = |count: usize, height: f64| Words::new(&cr, &lines(count), style, Fit::Box(200.0, height));
        assert!(!set(4, 101.0).is_cut());
        assert_eq!(shown(&set(4, 100.0)), "窓口\n窓口\n窓口…");
        assert_eq!(shown(&set(5, 101.0)), "窓口\n窓口\n窓口\n窓口…");
        assert_eq!(shown(&set(1, 20.0)), "窓口");
    }

    #[test]
    fn pages_say_all_of_a_text_and_each_fits() {
        let cr = context();
        for (language, text) in [
            (Language::Ja, "1階で火災が発生しました。係員の指示に従い、落ち着いて避難してください。エレベーターは使わず、階段を使ってください。".repeat(4)),
            (Language::En, "There is a fire on the first floor. Do not use the lifts; use the stairs. ".repeat(4)),
            (Language::Ja, "あ".repeat(1_000)),
        ] {
            let style = Style::bold(40.0, palette::INK, language);
            let room = (500.0, 200.0);
            let pages = Words::pages(&cr, &text, style, room);
            assert!(pages.len() > 1, "{pages:?}");
            assert!(pages.iter().all(|page| !Words::new(&cr, page, style, Fit::Box(room.0, room.1)).is_cut()));
            let bare = |text: &str| text.replace(' ', "");
            assert_eq!(bare(&pages.concat()), bare(&text));
            assert!(pages.len() < 30, "{pages:?}");
        }
        let short = Words::pages(
            &cr,
            " 火災です。 ",
            Style::bold(20.0, palette::INK, Language::Ja),
            (500.0, 200.0),
        );
        assert_eq!(short, ["火災です。"]);
    }
}
