//! That no widget's letters leave its box, however long the text and small the zone.

use std::cell::Cell;

use cairo::{Content as Surface, Context, RecordingSurface};
use protocol::screen::Direction;

use super::card::{Card, Content};
use super::{label, notices, rich_text};
use crate::scene::palette;
use crate::scene::text::Style;

use super::*;

/// Left, top, right and bottom of what is drawn, in pixels.
fn ink(draw: impl FnOnce(&Context)) -> (f64, f64, f64, f64) {
    let surface = RecordingSurface::create(Surface::ColorAlpha, None).expect("memory");
    draw(&Context::new(&surface).expect("a context"));
    let (x, y, width, height) = surface.ink_extents();
    (x, y, x + width, y + height)
}

/// Long texts in the languages that wrap differently.
fn texts() -> Vec<(Language, String)> {
    let ja = "本日は祝日のため、区役所はお休みです。";
    let vi = "Hôm nay là ngày nghỉ lễ, văn phòng quận đóng cửa. ";
    let long = |text: &str, letters: usize| text.chars().cycle().take(letters).collect::<String>();
    vec![
        (Language::Ja, long(ja, 200)),
        (Language::Ja, long(ja, 50_000)),
        (Language::Ja, "あ".repeat(50_000)),
        (Language::Ja, "[承|うけたまわ]りました。".repeat(300)),
        (Language::Ja, "2026年12月1日、365件、10番。".repeat(100)),
        (Language::Vi, long(vi, 91)),
        (Language::Vi, long(vi, 50_000)),
        (Language::En, "W".repeat(50_000)),
        (Language::Zh, "今天是节假日，区政府休息。".repeat(30)),
    ]
}

/// Zones with the letters' smallest size.
const ZONES: [(f64, f64, f64); 6] = [
    (400.0, 260.0, 24.0),
    (400.0, 260.0, 48.0),
    (1232.0, 84.0, 48.0),
    (260.0, 400.0, 48.0),
    (60.0, 400.0, 24.0),
    (300.0, 30.0, 24.0),
];

/// Draws something, and says whether it had to be cut.
type Draw<'a> = &'a dyn Fn(&Context) -> bool;

#[test]
fn labels_and_rich_texts_stay_in_their_zones_and_begin_at_their_beginning() {
    for (width, height, size) in ZONES {
        for (language, text) in texts() {
            let style = Style::bold(size, palette::INK, language);
            let draws: [(&str, Draw<'_>); 3] = [
                ("label", &|cr| label::draw(cr, &text, style, (width, height))),
                ("lying", &|cr| {
                    rich_text::draw(cr, &text, style, Direction::Horizontal, (width, height)).expect("drawn")
                }),
                ("upright", &|cr| {
                    rich_text::draw(cr, &text, style, Direction::Vertical, (width, height)).expect("drawn")
                }),
            ];
            for (name, draw) in draws {
                let mut is_cut = false;
                let (left, top, right, bottom) = ink(|cr| is_cut = draw(cr));
                let begin: String = text.chars().take(12).collect();
                let case = format!("{name} {width}x{height} at {size}, {begin}: {left},{top} {right},{bottom}");
                assert!(left >= -1.5 && top >= -1.5, "{case}");
                assert!(right <= width + 1.5 && bottom <= height + 1.5, "{case}");
                assert!(is_cut || text.chars().count() <= 200, "{case}");
                // The beginning is where it belongs; what is short stands in the middle of a label.
                let begins = if name == "upright" { width - right } else { left };
                assert!(begins < size && (top < size || !is_cut), "{case}");
            }
        }
    }
}

#[test]
fn notices_stay_below_their_title_and_in_their_card() {
    for (width, height, unit) in ZONES {
        for (language, text) in texts() {
            let card = Card {
                width,
                height,
                unit,
                language,
                is_cut: Cell::new(false),
                pages: Cell::new(1),
            };
            let top = card.margin() * 0.85 + unit * 1.5;
            if height - top - card.margin() < unit {
                continue;
            }
            let mut data = Data::new(jiff::tz::TimeZone::UTC, std::collections::BTreeMap::new());
            let notice = protocol::screen::Notice {
                id: "n".into(),
                text: text.as_str().into(),
                urgency: protocol::screen::Urgency::Normal,
                until: None,
            };
            let now = Moment {
                at: std::time::Duration::ZERO,
                lead: std::time::Duration::ZERO,
                wall: protocol::time::UnixMillis(1_795_411_800_000),
            };
            data.hear_notices(vec![notice], now.wall);
            let face = notices::Notices.face(&now, &data, language);
            let (left, above, right, bottom) = ink(|cr| notices::Notices::draw(cr, &card, top, &face).expect("drawn"));
            let case = format!("{width}x{height} at {unit}, {language:?}: {left},{above} {right},{bottom}");
            assert!(left >= card.margin() - 1.5 && above >= top - 1.5, "{case}");
            assert!(
                right <= width - card.margin() + 1.5 && bottom <= height - card.margin() + 1.5,
                "{case}"
            );
            assert!(card.is_cut.get() || text.chars().count() <= 200, "{case}");
        }
    }
}
