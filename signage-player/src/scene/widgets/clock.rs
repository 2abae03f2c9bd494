//! Time and date, the date with the Japanese era (和暦).

use anyhow::Result;
use cairo::Context;
use jiff::Zoned;
use jiff::civil::{Date, Weekday, date};
use protocol::screen::{Language, Rect};
use protocol::time::UnixMillis;

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{Fit, Style, Words};
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
        let size = self.picture.size();
        let style = Style::bold(self.unit, palette::INK, self.language);
        self.picture.show((date, time), |cr, (date, time)| {
            draw(cr, date, time, style, size);
            Ok(())
        })
    }
}

/// The date's and the time's letters where there is little room: smaller than all others rather than cut.
const SHARES: [f64; 7] = [1.4, 1.15, 1.0, 0.85, 0.7, 0.55, 0.4];

fn draw(cr: &Context, date: &str, time: &str, style: Style, (width, height): (f64, f64)) {
    let unit = style.size;
    let soft = Style {
        color: palette::SOFT_INK,
        ..style
    };
    let is_wide = width > height * 4.0;
    let small = SHARES.map(|share| unit * share);
    if time.is_empty() {
        let sizes = [&[height * 0.5, height * 0.4], small.as_slice()].concat();
        let said = Words::fitted(cr, date, soft, width, &sizes);
        if is_wide {
            said.draw_right(cr, width, height / 2.0);
        } else {
            said.draw_centered(cr, width / 2.0, height / 2.0);
        }
        return;
    }
    if is_wide || height < unit * 2.4 {
        let set = |time_size: f64, date_size: f64| {
            let time = Words::new(cr, time, style.sized(time_size), Fit::Free);
            let date = Words::new(cr, date, soft.sized(date_size), Fit::Free);
            (time.width() + unit.min(height) + date.width() <= width).then_some((time, date))
        };
        let large = [(0.62, 0.34), (0.62, 0.28), (0.5, 0.34), (0.5, 0.28)].map(|(time, date)| {
            let time = (height * time).max(unit);
            (time, (height * date).max(unit).min(time))
        });
        let all = large.into_iter().chain(small.map(|size| (size, size.min(unit * 1.15))));
        let all = all.map(|(time, date)| (time.min(height * 0.8), date.min(height * 0.8)));
        if let Some((time, date)) = all.filter_map(|(time, date)| set(time, date)).next() {
            let top = (height - time.height()) / 2.0;
            let left = width - time.width();
            time.draw(cr, left, top);
            // Both stand on one line.
            date.draw_right_on(cr, left - unit.min(height), top + time.baseline());
            return;
        }
    }
    let time_sizes = [&[height * 0.46, height * 0.36, height * 0.28], &small[2..]].concat();
    Words::fitted(cr, time, style, width, &time_sizes).draw_centered(cr, width / 2.0, height * 0.36);
    let date_sizes = [&[height * 0.2], &small[1..]].concat();
    Words::fitted(cr, date, soft, width, &date_sizes).draw_centered(cr, width / 2.0, height * 0.78);
}

/// What a clock says: the date and the time; of a clock that was never set that it is being set, and no time. `None` outside of
/// all calendars.
pub(super) fn said(now: &Moment, data: &Data, language: Language) -> Option<(String, String)> {
    let zoned = zoned(now.wall, data)?;
    // The machine's clock starts at the epoch, or at its firmware's date, until somebody sets it.
    if zoned.year() < FIRST_YEAR {
        return Some((words::no_clock(language).to_owned(), String::new()));
    }
    Some((date_in(&zoned, language), time_in(&zoned, language)))
}

impl View for Clock {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let second = now.wall.as_secs();
        if self.second.replace(second) == Some(second) {
            return None;
        }
        let (date, time) = said(now, data, self.language)?;
        self.show(date, time)
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
