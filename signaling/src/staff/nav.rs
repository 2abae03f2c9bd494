//! What the pages of staff have in common: the menu of what its reader may open, words for roles and times, and the fields
//! of a form.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::ids::SectionId;
use protocol::time::UnixMillis;
use serde::Deserialize;
use store::staff::{Role, State};

use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::in_language;
use crate::texts::Lang;

/// staff-nav.html
pub(super) struct Nav {
    pub(super) name: String,
    /// The entry that the page is.
    pub(super) here: &'static str,
    pub(super) has_accounts: bool,
    pub(super) has_audit: bool,
    pub(super) has_report: bool,
    pub(super) has_screens: bool,
    pub(super) has_notices: bool,
    pub(super) has_counts: bool,
    pub(super) has_cameras: bool,
    /// A second factor is still missing: there is no other page.
    pub(super) is_limited: bool,
}

impl Nav {
    pub(super) fn new(app: &App, staff: &LoggedIn, here: &'static str) -> Self {
        let member = staff.member();
        Self {
            name: staff.account.name.clone(),
            here,
            has_accounts: member.may(Right::Accounts, Thing::OFFICE),
            has_audit: member.may(Right::Audit, Thing::OFFICE),
            has_screens: member.may(Right::Screens, Thing::OFFICE),
            has_notices: member.may(Right::WriteNotices, Thing::OFFICE),
            has_counts: member.may(Right::SeeCounts, Thing::OFFICE),
            has_cameras: member.may(Right::Cameras, Thing::OFFICE),
            has_report: member.right_anywhere(Right::Report),
            is_limited: staff.needs_second_factor(app),
        }
    }
}

/// A role's word.
pub(super) fn role_word(lang: Lang, role: Role) -> &'static str {
    let texts = lang.catalogue();
    match role {
        Role::Admin => texts.text("role.admin"),
        Role::Lead => texts.text("role.lead"),
        Role::Staff => texts.text("role.staff"),
        Role::Interpreter => texts.text("role.interpreter"),
    }
}

/// A state's word.
pub(super) fn state_word(lang: Lang, state: State) -> &'static str {
    let texts = lang.catalogue();
    match state {
        State::Invited => texts.text("state.invited"),
        State::Active => texts.text("state.active"),
        State::Disabled => texts.text("state.disabled"),
    }
}

/// The names of sections, in the order given; of one that the configuration has no more, its id.
pub(super) fn section_names(app: &App, lang: Lang, sections: &[SectionId]) -> String {
    let names: Vec<&str> = sections
        .iter()
        .map(|id| {
            let section = app.config.section(id);
            section.map_or(id.as_str(), |section| in_language(&section.name, lang))
        })
        .collect();
    if names.is_empty() {
        lang.catalogue().text("me.none").to_owned()
    } else {
        names.join(lang.comma())
    }
}

/// The office's time zone.
pub(super) fn zone(app: &App) -> TimeZone {
    // The configuration's check has found it.
    TimeZone::get(&app.config.office.time_zone).unwrap_or(TimeZone::UTC)
}

/// A time as the office's clocks show it: `2026/11/24 13:05`.
pub(super) fn time_word(app: &App, at: UnixMillis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    match Timestamp::from_millisecond(millis) {
        Ok(time) => time.to_zoned(zone(app)).strftime("%Y/%m/%d %H:%M").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// The fields of a form, also those that stand in it several times.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field; empty where it isn't there.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// All fields of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}
