//! /staff/screens: the office's screens, for admins (`list`, `one`, `playlist`), the files that they show (`files`), and what
//! the office tells on them (`notices`), for leads too. All of it works without a script.

mod again;
mod csv;
mod files;
mod list;
mod live;
mod notices;
mod one;
mod pack;
mod playlist;
mod when;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use protocol::ids::ScreenId;
use protocol::time::UnixMillis;
use store::screens::{Orientation, Screen, Seen};

use super::nav::Nav;
use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::{Page, in_language};
use crate::problem::{Refusal, Told};
use crate::security;
use crate::signage::uploads;
use crate::texts::Lang;
use crate::visitor::Visitor;

/// Who was seen so lately is there: screens say so every ten seconds.
const IS_THERE: Duration = Duration::from_secs(35);

pub(super) fn routes() -> Router<Arc<App>> {
    let files = Router::new()
        .route(uploads::PATH, get(files::page).post(files::take))
        .layer(DefaultBodyLimit::max(
            usize::try_from(uploads::FORM).unwrap_or(usize::MAX),
        ));
    Router::new()
        .route("/staff/screens", get(list::page))
        .route("/staff/screens/pair", post(list::pair))
        .route("/staff/screens/one/{id}", get(one::page).post(one::change))
        .route("/staff/screens/one/{id}/playlist", post(playlist::arrange))
        .route("/staff/screens/one/{id}/plays", post(csv::export))
        .route("/staff/screens/one/{id}/bundle", post(pack::pack))
        .route("/staff/screens/one/{id}/picture.png", get(one::picture))
        .route("/staff/screens/one/{id}/{action}", post(one::act))
        .route("/staff/screens/file/{sha256}", get(files::show))
        .route("/staff/screens/file/{sha256}/remove", post(files::remove))
        .route("/staff/screens/notices", get(notices::page).post(notices::write))
        .route("/staff/screens/notices/{id}/remove", post(notices::remove))
        .merge(files)
}

/// A screen of the office's, whether the configuration or an admin made it one.
struct One {
    id: ScreenId,
    name: String,
    place: String,
    orientation: Orientation,
    /// The configuration has it.
    is_configured: bool,
    record: Option<Screen>,
}

impl One {
    fn new(app: &App, lang: Lang, id: &ScreenId, record: Option<Screen>) -> Option<Self> {
        let configured = app.config.screens.iter().find(|screen| screen.id == *id);
        let name = match (&record, configured) {
            (Some(record), _) => record.name.clone(),
            (None, Some(configured)) => in_language(&configured.name, lang).to_owned(),
            (None, None) => return None,
        };
        Some(Self {
            id: id.clone(),
            name,
            place: record.as_ref().map_or(String::new(), |record| record.place.clone()),
            orientation: record.as_ref().map(|record| record.orientation).unwrap_or_default(),
            is_configured: configured.is_some(),
            record,
        })
    }

    fn state(&self, seen: Option<&Seen>, now: UnixMillis) -> State {
        let is_paired = self.record.as_ref().is_some_and(|record| record.token.is_some());
        match seen {
            Some(seen) if now.since(seen.at) < IS_THERE => State::There,
            _ if is_paired || self.is_configured => State::Silent,
            _ if self.record.as_ref().is_some_and(|record| record.awaits.is_some()) => State::Awaited,
            _ => State::Unpaired,
        }
    }
}

/// How a screen is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected.
    There,
    /// It has a token, and isn't connected.
    Silent,
    /// It was accepted and hasn't fetched its token yet.
    Awaited,
    /// It has no token.
    Unpaired,
}

impl State {
    fn value(self) -> &'static str {
        match self {
            Self::There => "there",
            Self::Silent => "silent",
            Self::Awaited => "awaited",
            Self::Unpaired => "unpaired",
        }
    }

    fn word(self, lang: Lang) -> &'static str {
        let texts = lang.catalogue();
        match self {
            Self::There => texts.text("screens.state.there"),
            Self::Silent => texts.text("screens.state.silent"),
            Self::Awaited => texts.text("screens.state.awaited"),
            Self::Unpaired => texts.text("screens.state.unpaired"),
        }
    }
}

/// All screens: first those of the configuration, in its order, then the others by name.
async fn all(app: &App, lang: Lang) -> Result<Vec<One>, Refusal> {
    let mut records = store::screens::all(&app.store.ledger, &app.config.office.id).await?;
    let configured = app.config.screens.iter().map(|screen| screen.id.clone());
    let mut all: Vec<One> = configured
        .filter_map(|id| One::new(app, lang, &id, records.remove(&id)))
        .collect();
    let mut others: Vec<One> = records
        .into_iter()
        .filter_map(|(id, record)| One::new(app, lang, &id, Some(record)))
        .collect();
    others.sort_by(|a, b| a.name.cmp(&b.name));
    all.extend(others);
    Ok(all)
}

/// When each was there last; while `live` is away nobody knows.
async fn seen(app: &App) -> BTreeMap<ScreenId, Seen> {
    let seen = store::screens::seen(&app.store.live, &app.config.office.id).await;
    seen.unwrap_or_default()
}

/// screens-head.html
struct Tabs {
    /// `screens`, `files` or `notices`.
    here: &'static str,
}

fn frame(visitor: &Visitor, staff: &LoggedIn, path: &str) -> (Page, Nav) {
    let page = visitor.page_at(path).with_csrf(&staff.session.csrf).for_staff();
    (page, Nav::new(&visitor.app, staff, "screens"))
}

/// A page with a form; where something was wrong with what was sent, it says so itself.
fn answered(page: Response, is_refused: bool) -> Response {
    let mut response = ([security::FORM_PAGE], page).into_response();
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(Told);
    }
    response
}

fn check_admin(staff: &LoggedIn) -> Result<(), Refusal> {
    staff.check(Right::Screens, Thing::OFFICE)
}

/// A line that people write: without blanks around it, and no formula to a spreadsheet. `None`: it can't be one.
fn line_of(text: &str, longest: usize) -> Option<String> {
    let line = text.trim();
    let is_line =
        line.chars().count() <= longest && !line.starts_with(['=', '+', '-', '@']) && !line.contains(char::is_control);
    is_line.then(|| line.to_owned())
}

fn orientation_of(text: &str) -> Option<Orientation> {
    match text {
        "landscape" => Some(Orientation::Landscape),
        "portrait" => Some(Orientation::Portrait),
        _ => None,
    }
}

/// Bytes in a unit that fits.
fn bytes_word(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        0..KIB => format!("{bytes} B"),
        bytes if bytes < KIB * KIB => format!("{} KB", bytes.div_ceil(KIB)),
        bytes if bytes < KIB * KIB * KIB => tenths(bytes, KIB * KIB, "MB"),
        bytes => tenths(bytes, KIB * KIB * KIB, "GB"),
    }
}

fn tenths(bytes: u64, unit: u64, word: &str) -> String {
    let tenths = bytes.saturating_mul(10) / unit;
    format!("{}.{} {word}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        assert_eq!(bytes_word(17), "17 B");
        assert_eq!(bytes_word(1025), "2 KB");
        assert_eq!(bytes_word(1024 * 1024 * 3 / 2), "1.5 MB");
        assert_eq!(bytes_word(5 << 30), "5.0 GB");
    }

    #[test]
    fn a_line_is_no_formula_and_no_second_line() {
        assert_eq!(line_of(" 1階ロビー ", 10).as_deref(), Some("1階ロビー"));
        for wrong in ["=1", "a\nb", "あいうえおかきくけこさ"] {
            assert_eq!(line_of(wrong, 10), None, "{wrong:?}");
        }
    }
}
