//! The list of cameras: how each is, since when, and who has set it up.

use askama::Template;
use axum::response::{IntoResponse, Response};

use super::super::nav::{Nav, time_word};
use super::super::session::LoggedIn;
use super::words::{Condition, area_name, role_word};
use super::{check_admin, fault_words, faults, frame};
use crate::page::Page;
use crate::problem::{Refusal, html};
use crate::security;
use crate::visitor::Visitor;

/// cameras.html
#[derive(Template)]
#[template(path = "cameras.html")]
struct ListPage {
    page: Page,
    nav: Nav,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    area: String,
    role: &'static str,
    state: &'static str,
    state_word: &'static str,
    since: String,
    set_up: String,
    /// Why it doesn't count, if its table is why.
    fault: Option<String>,
}

/// GET /staff/cameras
pub(super) async fn page(visitor: Visitor, staff: LoggedIn) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let (app, lang) = (&visitor.app, visitor.lang);
    let (live, office) = (&app.store.live, &app.config.office.id);
    let setups = store::cameras::setups(&app.store.ledger, office).await?;
    let mut rows = Vec::new();
    for camera in &app.config.cameras {
        // While `live` is away nobody knows how they are; what is drawn is known.
        let report = store::cameras::last_report(live, office, &camera.id).await;
        let report = report.ok().flatten();
        let condition = Condition(report.as_ref().map(|report| report.status));
        let since = report.and_then(|report| report.status_since);
        let drawn = setups.get(&camera.id).filter(|setup| setup.geometry.is_some());
        rows.push(Row {
            id: camera.id.to_string(),
            area: area_name(app, lang, camera.area.get_ref()).to_owned(),
            role: role_word(lang, camera.role),
            fault: fault_words(lang, &faults(app, camera, &setups)),
            state: condition.value(),
            state_word: condition.word(lang),
            since: since.map_or_else(|| "—".to_owned(), |at| time_word(app, at)),
            set_up: drawn.map_or_else(
                || lang.catalogue().text("cameras.by_file").to_owned(),
                |setup| time_word(app, setup.at),
            ),
        });
    }
    let (page, nav) = frame(&visitor, &staff, "/staff/cameras");
    Ok(([security::FORM_PAGE], html(&ListPage { page, nav, rows })?).into_response())
}
