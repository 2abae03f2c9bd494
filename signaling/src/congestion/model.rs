//! Areas as the public page shows them.

use protocol::config::Config;
use protocol::congestion::{AreaState, Level, Trend};
use protocol::time::UnixMillis;

use crate::page::in_language;
use crate::texts::Lang;

/// One area on home.html.
pub(crate) struct AreaView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) mark: &'static str,
    pub(crate) level: &'static str,
    pub(crate) level_text: String,
    pub(crate) count: Option<u32>,
    pub(crate) capacity: u32,
    pub(crate) trend: &'static str,
    pub(crate) observed_at_ms: Option<u64>,
    pub(crate) age_text: String,
}

impl AreaView {
    /// A state in words.
    pub(crate) fn new(state: &AreaState, config: &Config, lang: Lang, now: UnixMillis) -> Self {
        let name = config
            .area(&state.area)
            .map_or(state.area.as_str(), |area| in_language(&area.name, lang));
        Self {
            id: state.area.to_string(),
            name: name.to_owned(),
            mark: state.level.mark(),
            level: match state.level {
                Level::Free => "free",
                Level::Moderate => "moderate",
                Level::Busy => "busy",
                Level::Full => "full",
                Level::Unknown => "unknown",
            },
            level_text: lang.catalogue().text(state.level.text_key()).to_owned(),
            count: state.count,
            capacity: state.capacity,
            trend: match state.trend {
                Trend::Rising => "rising",
                Trend::Steady => "steady",
                Trend::Falling => "falling",
            },
            observed_at_ms: state.observed_at.map(|at| at.0),
            age_text: age(state.observed_at, now, lang),
        }
    }
}

/// How long ago, in words.
fn age(at: Option<UnixMillis>, now: UnixMillis, lang: Lang) -> String {
    let texts = lang.catalogue();
    let Some(at) = at else {
        return texts.text("age.none").to_owned();
    };
    match now.since(at).as_secs() {
        0..10 => texts.text("age.now").to_owned(),
        seconds @ 10..60 => texts.counted("age.seconds", seconds),
        seconds @ 60..3600 => texts.counted("age.minutes", seconds / 60),
        seconds => texts.counted("age.hours", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let now = UnixMillis(10_000_000);
        let of = |seconds: u64| age(Some(UnixMillis(now.0 - seconds * 1000)), now, Lang::Ja);
        assert!(of(12).contains("12") && of(59).contains("59"));
        assert!(of(60).contains('1') && of(3599).contains("59") && of(7200).contains('2'));
        assert_eq!(of(0), of(9));
        assert_ne!(age(None, now, Lang::Ja), of(0));
        assert_eq!(
            age(Some(UnixMillis(now.0 + 5000)), now, Lang::Ja),
            of(0),
            "a clock ahead is now"
        );
    }
}
