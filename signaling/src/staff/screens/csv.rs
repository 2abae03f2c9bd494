//! What a screen has shown, as a file for spreadsheets.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::ids::ScreenId;
use protocol::screen::report::Play;
use store::audit::{What, csv};

use super::super::form::Sent;
use super::super::nav::zone;
use super::check_admin;
use super::one::{found, screen_id, tell};
use crate::app::App;
use crate::problem::{Fault, Refusal};

/// So many days a file may have.
const MOST_DAYS: i32 = 400;
/// Spreadsheets take a file for UTF-8 that begins so.
const MARK: &str = "\u{feff}";

/// POST /staff/screens/one/{id}/plays: from a day until another, both included.
pub(super) async fn export(
    Path(id): Path<String>,
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    check_admin(&staff)?;
    let id = screen_id(&id)?;
    found(app, visitor.lang, &id).await?;
    let day = |name: &'static str| -> Result<Date, Refusal> {
        let day = fields.get(name).parse();
        day.map_err(|_| Refusal::of_field(Fault::BadRequest, name))
    };
    let (from, until) = (day("from")?, day("until")?);
    let is_span = from <= until && from.until(until).is_ok_and(|span| span.get_days() < MOST_DAYS);
    if !is_span {
        return Err(Refusal::of_field(Fault::BadRequest, "until"));
    }
    tell(
        app,
        &staff,
        What::PlaysExported,
        &id,
        &format!("from={from};until={until}"),
    )
    .await;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"plays-{id}-{from}-{until}.csv\""),
        ),
    ];
    let texts = visitor.lang.catalogue();
    let columns = ["from", "shown", "layout", "page", "zone", "content", "sha256", "whole"];
    let columns = columns.map(|column| texts.text(&format!("plays.col.{column}")).to_owned());
    let first = format!("{MARK}{}\r\n", columns.join(","));
    Ok((
        headers,
        Body::from_stream(days(Arc::clone(app), id, from, until, first)),
    )
        .into_response())
}

/// The file, a day at a time.
fn days(
    app: Arc<App>,
    id: ScreenId,
    from: Date,
    until: Date,
    first: String,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((Some(from), first), move |(day, head)| {
        let (app, id) = (Arc::clone(&app), id.clone());
        async move {
            let Some(day) = day.filter(|day| *day <= until) else {
                return Ok(None);
            };
            let lines = tokio::task::spawn_blocking(move || {
                let zone = zone(&app);
                let plays = app.plays.of_day(&id, day)?;
                Ok::<_, std::io::Error>(plays.iter().map(|play| line(&zone, play)).collect::<String>())
            });
            let lines = lines.await.map_err(std::io::Error::other)??;
            Ok(Some((Bytes::from(head + &lines), (day.tomorrow().ok(), String::new()))))
        }
    })
}

fn line(zone: &TimeZone, play: &Play) -> String {
    let seconds = format!("{}.{:03}", play.shown_ms / 1000, play.shown_ms % 1000);
    let whole = if play.is_whole { "1" } else { "0" };
    let texts = [&play.layout, &play.page, &play.zone, &play.content, &play.sha256].map(|text| cell(text));
    format!(
        "{},{seconds},{},{whole}\r\n",
        csv::time(zone, play.from),
        texts.join(",")
    )
}

/// A cell (RFC 4180); what a spreadsheet would take for a formula begins with an apostrophe.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        assert_eq!(cell("お知らせ.png"), "お知らせ.png");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
    }
}
