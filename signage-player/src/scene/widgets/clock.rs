//! Time and date, the date with the Japanese era (和暦).

use anyhow::Result;
use jiff::Zoned;
use jiff::civil::{Date, Weekday, date};
use protocol::screen::Rect;
use protocol::time::UnixMillis;

use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{Style, Words};
use crate::stage::canvas::Canvas;

/// The first days of the eras, the latest first.
const ERAS: [(Date, &str); 3] = [
    (date(2019, 5, 1), "令和"),
    (date(1989, 1, 8), "平成"),
    (date(1926, 12, 25), "昭和"),
];

/// `令和8年11月23日（月）`. Before 1926-12-25: the year alone.
#[must_use]
pub fn date_text(now: &Zoned) -> String {
    let today = now.date();
    let era = ERAS.iter().find(|(first, _)| today >= *first);
    let year = match era {
        Some((first, name)) if first.year() == today.year() => format!("{name}元年"),
        Some((first, name)) => format!("{name}{}年", today.year() - first.year() + 1),
        None => format!("{}年", today.year()),
    };
    let weekday = match today.weekday() {
        Weekday::Monday => '月',
        Weekday::Tuesday => '火',
        Weekday::Wednesday => '水',
        Weekday::Thursday => '木',
        Weekday::Friday => '金',
        Weekday::Saturday => '土',
        Weekday::Sunday => '日',
    };
    format!("{year}{}月{}日（{weekday}）", today.month(), today.day())
}

/// `午後2時30分`; noon is 午後0時, midnight 午前0時.
#[must_use]
pub fn time_text(now: &Zoned) -> String {
    let half = if now.hour() < 12 { "午前" } else { "午後" };
    format!("{half}{}時{}分", now.hour() % 12, now.minute())
}

fn zoned(wall: UnixMillis, data: &Data) -> Option<Zoned> {
    let millis = i64::try_from(wall.0).ok()?;
    Some(
        jiff::Timestamp::from_millisecond(millis)
            .ok()?
            .to_zoned(data.zone.clone()),
    )
}

/// The clock: beside each other where the zone is wide, the time above the date otherwise.
pub struct Clock {
    layer: Layer,
    unit: f64,
    second: Option<u64>,
    drawn: Option<(String, String)>,
}

impl Clock {
    /// A clock.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place) -> Result<Self> {
        Ok(Self {
            layer: Layer::new(place.width, place.height)?,
            unit: place.unit,
            second: None,
            drawn: None,
        })
    }

    fn redraw(&self, date: &str, time: &str) {
        let (width, height) = (f64::from(self.layer.width()), f64::from(self.layer.height()));
        let unit = self.unit;
        let bold = |color| Style {
            size: unit,
            is_bold: true,
            color,
        };
        self.layer.redraw(|cr| {
            if width > height * 4.0 {
                let time_sizes = [height * 0.62, height * 0.5, unit * 1.4, unit];
                let time = Words::fitted(cr, time, bold(palette::INK), width * 0.55, &time_sizes);
                time.draw_right(cr, width, height / 2.0);
                let rest = width - time.width() - unit;
                let date_sizes = [height * 0.34, height * 0.28, unit * 1.15, unit];
                let date = Words::fitted(cr, date, bold(palette::SOFT_INK), rest, &date_sizes);
                date.draw_right(cr, rest, height / 2.0);
            } else {
                let time_sizes = [height * 0.46, height * 0.36, height * 0.28, unit];
                Words::fitted(cr, time, bold(palette::INK), width, &time_sizes).draw_centered(
                    cr,
                    width / 2.0,
                    height * 0.36,
                );
                let date_sizes = [height * 0.2, unit * 1.15, unit];
                Words::fitted(cr, date, bold(palette::SOFT_INK), width, &date_sizes).draw_centered(
                    cr,
                    width / 2.0,
                    height * 0.78,
                );
            }
            Ok(())
        });
    }
}

impl View for Clock {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let second = now.wall.as_secs();
        if self.second.replace(second) == Some(second) {
            return None;
        }
        let zoned = zoned(now.wall, data)?;
        let texts = (date_text(&zoned), time_text(&zoned));
        if self.drawn.as_ref() == Some(&texts) {
            return None;
        }
        self.redraw(&texts.0, &texts.1);
        self.drawn = Some(texts);
        Some(self.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.layer.paint(canvas, clip, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().expect("a time")
    }

    #[test]
    fn the_date_is_in_the_japanese_era() {
        assert_eq!(date_text(&at("2026-11-23T09:00[Asia/Tokyo]")), "令和8年11月23日（月）");
        assert_eq!(date_text(&at("2019-05-01T00:00[Asia/Tokyo]")), "令和元年5月1日（水）");
        assert_eq!(date_text(&at("2019-04-30T23:59[Asia/Tokyo]")), "平成31年4月30日（火）");
        assert_eq!(date_text(&at("1989-01-07T12:00[Asia/Tokyo]")), "昭和64年1月7日（土）");
        assert_eq!(date_text(&at("1912-07-30T12:00[Asia/Tokyo]")), "1912年7月30日（火）");
    }

    #[test]
    fn the_time_is_said_as_in_the_office() {
        assert_eq!(time_text(&at("2026-11-23T14:30[Asia/Tokyo]")), "午後2時30分");
        assert_eq!(time_text(&at("2026-11-23T12:05[Asia/Tokyo]")), "午後0時5分");
        assert_eq!(time_text(&at("2026-11-23T00:00[Asia/Tokyo]")), "午前0時0分");
    }

    #[test]
    fn the_office_zone_decides_and_not_the_machine() {
        let tokyo = jiff::tz::TimeZone::get("Asia/Tokyo").expect("known");
        let data = Data::new(tokyo, std::collections::BTreeMap::new());
        let zoned = zoned(UnixMillis(1_795_390_200_000), &data).expect("in range");
        assert_eq!(time_text(&zoned), "午前8時30分");
        assert_eq!(date_text(&zoned), "令和8年11月23日（月）");
    }
}
