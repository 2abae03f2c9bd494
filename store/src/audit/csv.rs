//! The log as a CSV file (RFC 4180) that spreadsheets open and [`entries`] reads back for verification. Pure. No field ever
//! needs quotes: entries hold words only.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::time::UnixMillis;

use super::Entry;

const COLUMNS: [&str; 8] = [
    "番号",
    "日時",
    "だれが",
    "何を",
    "対象",
    "詳細",
    "前のハッシュ",
    "ハッシュ",
];

/// The first line, with the mark that tells spreadsheets that it is UTF-8.
#[must_use]
pub fn header() -> String {
    format!("\u{feff}{}\r\n", COLUMNS.join(","))
}

/// A time to the millisecond, as the office's clocks showed it: `2026-11-24T13:05:00.123+09:00`.
#[must_use]
pub fn time(zone: &TimeZone, at: UnixMillis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).map_or_else(
        |_| String::new(),
        |time| {
            let time = time.to_zoned(zone.clone());
            time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
        },
    )
}

/// An entry's line.
#[must_use]
pub fn line(zone: &TimeZone, entry: &Entry) -> String {
    let Entry {
        seq,
        at,
        who,
        what,
        which,
        detail,
        previous,
        hash,
    } = entry;
    let at = time(zone, *at);
    format!("{seq},{at},{who},{what},{which},{detail},{previous},{hash}\r\n")
}

/// A line that can't be an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: not a line of an exported audit log")]
pub struct NotALine {
    /// From 1.
    pub line: usize,
}

/// Reads an exported file.
///
/// # Errors
/// [`NotALine`]: the first line that isn't as [`line`] writes it.
pub fn entries(text: &str) -> Result<Vec<Entry>, NotALine> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    if lines.next() != Some(COLUMNS.join(",").as_str()) {
        return Err(NotALine { line: 1 });
    }
    let entry = |(index, line): (usize, &str)| of_line(line).ok_or(NotALine { line: index + 2 });
    lines.enumerate().map(entry).collect()
}

fn of_line(line: &str) -> Option<Entry> {
    let fields: [&str; COLUMNS.len()] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
    let [seq, at, who, what, which, detail, previous, hash] = fields;
    let at = at.parse::<Timestamp>().ok()?.as_millisecond();
    Some(Entry {
        seq: seq.parse().ok()?,
        at: UnixMillis(u64::try_from(at).ok()?),
        who: who.to_owned(),
        what: what.to_owned(),
        which: which.to_owned(),
        detail: detail.to_owned(),
        previous: previous.to_owned(),
        hash: hash.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Anchor, Event, Verifier, What, Who};
    use super::*;
    use protocol::ids::OfficeId;

    fn exported() -> String {
        let mut head = Anchor::first(&OfficeId::new("minami").expect("valid"));
        let zone = TimeZone::get("Asia/Tokyo").expect("a zone");
        let mut text = header();
        for n in 0..4 {
            let event = Event::new(Who::Operator, What::LoggedIn, n).with("role=lead;sections=a+b");
            let entry = Entry::after(&head, &event, UnixMillis(1_800_000_000_123 + n));
            head = entry.anchor();
            text += &line(&zone, &entry);
        }
        text
    }

    fn verified(text: &str) -> bool {
        let Ok(entries) = entries(text) else { return false };
        let mut verifier = Verifier::of_part(&entries[0], vec![]);
        entries.iter().all(|entry| verifier.take(entry).is_ok()) && verifier.finish().is_ok()
    }

    #[test]
    fn what_is_exported_is_read_back_and_holds() {
        let text = exported();
        assert!(
            text.contains("\r\n1,2027-01-15T17:00:00.123+09:00,operator,login,0,role=lead"),
            "{text}"
        );
        assert!(verified(&text));
        assert!(verified(&text.replace("\r\n", "\n")), "with other ends of lines");
    }

    #[test]
    fn every_change_of_a_file_is_found() {
        let text = exported();
        for (from, to) in [
            ("operator", "system"),
            ("17:00:00.123", "17:00:00.124"),
            (",login,", ",logout,"),
            ("role=lead", "role=admin"),
            ("\r\n3,", "\r\n4,"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(!verified(&text.replacen(from, to, 1)), "{from} → {to}");
        }
        let lines: Vec<&str> = text.lines().collect();
        let swapped = [lines[0], lines[1], lines[3], lines[2], lines[4]].join("\n");
        let without = [lines[0], lines[1], lines[3], lines[4]].join("\n");
        assert!(!verified(&swapped) && !verified(&without));
    }

    #[test]
    fn what_is_no_log_is_told_by_its_line() {
        assert_eq!(entries("a,b,c\n"), Err(NotALine { line: 1 }));
        let broken = exported().replace("\r\n3,", "\r\nthree,");
        assert_eq!(entries(&broken), Err(NotALine { line: 4 }));
        assert_eq!(entries(&(header() + "1,2\n")), Err(NotALine { line: 2 }));
    }
}
