//! A QR code (ISO/IEC 18004) with its quiet zone of four modules, and what one gets there in words.

use anyhow::{Context as _, Result};
use cairo::{Antialias, Context};
use protocol::screen::{Language, Rect, Text};
use qrcodegen::{QrCode, QrCodeEcc};

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{self, Style, Words};
use crate::stage::canvas::Canvas;

/// Modules of white around the code.
const QUIET: i32 = 4;

/// The code in its zone.
pub struct Qr {
    picture: Faced<Language>,
    unit: f64,
    code: QrCode,
    caption: Option<Text>,
    language: Language,
}

impl Qr {
    /// A code for `content`.
    ///
    /// # Errors
    /// When the content is too long, or there is no memory.
    pub fn new(place: Place, content: &str, caption: Option<&Text>) -> Result<Self> {
        let code = QrCode::encode_text(content, QrCodeEcc::Medium).context("the QR code's content is too long")?;
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            code,
            caption: caption.cloned(),
            language: place.language,
        })
    }
}

/// The code with its words below.
pub(super) fn draw(
    cr: &Context,
    code: &QrCode,
    caption: Option<&str>,
    style: Style,
    (width, height): (f64, f64),
) -> Result<(), cairo::Error> {
    text::rounded(cr, 0.0, 0.0, width, height, style.size * 0.7);
    text::set_color(cr, palette::WHITE);
    cr.fill()?;
    let margin = style.size * 0.5;
    let words = caption.map(|said| {
        let room = (height * 0.3).max(style.size * 1.5);
        let sizes = [1.5, 1.35, 1.2, 1.1, 1.0].map(|share| style.size * share);
        Words::caption(cr, said, style, (width - margin * 2.0, room), &sizes).centered()
    });
    let below = words.as_ref().map_or(0.0, |words| words.height() + margin);
    let modules = f64::from(code.size() + QUIET * 2);
    // Whole pixels for each module: cameras like sharp edges.
    let side = ((width.min(height - below) / modules).floor()).max(1.0);
    let left = ((width - side * modules) / 2.0).floor() + side * f64::from(QUIET);
    let top = ((height - below - side * modules) / 2.0).max(0.0).floor() + side * f64::from(QUIET);
    text::set_color(cr, palette::INK);
    cr.set_antialias(Antialias::None);
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                cr.rectangle(left + side * f64::from(x), top + side * f64::from(y), side, side);
            }
        }
    }
    cr.fill()?;
    cr.set_antialias(Antialias::Default);
    if let Some(words) = words {
        words.draw_centered(cr, width / 2.0, height - below / 2.0 - margin / 2.0);
    }
    Ok(())
}

impl View for Qr {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        let size = self.picture.size();
        let caption = self.caption.as_ref().map(|text| text.in_language(self.language));
        let style = Style::bold(self.unit, palette::INK, self.language);
        self.picture
            .show(self.language, |cr, _| draw(cr, &self.code, caption, style, size))
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }
}
