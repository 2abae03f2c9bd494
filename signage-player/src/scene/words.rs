//! What the screen itself says in Japanese.

use std::time::Duration;

use protocol::congestion::Level;

/// A level in words.
#[must_use]
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Free => "空いています",
        Level::Moderate => "やや混雑",
        Level::Busy => "混雑",
        Level::Full => "満員",
        Level::Unknown => "確認中です",
    }
}

/// How many people, where that is known.
#[must_use]
pub fn people(count: Option<u32>) -> String {
    count.map_or_else(String::new, |count| format!("約{count}人"))
}

/// How old news is: in steps of ten seconds under a minute, so that it is calm.
#[must_use]
pub fn age(age: Option<Duration>) -> String {
    match age.map(|age| age.as_secs()) {
        None => "情報を待っています".to_owned(),
        Some(0..10) => "いまの情報".to_owned(),
        Some(seconds @ 10..60) => format!("{}秒前の情報", seconds / 10 * 10),
        Some(seconds @ 60..3600) => format!("{}分前の情報", seconds / 60),
        Some(seconds) => format!("{}時間前の情報", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_say_them() {
        let said = |seconds| age(Some(Duration::from_secs(seconds)));
        assert_eq!(said(0), "いまの情報");
        assert_eq!(said(29), "20秒前の情報");
        assert_eq!(said(60), "1分前の情報");
        assert_eq!(said(3599), "59分前の情報");
        assert_eq!(said(7200), "2時間前の情報");
        assert_eq!(age(None), "情報を待っています");
        assert_eq!(people(Some(7)), "約7人");
    }
}
