//! Japanese text by Pango, the same on every machine: BIZ UDPGothic, no hinting, grey edges.

use cairo::{Antialias, Context, FontOptions, HintMetrics, HintStyle};
use pango::{Direction, EllipsizeMode, FontDescription, Layout, Weight, WrapMode};

use protocol::screen::Language;

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
        Language::Vi => "DejaVu Sans, Noto Sans CJK JP, sans-serif",
        Language::En => "BIZ UDPGothic, Noto Sans CJK JP, sans-serif",
    }
}

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

/// A text that is ready to be drawn.
#[derive(Debug)]
pub struct Words {
    layout: Layout,
    color: Color,
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
        let is_japanese = matches!(style.language, Language::Ja | Language::Easy);
        match fit {
            Fit::Box(..) if is_japanese => layout.set_text(&phrases::kept(text)),
            _ => layout.set_text(text),
        }
        match fit {
            Fit::Free => layout.set_single_paragraph_mode(true),
            Fit::Line(width) => {
                layout.set_single_paragraph_mode(true);
                layout.set_width(units(width));
                layout.set_ellipsize(EllipsizeMode::End);
            }
            Fit::Box(width, height) => {
                layout.set_width(units(width));
                layout.set_wrap(WrapMode::WordChar);
                layout.set_line_spacing(1.35);
                layout.set_height(units(height));
                layout.set_ellipsize(EllipsizeMode::End);
            }
        }
        Self {
            layout,
            color: style.color,
        }
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

    /// The largest of these sizes at which all of the text fits into a box of `width` by `height` pixels; the last, cut
    /// with `…`, where none does.
    #[must_use]
    pub fn boxed(cr: &Context, text: &str, style: Style, (width, height): (f64, f64), sizes: &[f64]) -> Self {
        let set = |size: f64| Self::new(cr, text, Style { size, ..style }, Fit::Box(width, height));
        let fitting = sizes
            .iter()
            .map(|size| set(*size))
            .find(|words| !words.layout.is_ellipsized());
        fitting.unwrap_or_else(|| set(sizes.last().copied().unwrap_or(style.size)))
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

    /// Draws around a middle.
    pub fn draw_centered(&self, cr: &Context, x: f64, middle: f64) {
        // A box' layout is as wide as the box, so its own width tells where its lines stand.
        let (_, logical) = self.layout.pixel_extents();
        let left = f64::from(logical.x()) + f64::from(logical.width()) / 2.0;
        self.draw(cr, x - left, middle - self.height() / 2.0);
    }
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

/// Breaks a text into lines after whole sentences, as many sentences on a line as `fits` says that there is
/// room for. A sentence that is too long for a line is left to be wrapped.
#[must_use]
pub fn by_sentence(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for sentence in text.split_inclusive(['。', '！', '？', '\n']) {
        let sentence = sentence.trim_end_matches('\n');
        match lines.last_mut() {
            Some(line) if fits(&format!("{line}{sentence}")) => line.push_str(sentence),
            _ => lines.push(sentence.to_owned()),
        }
    }
    lines.join("\n")
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
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_sentences() {
        let fits = |text: &str| text.chars().count() <= 20;
        let said = by_sentence("いらっしゃいませ。南区役所へようこそ。ご用件をお聞かせください。", fits);
        assert_eq!(
            said,
            "いらっしゃいませ。南区役所へようこそ。\nご用件をお聞かせください。"
        );
        assert_eq!(by_sentence("", fits), "");
    }
}
