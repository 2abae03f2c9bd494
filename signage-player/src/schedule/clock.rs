//! Whether anybody knows the time. A machine without a battery clock wakes up in the past, or in what it remembers of
//! its last day, and plays Monday's list on Thursday.
//!
//! The rule: the server's word counts first (it says its time with every connection, and we count on from there). Without
//! one since the start, the machine's own clock holds if it was set from a battery clock (RTC) when the machine started,
//! or systemd-timesyncd has synchronised it since. And no clock that is before this version was made is believed.

use std::path::Path;

use protocol::time::UnixMillis;

/// 2026-11-01: this version is not older.
pub const MADE: UnixMillis = UnixMillis(1_793_491_200_000);

/// systemd-timesyncd makes this file when it has synchronised the clock (systemd-timesyncd.service(8)).
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";
/// `1`: the system's clock was set from this one at the start (Linux, `sysfs-class-rtc`).
const FROM_RTC: &str = "/sys/class/rtc/rtc0/hctosys";

/// The time, where somebody knows it. `ours`: the machine's clock; `ahead`: the server's clock minus ours in milliseconds,
/// once it has said it; `is_confirmed`: what [`is_confirmed`] says.
#[must_use]
pub fn known(ours: UnixMillis, ahead: Option<i64>, is_confirmed: bool) -> Option<UnixMillis> {
    let time = match ahead {
        Some(ahead) => UnixMillis(ours.0.saturating_add_signed(ahead)),
        None if is_confirmed => ours,
        None => return None,
    };
    (time >= MADE).then_some(time)
}

/// Whether the machine's clock was set by something that knows the time. Looks at two small files of the system's.
#[must_use]
pub fn is_confirmed() -> bool {
    let from_rtc = std::fs::read_to_string(FROM_RTC);
    Path::new(SYNCHRONIZED).exists() || from_rtc.is_ok_and(|text| text.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_word_counts_first_and_a_clock_before_this_version_is_not_believed() {
        let now = UnixMillis(MADE.0 + 1000);
        assert_eq!(known(now, None, true), Some(now));
        assert_eq!(known(now, None, false), None);
        let late = UnixMillis(5);
        assert_eq!(known(late, None, true), None, "no battery");
        let ahead = i64::try_from(MADE.0).expect("small");
        assert_eq!(known(late, Some(ahead), false), Some(UnixMillis(MADE.0 + 5)));
        assert_eq!(known(now, Some(-ahead), true), None, "a server that is lost too");
    }
}
