//! Time and date, the date with the Japanese era (和暦).

use anyhow::Result;
use jiff::Zoned;
use jiff::civil::{Date, Weekday, date};
use protocol::screen::{Language, Rect};
use protocol::time::UnixMillis;

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{Style, Words};
use crate::scene::words;
use crate::stage::canvas::Canvas;

/// Before this program was written, no clock is right.
pub const FIRST_YEAR: i16 = 2026;

/// The first days of the eras, the latest first.
const ERAS: [(Date, &str); 3] = [
    (date(2019, 5, 1), "令和"),
    (date(1989, 1, 8), "平成"),
    (date(1926, 12, 25), "昭和"),
];

/// The date as the language says it; in Japanese with the era.
#[must_use]
pub fn date_in(now: &Zoned, language: Language) -> String {
    let day = now.day();
    let (year, month) = (now.year(), now.month());
    let weekday = usize::try_from(now.weekday().to_monday_zero_offset()).unwrap_or(0);
    let of = |names: [&'static str; 7]| names[weekday];
    match language {
        Language::Ja => date_text(now),
        Language::Easy => format!(
            "{month}がつ{day}にち（{}）",
            of(["げつ", "か", "すい", "もく", "きん", "ど", "にち"])
        ),
        Language::En => {
            let name = of(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]);
            let months = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ];
            let month = months[usize::try_from(month - 1).unwrap_or(0)];
            format!("{name}, {month} {day}, {year}")
        }
        Language::Zh => format!(
            "{year}年{month}月{day}日 星期{}",
            of(["一", "二", "三", "四", "五", "六", "日"])
        ),
        Language::Ko => format!(
            "{year}년 {month}월 {day}일 ({})",
            of(["월", "화", "수", "목", "금", "토", "일"])
        ),
        Language::Vi => {
            let name = of([
                "Thứ Hai",
                "Thứ Ba",
                "Thứ Tư",
                "Thứ Năm",
                "Thứ Sáu",
                "Thứ Bảy",
                "Chủ Nhật",
            ]);
            format!("{name}, {day}/{month}/{year}")
        }
    }
}

/// The time as the language says it.
#[must_use]
pub fn time_in(now: &Zoned, language: Language) -> String {
    let (hour, minute) = (now.hour(), now.minute());
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    match language {
        Language::Ja => time_text(now),
        Language::Easy | Language::Zh | Language::Vi => format!("{hour}:{minute:02}"),
        Language::En => format!("{twelve}:{minute:02} {}", if hour < 12 { "AM" } else { "PM" }),
        Language::Ko => format!("{} {twelve}:{minute:02}", if hour < 12 { "오전" } else { "오후" }),
    }
}

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
    picture: Faced<(String, String)>,
    unit: f64,
    second: Option<u64>,
    language: Language,
}

impl Clock {
    /// A clock.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place) -> Result<Self> {
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            second: None,
            language: place.language,
        })
    }

    fn show(&mut self, date: String, time: String) -> Option<Rect> {
        let (width, height) = self.picture.size();
        let unit = self.unit;
        let language = self.language;
        let bold = |color| Style::bold(unit, color, language);
        self.picture.show((date, time), |cr, (date, time)| {
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
        })
    }
}

impl View for Clock {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let second = now.wall.as_secs();
        if self.second.replace(second) == Some(second) {
            return None;
        }
        let zoned = zoned(now.wall, data)?;
        // The machine's clock starts at the epoch, or at its firmware's date, until somebody sets it.
        if zoned.year() < FIRST_YEAR {
            return self.show(words::no_clock(self.language).to_owned(), "--:--".to_owned());
        }
        self.show(date_in(&zoned, self.language), time_in(&zoned, self.language))
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
        self.second = None;
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
