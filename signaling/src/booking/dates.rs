//! Days and times as people of each language write them, by the office's clock. Pure.

use jiff::Zoned;
use jiff::civil::{Date, Time, Weekday};

use super::language::Tongue;

const WEEKDAYS: [[&str; 7]; 6] = [
    ["月", "火", "水", "木", "金", "土", "日"],
    [
        "[月|げつ]",
        "[火|か]",
        "[水|すい]",
        "[木|もく]",
        "[金|きん]",
        "[土|ど]",
        "[日|にち]",
    ],
    [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ],
    ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
    ["월", "화", "수", "목", "금", "토", "일"],
    [
        "Thứ Hai",
        "Thứ Ba",
        "Thứ Tư",
        "Thứ Năm",
        "Thứ Sáu",
        "Thứ Bảy",
        "Chủ Nhật",
    ],
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn weekday(tongue: Tongue, day: Weekday) -> &'static str {
    let at = usize::try_from(day.to_monday_zero_offset()).unwrap_or(0);
    WEEKDAYS[tongue as usize][at]
}

/// The days of the month whose Japanese names aren't read by their parts.
fn easy_day(day: i8) -> String {
    let reading = match day {
        1 => "ついたち",
        2 => "ふつか",
        3 => "みっか",
        4 => "よっか",
        5 => "いつか",
        6 => "むいか",
        7 => "なのか",
        8 => "ようか",
        9 => "ここのか",
        10 => "とおか",
        14 => "じゅうよっか",
        20 => "はつか",
        24 => "にじゅうよっか",
        _ => return format!("{day}[日|にち]"),
    };
    format!("[{day}日|{reading}]")
}

/// A day with its weekday, without its year; in the notation of readings.
pub(super) fn day(tongue: Tongue, date: Date) -> String {
    let (month, number) = (date.month(), date.day());
    let weekday = weekday(tongue, date.weekday());
    match tongue {
        Tongue::Ja => format!("{month}月{number}日（{weekday}）"),
        Tongue::Easy => format!("{month}[月|がつ]{}（{weekday}）", easy_day(number)),
        Tongue::En => format!("{weekday}, {number} {}", month_name(month)),
        Tongue::Zh => format!("{month}月{number}日（{weekday}）"),
        Tongue::Ko => format!("{month}월 {number}일({weekday})"),
        Tongue::Vi => format!("{weekday}, ngày {number} tháng {month}"),
    }
}

/// A day with its year.
pub(crate) fn whole_day(tongue: Tongue, date: Date) -> String {
    let (year, day) = (date.year(), day(tongue, date));
    match tongue {
        Tongue::Ja | Tongue::Zh => format!("{year}年{day}"),
        Tongue::Easy => format!("{year}[年|ねん]{day}"),
        Tongue::En => format!("{day} {year}"),
        Tongue::Ko => format!("{year}년 {day}"),
        Tongue::Vi => format!("{day} năm {year}"),
    }
}

fn month_name(month: i8) -> &'static str {
    let at = usize::try_from(month - 1).unwrap_or(0);
    MONTHS.get(at).copied().unwrap_or_default()
}

/// A time of the day.
pub(crate) fn time(tongue: Tongue, time: Time) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    let is_morning = hour < 12;
    // 0 to 11 as Japanese clocks count; noon is 午後0時.
    let short = if is_morning { hour } else { hour - 12 };
    let twelve = if short == 0 { 12 } else { short };
    match tongue {
        Tongue::Ja => {
            let half = if is_morning { "午前" } else { "午後" };
            match minute {
                0 => format!("{half}{short}時"),
                _ => format!("{half}{short}時{minute}分"),
            }
        }
        Tongue::Easy => {
            let half = if is_morning {
                "[午前|ごぜん]"
            } else {
                "[午後|ごご]"
            };
            match minute {
                0 => format!("{half} {short}[時|じ]"),
                _ => format!("{half} {short}[時|じ]{minute}[分|{}]", minute_reading(minute)),
            }
        }
        Tongue::En => format!("{twelve}:{minute:02} {}", if is_morning { "am" } else { "pm" }),
        Tongue::Zh => format!("{}{twelve}:{minute:02}", if is_morning { "上午" } else { "下午" }),
        Tongue::Ko => {
            let half = if is_morning { "오전" } else { "오후" };
            match minute {
                0 => format!("{half} {twelve}시"),
                _ => format!("{half} {twelve}시 {minute}분"),
            }
        }
        Tongue::Vi => format!("{hour}:{minute:02}"),
    }
}

