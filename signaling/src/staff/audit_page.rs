//! /staff/audit: who did what, by day, and the log as a file.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use protocol::time::UnixMillis;
use serde::Deserialize;
use store::audit::{self, Entry, Event, What, Who, csv};

use super::form::Sent;
use super::nav::{Nav, zone};
use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::security;
use crate::texts::Lang;
use crate::visitor::Visitor;

/// So many entries a page shows.
const SHOWN: usize = 100;
/// So many are read at once for a file.
const CHUNK: usize = 500;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/staff/audit", get(page).post(export))
}

/// audit.html
#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    page: Page,
    nav: Nav,
    day: String,
    rows: Vec<Row>,
    count: usize,
    range: String,
    earlier: Option<usize>,
    later: Option<usize>,
    head: String,
}

struct Row {
    seq: u64,
    time: String,
    who: String,
    what: &'static str,
    word: String,
    which: String,
    detail: String,
}

/// `?day=2026-11-24&from=100`
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    day: String,
    /// The first shown, 0 being the day's first; none: so that the last is shown.
    from: Option<usize>,
}

/// A day of the office's: its name, its first moment, and that of the next.
fn day_of(app: &App, text: &str) -> Option<(String, UnixMillis, UnixMillis)> {
    let zone = zone(app);
    let date = match text {
        "" => Zoned::now().with_time_zone(zone.clone()).date(),
        text => text.parse::<Date>().ok()?,
    };
    let at = |date: Date| {
        let start = date.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
        Some(UnixMillis(u64::try_from(start).ok()?))
    };
    Some((date.to_string(), at(date)?, at(date.checked_add(1.day()).ok()?)?))
}

async fn page(visitor: Visitor, staff: LoggedIn, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    staff.check(Right::Audit, Thing::OFFICE)?;
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let (day, from, until) = day_of(app, &asked.day).ok_or(Refusal::of_field(Fault::BadRequest, "day"))?;
    let (first, count) = audit::between(ledger, office, from, until).await?;
    let last_page = count.saturating_sub(SHOWN);
    let start = asked.from.unwrap_or(last_page).min(count.saturating_sub(1));
    let shown = SHOWN.min(count - start.min(count));
    let mut entries = audit::read(ledger, office, first + start, shown).await?;
    entries.truncate(shown);
    // The newest first.
    entries.reverse();
    let texts = visitor.lang.catalogue();
    let range = texts
        .text("audit.page")
        .replace("{from}", &(start + 1).to_string())
        .replace("{to}", &(start + shown).to_string())
        .replace("{n}", &count.to_string());
    let page = html(&AuditPage {
        page: visitor
            .page_at("/staff/audit")
            .with_csrf(&staff.session.csrf)
            .for_staff(),
        nav: Nav::new(app, &staff, "audit"),
        day,
        rows: entries.into_iter().map(|entry| row(app, visitor.lang, entry)).collect(),
        count,
        range,
        earlier: (start > 0).then(|| start.saturating_sub(SHOWN)),
        later: (start + shown < count).then_some(start + SHOWN),
        head: audit::head(ledger, office).await?.to_string(),
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}

fn row(app: &App, lang: Lang, entry: Entry) -> Row {
    let texts = lang.catalogue();
    let is_known = What::ALL.iter().any(|what| what.word() == entry.what);
    Row {
        seq: entry.seq,
        time: csv::time(&zone(app), entry.at)
            .get(11..19)
            .unwrap_or_default()
            .to_owned(),
        what: if is_known {
            texts.text(&format!("audit.what.{}", entry.what))
        } else {
            ""
        },
        word: entry.what,
        who: entry.who,
        which: entry.which,
        detail: entry.detail,
    }
}

/// POST /staff/audit: the log, or a day of it, as a file.
async fn export(
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    staff.check(Right::Audit, Thing::OFFICE)?;
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let asked = fields.get("day");
    let who = Who::Staff(staff.account.id.clone());
    let word = if asked.is_empty() { "all" } else { asked };
    // Before it is read: the export is in what is exported.
    crate::audit::write(app, Event::new(who, What::AuditExported, word)).await;
    let (first, count, name) = if asked.is_empty() {
        (0, audit::len(ledger, office).await?, "audit.csv".to_owned())
    } else {
        let (day, from, until) = day_of(app, asked).ok_or(Refusal::of_field(Fault::BadRequest, "day"))?;
        let (first, count) = audit::between(ledger, office, from, until).await?;
        (first, count, format!("audit-{day}.csv"))
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(rows(Arc::clone(app), first, first + count))).into_response())
}

/// The file, a part at a time: years of it don't fit into memory at once.
fn rows(
    app: Arc<App>,
    first: usize,
    end: usize,
) -> impl futures_util::Stream<Item = Result<Bytes, store::StoreError>> + Send + 'static {
    stream::try_unfold(None, move |at: Option<usize>| {
        let app = Arc::clone(&app);
        async move {
            let Some(at) = at else {
                return Ok(Some((Bytes::from(csv::header()), Some(first))));
            };
            if at >= end {
                return Ok(None);
            }
            let (ledger, office) = (&app.store.ledger, &app.config.office.id);
            let entries = audit::read(ledger, office, at, CHUNK.min(end - at)).await?;
            if entries.is_empty() {
                return Ok(None);
            }
            let zone = zone(&app);
            let text: String = entries.iter().map(|entry| csv::line(&zone, entry)).collect();
            Ok(Some((Bytes::from(text), Some(at + entries.len()))))
        }
    })
}
