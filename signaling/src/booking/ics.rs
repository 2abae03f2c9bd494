//! An appointment as an iCalendar object (RFC 5545), for calendars and as an invitation by mail (RFC 5546). Pure.

use protocol::time::UnixMillis;

/// What is done to the reader's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Read it in.
    Publish,
    /// A new appointment, or its new time.
    Request,
    /// It won't be.
    Cancel,
}

impl Method {
    /// Its name in the object and in the mail's content type.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }
}

/// An appointment.
#[derive(Debug, Clone)]
pub(super) struct Event<'a> {
    pub(super) method: Method,
    /// The same for ever.
    pub(super) uid: &'a str,
    /// Grows with every change.
    pub(super) sequence: u64,
    pub(super) written_at: UnixMillis,
    pub(super) starts_at: UnixMillis,
    pub(super) ends_at: UnixMillis,
    pub(super) summary: &'a str,
    pub(super) description: &'a str,
    pub(super) location: &'a str,
    pub(super) url: Option<&'a str>,
    /// Mail addresses of the office and of who comes; an invitation has both.
    pub(super) people: Option<(&'a str, &'a str)>,
}

/// Octets on a line, without its end (§3.1).
const LINE: usize = 75;

impl Event<'_> {
    /// The object.
    pub(super) fn object(&self) -> String {
        let is_cancelled = self.method == Method::Cancel;
        let mut out = String::new();
        let mut line = |text: &str| fold(text, &mut out);
        line("BEGIN:VCALENDAR");
        line("VERSION:2.0");
        line("PRODID:-//Madoguchi//Booking//JA");
        line(&format!("METHOD:{}", self.method.as_str()));
        line("BEGIN:VEVENT");
        line(&format!("UID:{}", escape(self.uid)));
        line(&format!("SEQUENCE:{}", self.sequence));
        line(&format!("DTSTAMP:{}", utc(self.written_at)));
        line(&format!("DTSTART:{}", utc(self.starts_at)));
        line(&format!("DTEND:{}", utc(self.ends_at)));
        line(&format!("SUMMARY:{}", escape(self.summary)));
        line(&format!("DESCRIPTION:{}", escape(self.description)));
        line(&format!("LOCATION:{}", escape(self.location)));
        if let Some(url) = self.url {
            // A URI, not a text: nothing in it is escaped (§3.3.13).
            line(&format!("URL:{url}"));
        }
        if let Some((office, person)) = self.people {
            line(&format!("ORGANIZER:mailto:{office}"));
            line(&format!("ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:{person}"));
        }
        line(if is_cancelled {
            "STATUS:CANCELLED"
        } else {
            "STATUS:CONFIRMED"
        });
        // Somebody's appointment with an office is nobody else's business.
        line("CLASS:PRIVATE");
        if !is_cancelled {
            line("BEGIN:VALARM");
            line("ACTION:DISPLAY");
            line("TRIGGER:-PT10M");
            line(&format!("DESCRIPTION:{}", escape(self.summary)));
            line("END:VALARM");
        }
        line("END:VEVENT");
        line("END:VCALENDAR");
        out
    }
}

/// A time in UTC (§3.3.5, form 2): right in every calendar, whatever zones it knows.
fn utc(at: UnixMillis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A TEXT value (§3.3.11). Other control characters have no place in one and are left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() && c != '\t' => {}
            other => out.push(other),
        }
    }
    out
}

/// Writes a line, folded between characters where it is too long.
fn fold(line: &str, out: &mut String) {
    let mut room = LINE;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            // The space counts.
            room = LINE - 1;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method: Method) -> Event<'static> {
        Event {
            method,
            uid: "abc@madoguchi.example.jp",
            sequence: 2,
            written_at: UnixMillis(1_795_500_000_000),
            starts_at: UnixMillis(1_795_584_600_000),
            ends_at: UnixMillis(1_795_586_400_000),
            summary: "子育ての遠隔相談; 保育所, こども園\\幼稚園",
            description: "一行目です。とても長い説明を書いて、七十五オクテットをこえても、文字の途中では切れないことを確かめます。葛\u{E0100}城\n二行目",
            location: "南区役所",
            url: Some("https://madoguchi.example.jp/a/abcdefghijklmnopqrstuvwxyz?x=1,2;3"),
            people: Some(("yoyaku@example.jp", "a@example.jp")),
        }
    }

    fn unfold(text: &str) -> String {
        text.replace("\r\n ", "")
    }

    #[test]
    fn lines_are_folded_at_75_octets_and_unfold_to_what_they_were() {
        let text = event(Method::Request).object();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        assert!(
            unfold(&text).contains("確かめます。葛\u{E0100}城\\n二行目\r\n"),
            "{text}"
        );
        let exact = format!("X:{}", "a".repeat(73));
        let mut folded = String::new();
        fold(&exact, &mut folded);
        assert_eq!(folded, format!("{exact}\r\n"));
    }

    #[test]
    fn texts_are_escaped_and_addresses_are_not() {
        let text = unfold(&event(Method::Request).object());
        assert!(
            text.contains("SUMMARY:子育ての遠隔相談\\; 保育所\\, こども園\\\\幼稚園\r\n"),
            "{text}"
        );
        assert!(text.contains("URL:https://madoguchi.example.jp/a/abcdefghijklmnopqrstuvwxyz?x=1,2;3\r\n"));
    }

    #[test]
    fn a_change_and_its_end_are_what_calendars_expect() {
        let request = unfold(&event(Method::Request).object());
        for line in [
            "METHOD:REQUEST",
            "SEQUENCE:2",
            "DTSTART:20261125T053000Z",
            "DTEND:20261125T060000Z",
            "STATUS:CONFIRMED",
            "ORGANIZER:mailto:yoyaku@example.jp",
            "ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:a@example.jp",
        ] {
            assert!(request.contains(&format!("{line}\r\n")), "{line}: {request}");
        }
        let cancel = unfold(&event(Method::Cancel).object());
        assert!(cancel.contains("METHOD:CANCEL\r\n") && cancel.contains("STATUS:CANCELLED\r\n"));
        assert!(!cancel.contains("VALARM"));
    }
}
