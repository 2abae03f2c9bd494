//! Words for what a camera is for and how it is.

use protocol::config::CameraRole;
use protocol::congestion::CameraStatus;
use protocol::ids::AreaId;

use crate::app::App;
use crate::page::in_language;
use crate::texts::Lang;

/// How a camera is, or that its worker says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition(pub(super) Option<CameraStatus>);

impl Condition {
    /// As the page's styles and tests know it.
    pub(super) fn value(self) -> &'static str {
        self.0.map_or("silent", CameraStatus::name)
    }

    /// In a word.
    pub(super) fn word(self, lang: Lang) -> &'static str {
        let texts = lang.catalogue();
        match self.0 {
            None => texts.text("cameras.status.silent"),
            Some(CameraStatus::Starting) => texts.text("cameras.status.starting"),
            Some(CameraStatus::Seeing) => texts.text("cameras.status.seeing"),
            Some(CameraStatus::Settling) => texts.text("cameras.status.settling"),
            Some(CameraStatus::Lost) => texts.text("cameras.status.lost"),
            Some(CameraStatus::Frozen) => texts.text("cameras.status.frozen"),
            Some(CameraStatus::Failing) => texts.text("cameras.status.failing"),
            Some(CameraStatus::Dark) => texts.text("cameras.status.dark"),
            Some(CameraStatus::Covered) => texts.text("cameras.status.covered"),
            Some(CameraStatus::Turned) => texts.text("cameras.status.turned"),
        }
    }

    /// What to do; `None`: nothing.
    pub(super) fn advice(self, lang: Lang) -> Option<&'static str> {
        let texts = lang.catalogue();
        match self.0 {
            None => Some(texts.text("cameras.advice.silent")),
            Some(CameraStatus::Seeing) => None,
            Some(CameraStatus::Starting | CameraStatus::Settling) => Some(texts.text("cameras.advice.wait")),
            Some(CameraStatus::Lost | CameraStatus::Frozen) => Some(texts.text("cameras.advice.lost")),
            Some(CameraStatus::Failing) => Some(texts.text("cameras.advice.failing")),
            Some(CameraStatus::Dark) => Some(texts.text("cameras.advice.dark")),
            Some(CameraStatus::Covered) => Some(texts.text("cameras.advice.covered")),
            Some(CameraStatus::Turned) => Some(texts.text("cameras.advice.turned")),
        }
    }
}

/// What a camera is for.
pub(super) fn role_word(lang: Lang, role: CameraRole) -> &'static str {
    let texts = lang.catalogue();
    match role {
        CameraRole::Area => texts.text("cameras.role.area"),
        CameraRole::Queue => texts.text("cameras.role.queue"),
        CameraRole::Presence => texts.text("cameras.role.presence"),
        CameraRole::Entrance => texts.text("cameras.role.entrance"),
        CameraRole::Parking => texts.text("cameras.role.parking"),
    }
}

/// An area's name.
pub(in crate::staff) fn area_name<'a>(app: &'a App, lang: Lang, id: &'a AreaId) -> &'a str {
    let area = app.config.area(id);
    area.map_or(id.as_str(), |area| in_language(&area.name, lang))
}
