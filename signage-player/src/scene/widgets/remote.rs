//! The QR code that makes a visitor's phone this screen's remote control; while a phone has it, that it has.

use anyhow::Result;
use cairo::Context;
use protocol::screen::{Language, Rect, Text};
use qrcodegen::{QrCode, QrCodeEcc};

use super::{Faced, Place, View, qr};
use crate::scene::data::{Control, Data, Moment};
use crate::scene::palette;
use crate::scene::remote::draw_phone;
use crate::scene::text::{self, Style, Words};
use crate::scene::words;
use crate::stage::canvas::Canvas;

/// The code in its zone.
pub struct RemoteCode {
    picture: Faced<(Control, Language)>,
    unit: f64,
    caption: Option<Text>,
    language: Language,
}

impl RemoteCode {
    /// A code that the server has yet to give.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, caption: Option<&Text>) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            caption: caption.cloned(),
            language: place.language,
        })
    }
}

/// A phone, and words below it.
fn draw_words(cr: &Context, said: &str, style: Style, (width, height): (f64, f64)) -> Result<(), cairo::Error> {
    text::rounded(cr, 0.0, 0.0, width, height, style.size * 0.7);
    text::set_color(cr, palette::WHITE);
    cr.fill()?;
    let margin = style.size * 0.7;
    let sizes = [1.3, 1.15, 1.0].map(|share| style.size * share);
    let words = Words::boxed(cr, said, style, (width - margin * 2.0, height * 0.5), &sizes).centered();
    let room = height - words.height() - margin * 3.0;
    let phone = room.min(width * 0.6).max(0.0);
    if phone > style.size {
        let middle = (width / 2.0, margin + room / 2.0);
        draw_phone(cr, middle, (phone * 0.58, phone), style.color)?;
    }
    words.draw_centered(cr, width / 2.0, height - margin - words.height() / 2.0);
    Ok(())
}

impl View for RemoteCode {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let control = data.control(now.wall);
        let is_drawn = self.picture.drawn.as_ref();
        if is_drawn.is_some_and(|(drawn, language)| drawn == control && *language == self.language) {
            return None;
        }
        let size = self.picture.size();
        let caption = self.caption.as_ref().map(|text| text.in_language(self.language));
        let bold = |color| Style::bold(self.unit, color, self.language);
        let face = (control.clone(), self.language);
        self.picture.show(face, |cr, (control, language)| match control {
            Control::Open(address) => match QrCode::encode_text(address, QrCodeEcc::Medium) {
                Ok(code) => {
                    let caption = caption.unwrap_or_else(|| words::control_by_phone(*language));
                    qr::draw(cr, &code, Some(caption), bold(palette::INK), size)
                }
                Err(_) => draw_words(cr, words::no_control(*language), bold(palette::SOFT_INK), size),
            },
            Control::Held => draw_words(cr, words::phone_controls(*language), bold(palette::BLUE), size),
            Control::Off => draw_words(cr, words::no_control(*language), bold(palette::SOFT_INK), size),
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }
}