fn minute_reading(minute: i8) -> &'static str {
    match minute % 10 {
        2 | 5 | 7 | 9 => "ふん",
        _ => "ぷん",
    }
}

/// Day, year and both ends of an appointment.
pub(super) fn appointment(tongue: Tongue, from: &Zoned, to: &Zoned) -> String {
    let day = whole_day(tongue, from.date());
    let (begin, end) = (time(tongue, from.time()), time(tongue, to.time()));
    match tongue {
        Tongue::Ja => format!("{day} {begin}から{end}まで"),
        Tongue::Easy => format!("{day} {begin}から {end}まで"),
        Tongue::En => format!("{day}, {begin} to {end}"),
        Tongue::Zh => format!("{day}{begin}至{end}"),
        Tongue::Ko => format!("{day} {begin}부터 {end}까지"),
        Tongue::Vi => format!("{day}, {begin} đến {end}"),
    }
}

/// Day and beginning, short, for subjects.
pub(super) fn beginning(tongue: Tongue, from: &Zoned) -> String {
    format!("{} {}", day(tongue, from.date()), time(tongue, from.time()))
}

#[cfg(test)]
mod tests {
    use super::super::language::plain;
    use super::*;

    #[test]
    fn each_language_writes_times_its_own_way() {
        let zone = jiff::tz::TimeZone::get("Asia/Tokyo").expect("zone");
        let at = |hour, minute| {
            jiff::civil::date(2026, 11, 25)
                .at(hour, minute, 0, 0)
                .to_zoned(zone.clone())
                .expect("time")
        };
        let of = |tongue| plain(&appointment(tongue, &at(14, 30), &at(15, 0)), true);
        assert_eq!(of(Tongue::Ja), "2026年11月25日（水） 午後2時30分から午後3時まで");
        assert_eq!(of(Tongue::En), "Wednesday, 25 November 2026, 2:30 pm to 3:00 pm");
        assert_eq!(of(Tongue::Zh), "2026年11月25日（星期三）下午2:30至下午3:00");
        assert_eq!(of(Tongue::Ko), "2026년 11월 25일(수) 오후 2시 30분부터 오후 3시까지");
        assert_eq!(of(Tongue::Vi), "Thứ Tư, ngày 25 tháng 11 năm 2026, 14:30 đến 15:00");
        assert!(
            of(Tongue::Easy).contains("2時（じ）30分（ぷん）から"),
            "{}",
            of(Tongue::Easy)
        );
    }

    #[test]
    fn noon_and_midnight_are_what_each_clock_calls_them() {
        let noon = jiff::civil::time(12, 15, 0, 0);
        assert_eq!(time(Tongue::Ja, noon), "午後0時15分");
        assert_eq!(time(Tongue::En, noon), "12:15 pm");
        assert_eq!(time(Tongue::Zh, noon), "下午12:15");
        assert_eq!(time(Tongue::Ko, jiff::civil::Time::midnight()), "오전 12시");
    }

    #[test]
    fn days_and_minutes_are_read_as_people_say_them() {
        let read = |text: &str| {
            super::super::markup::parts(text)
                .into_iter()
                .filter_map(|it| it.1)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            read(&day(Tongue::Easy, jiff::civil::date(2026, 12, 1))),
            "がつ ついたち か"
        );
        assert_eq!(
            read(&day(Tongue::Easy, jiff::civil::date(2026, 12, 14))),
            "がつ じゅうよっか げつ"
        );
        assert_eq!(
            read(&time(Tongue::Easy, jiff::civil::time(9, 45, 0, 0))),
            "ごぜん じ ふん"
        );
    }
}
