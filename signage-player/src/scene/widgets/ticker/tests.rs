use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use protocol::time::UnixMillis;

use super::*;
use crate::stage::output::RATE;

fn moment(at: Duration) -> Moment {
    Moment {
        at,
        lead: Duration::ZERO,
        wall: UnixMillis(0),
    }
}

fn place() -> Place {
    Place {
        width: 640,
        height: 64,
        unit: 24.0,
        scale: 1.0,
        ground: palette::WHITE,
        language: Language::Ja,
    }
}

fn zone() -> Zone {
    crate::sync::Group::default().zone("news", &"text")
}

fn data() -> Data {
    Data::new(TimeZone::UTC, BTreeMap::new())
}

fn tick(number: u64) -> Duration {
    Duration::from_nanos(number * 1_000_000_000 / u64::from(RATE))
}

#[test]
fn a_text_of_any_length_keeps_few_pieces_and_covers_the_zone() {
    let mut ticker = Ticker::new(
        place(),
        &Text::from("お知らせは、次のとおりです。".repeat(4_000).as_str()),
        600,
        zone(),
    )
    .expect("made");
    for number in 0..900 {
        ticker.draw(&moment(tick(number)), &data());
        let count = ticker.strip.tiles().count();
        assert!(count < 12, "{count}");
        let mut edge = ticker.strip.tiles().next().map_or(640, |(_, x)| x);
        for (layer, x) in ticker.strip.tiles() {
            assert_eq!(x, edge, "no gap and no overlap");
            edge += i64::from(layer.width());
        }
        assert!(edge >= 640, "the text reaches the right edge");
    }
}

#[test]
fn the_picture_moves_by_whole_pixels_and_keeps_its_shape() {
    let mut ticker = Ticker::new(place(), &Text::from("窓口のご案内"), 120, zone()).expect("made");
    let shot = |ticker: &mut Ticker, at: Duration| {
        ticker.draw(&moment(at), &data());
        let mut canvas = Canvas::new(640, 64, palette::WHITE);
        let bounds = canvas.bounds();
        ticker.paint(&mut canvas, bounds, (0, 0));
        canvas
    };
    shot(&mut ticker, Duration::ZERO);
    let first = shot(&mut ticker, Duration::from_secs(2));
    let second = shot(&mut ticker, Duration::from_millis(2_500));
    let mut lit = 0;
    for y in 0..64 {
        for x in 60..640 {
            assert_eq!(second.color_at(x - 60, y), first.color_at(x, y), "{x},{y}");
            lit += usize::from(first.color_at(x, y) == Some(palette::WHITE));
        }
    }
    assert!(lit > 300, "there is text: {lit}");
}

/// A ticker's picture after so many seconds at 120 pixels a second.
fn after(text: &str, seconds: u64) -> Canvas {
    let mut ticker = Ticker::new(place(), &Text::from(text), 120, zone()).expect("made");
    for tick in 0..=seconds * 10 {
        ticker.draw(&moment(Duration::from_millis(tick * 100)), &data());
    }
    let mut canvas = Canvas::new(640, 64, palette::WHITE);
    let bounds = canvas.bounds();
    ticker.paint(&mut canvas, bounds, (0, 0));
    canvas
}

/// The columns in which there is text.
fn inked(canvas: &Canvas) -> Vec<u32> {
    let is_ink = |x: u32| (0..64).any(|y| canvas.color_at(x, y).is_some_and(|[red, ..]| red > 100));
    (0..640).filter(|x| is_ink(*x)).collect()
}

#[test]
fn a_text_that_is_read_from_right_to_left_comes_in_at_the_left() {
    let text = "ברוכים הבאים למשרד הרובע הדרומי, ברוכים הבאים למשרד הרובע הדרומי";
    let columns = inked(&after(text, 1));
    assert!(columns.len() > 20 && columns.iter().all(|x| *x < 120), "{columns:?}");
    let columns = inked(&after("窓口のご案内", 1));
    assert!(columns.len() > 20 && columns.iter().all(|x| *x >= 520), "{columns:?}");
}

#[test]
fn a_line_in_pieces_looks_like_the_whole_one() {
    for text in [
        "アラビア語：مرحبا بكم في مكتب المنطقة الجنوبية。2階",
        "ברוכים הבאים (Minami Ward Office) מספר 118",
    ] {
        let mut ticker = Ticker::new(place(), &Text::from(text), 600, zone()).expect("made");
        let style = Style::bold(ticker.size, palette::WHITE, Language::Ja);
        let whole = drawn(text, ticker.line.is_rtl, style, 64).expect("drawn");
        assert!(ticker.line.pieces.len() > 2);
        for tick in 0..=30 {
            ticker.draw(&moment(Duration::from_millis(tick * 33)), &data());
        }
        let mut seen = Canvas::new(640, 64, palette::DEEP_BLUE);
        let bounds = seen.bounds();
        ticker.paint(&mut seen, bounds, (0, 0));
        let along = ticker.strip.tiles().next().expect("a piece").1;
        let mut wanted = Canvas::new(640, 64, palette::DEEP_BLUE);
        let left = if ticker.line.is_rtl {
            640 - along - i64::from(whole.width())
        } else {
            along
        };
        whole.paint(&mut wanted, bounds, (left, 0));
        // Pieces lie on whole pixels, so some edges are up to a pixel off for each of them; words aren't.
        let [seen, wanted] = [inked(&seen), inked(&wanted)];
        let slack = ticker.line.pieces.len() as u32;
        let is_near = |x: &u32, columns: &[u32]| columns.iter().any(|other| other.abs_diff(*x) <= slack);
        assert!(seen.len() > 200, "{text}: {}", seen.len());
        assert!(seen.iter().all(|x| is_near(x, &wanted)), "{text}");
        assert!(wanted.iter().all(|x| is_near(x, &seen)), "{text}");
    }
}

#[test]
fn emoji_letters_without_a_font_and_endless_accents_take_their_room_and_no_more() {
    let accents = format!("a{}b", "\u{301}".repeat(3_000));
    for text in ["👨‍👩‍👧‍👦🎌🇯🇵", "\u{10ffff}\u{e000}", accents.as_str()] {
        let columns = inked(&after(text, 3));
        assert!(
            !columns.is_empty() && columns.iter().all(|x| *x >= 640 - 360),
            "{text}: {columns:?}"
        );
    }
}

#[test]
fn an_empty_text_is_an_empty_band_at_any_speed() {
    for text in ["", " ", "\u{200d}"] {
        let mut ticker = Ticker::new(place(), &Text::from(text), 4_000_000_000, zone()).expect("made");
        for number in 0..5 {
            ticker.draw(&moment(tick(number * 30)), &data());
        }
        let mut canvas = Canvas::new(640, 64, palette::WHITE);
        let bounds = canvas.bounds();
        ticker.paint(&mut canvas, bounds, (0, 0));
        let is_empty = (0..640).all(|x| canvas.color_at(x, 32) == Some(palette::DEEP_BLUE));
        assert!(is_empty, "{text:?}");
    }
}
