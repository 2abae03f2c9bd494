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
fn pieces_are_short_and_lose_nothing() {
    let text = "本日は、マイナンバーカードの受け取り窓口がたいへん混み合っています。".repeat(700);
    let cut = pieces(&text);
    assert_eq!(cut.concat(), text);
    assert!(cut.iter().all(|piece| piece.chars().count() <= HARD_LIMIT));
    let family = "👨‍👩‍👧‍👦".repeat(20);
    for piece in pieces(&family) {
        assert!(
            !piece.starts_with('\u{200d}') && !piece.ends_with('\u{200d}'),
            "{piece:?}"
        );
    }
    assert_eq!(pieces("").len(), 0);
    assert_eq!(pieces("a\nb").concat(), "a b");
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

#[test]
fn an_empty_or_strange_text_does_no_harm() {
    for text in ["", " ", "مرحبا بالعالم", "👨‍👩‍👧‍👦🎌🇯🇵", "a\u{301}\u{301}\u{301}"]
    {
        let mut ticker = Ticker::new(place(), &Text::from(text), 4_000_000_000, zone()).expect("made");
        for number in 0..5 {
            ticker.draw(&moment(tick(number * 30)), &data());
        }
    }
}
