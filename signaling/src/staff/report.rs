//! /staff/report: how many consultations each section held in a month, how long residents waited, and how content they were.
//!
//! Invariant: what is shown of how content residents were is of [`ENOUGH`] of them at least, and of sections, never of a
//! member of staff: nobody learns what one resident has said of one conversation.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::civil::{Date, date};
use jiff::{ToSpan as _, Zoned};
use protocol::ids::SectionId;
use protocol::time::UnixMillis;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::facts::{self, Facts};

use super::form::Sent;
use super::nav::{Nav, section_names, zone};
use super::rights::{Member, Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::security;
use crate::texts::Lang;
use crate::visitor::Visitor;

/// So many must have said how content they were before it is shown.
const ENOUGH: usize = 5;
/// In which month the year of Japanese offices begins.
const YEAR_BEGINS_IN: i8 = 4;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/staff/report", get(page).post(export))
}

/// What a section's month was.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Summary {
    /// Calls that were held.
    held: usize,
    /// Links and appointments that led to no call.
    unheld: usize,
    /// Minutes: half of the residents waited no longer.
    waited: Option<u64>,
    /// Minutes: half of the calls took no longer.
    lasted: Option<u64>,
    /// How many residents said how content they were …
    answers: usize,
    /// … and what they said on average, where that are enough: tenths, 10 to 50.
    score_tenths: Option<u64>,
}

/// What some consultations come to. Pure.
fn summarize<'a>(all: impl Iterator<Item = &'a Facts>) -> Summary {
    let (held, unheld): (Vec<&Facts>, Vec<&Facts>) = all.partition(|facts| facts.was_held());
    let scores: Vec<u64> = held.iter().filter_map(|facts| facts.score.map(u64::from)).collect();
    let (count, sum) = (scores.len() as u64, scores.iter().sum::<u64>());
    Summary {
        held: held.len(),
        unheld: unheld.len(),
        waited: median_minutes(held.iter().map(|facts| facts.waited_ms)),
        lasted: median_minutes(held.iter().map(|facts| facts.lasted_ms)),
        answers: scores.len(),
        score_tenths: (scores.len() >= ENOUGH).then(|| (20 * sum + count) / (2 * count)),
    }
}

/// The median of times in milliseconds, in whole minutes, rounded; `None`: there are none.
fn median_minutes(times: impl Iterator<Item = u64>) -> Option<u64> {
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    let median = times.get(times.len().checked_sub(1)? / 2)?;
    Some((median + 30_000) / 60_000)
}

/// report.html
#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    page: Page,
    nav: Nav,
    month: String,
    title: String,
    year: String,
    rows: Vec<Row>,
    total: usize,
    earlier: Option<String>,
    later: Option<String>,
    few: String,
}

/// A section's line, in words.
struct Row {
    id: SectionId,
    section: String,
    held: usize,
    unheld: usize,
    waited: String,
    lasted: String,
    score: String,
    answers: String,
}

/// `?month=2026-11`
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    month: String,
}

/// A month's first day; of nothing, this month's.
fn month_of(text: &str, today: Date) -> Option<Date> {
    match text {
        "" => Some(today.first_of_month()),
        text => format!("{text}-01").parse().ok(),
    }
}

/// The first day of the office's year (年度) that a day is in.
fn year_of(day: Date) -> Date {
    let year = if day.month() < YEAR_BEGINS_IN {
        day.year() - 1
    } else {
        day.year()
    };
    date(year, YEAR_BEGINS_IN, 1)
}

fn today(app: &App) -> Date {
    Zoned::now().with_time_zone(zone(app)).date()
}

fn name_of(month: Date) -> String {
    month.strftime("%Y-%m").to_string()
}

/// What each section's months were, from one day until before another; of those that the member may see.
async fn summaries(
    app: &App,
    member: &Member,
    from: Date,
    until: Date,
) -> Result<BTreeMap<(Date, SectionId), Summary>, Refusal> {
    let zone = zone(app);
    let at = |day: Date| {
        let start = day.to_zoned(zone.clone()).map_err(|_| Fault::BadRequest)?;
        let millis = u64::try_from(start.timestamp().as_millisecond()).map_err(|_| Fault::BadRequest)?;
        Ok::<_, Refusal>(UnixMillis(millis))
    };
    let all = facts::between(&app.store.ledger, &app.config.office.id, at(from)?, at(until)?).await?;
    let mut by_month: BTreeMap<(Date, SectionId), Vec<Facts>> = BTreeMap::new();
    for one in all {
        if !member.may(Right::Report, Thing::in_section(&one.section)) {
            continue;
        }
        let ended = i64::try_from(one.ended_at.0)
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
            .ok_or(Fault::Internal)?;
        let month = ended.to_zoned(zone.clone()).date().first_of_month();
        by_month.entry((month, one.section.clone())).or_default().push(one);
    }
    Ok(by_month
        .into_iter()
        .map(|(key, facts)| (key, summarize(facts.iter())))
        .collect())
}

async fn page(visitor: Visitor, staff: LoggedIn, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let member = staff.member();
    check(&member)?;
    let wrong = || Refusal::of_field(Fault::BadRequest, "month");
    let today = today(app);
    let month = month_of(&asked.month, today).ok_or_else(wrong)?;
    let next = month.checked_add(1.month()).map_err(|_| wrong())?;
    let found = summaries(app, &member, month, next).await?;
    let rows: Vec<Row> = found
        .iter()
        .map(|((_, section), summary)| row(app, visitor.lang, section, summary))
        .collect();
    let texts = visitor.lang.catalogue();
    let page = html(&ReportPage {
        page: visitor
            .page_at("/staff/report")
            .with_csrf(&staff.session.csrf)
            .for_staff(),
        nav: Nav::new(app, &staff, "report"),
        title: match visitor.lang {
            Lang::Ja => format!("{}年{}月", month.year(), month.month()),
            Lang::En => month.strftime("%B %Y").to_string(),
        },
        year: texts
            .text("report.export")
            .replace("{year}", &year_of(month).year().to_string()),
        total: found.values().map(|summary| summary.held).sum(),
        rows,
        earlier: month.checked_sub(1.month()).ok().map(name_of),
        later: (next <= today).then(|| name_of(next)),
        few: texts.text("report.few").replace("{n}", &ENOUGH.to_string()),
        month: name_of(month),
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}

/// Who may see no section's may not open the page.
fn check(member: &Member) -> Result<(), Refusal> {
    match member.right_anywhere(Right::Report) {
        true => Ok(()),
        false => Err(Fault::Forbidden.into()),
    }
}

fn row(app: &App, lang: Lang, section: &SectionId, summary: &Summary) -> Row {
    let texts = lang.catalogue();
    let minutes = |minutes: Option<u64>| match minutes {
        Some(minutes) => texts.text("report.minutes").replace("{n}", &minutes.to_string()),
        None => "–".to_owned(),
    };
    Row {
        id: section.clone(),
        section: section_names(app, lang, std::slice::from_ref(section)),
        held: summary.held,
        unheld: summary.unheld,
        waited: minutes(summary.waited),
        lasted: minutes(summary.lasted),
        score: summary
            .score_tenths
            .map_or_else(|| "–".to_owned(), |tenths| format!("{}.{}", tenths / 10, tenths % 10)),
        answers: texts
            .text("report.answers")
            .replace("{n}", &summary.answers.to_string()),
    }
}

/// POST /staff/report: a year's months as a file.
async fn export(
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let member = staff.member();
    check(&member)?;
    let wrong = || Refusal::of_field(Fault::BadRequest, "month");
    let from = year_of(month_of(fields.get("month"), today(app)).ok_or_else(wrong)?);
    let until = from.checked_add(1.year()).map_err(|_| wrong())?;
    let found = summaries(app, &member, from, until).await?;
    let doer = Who::Staff(staff.account.id.clone());
    crate::audit::write(app, Event::new(doer, What::ReportExported, from.year())).await;
    let name = format!("report-{}.csv", from.year());
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, csv(&found)).into_response())
}

/// RFC 4180, with the mark that tells spreadsheets that it is UTF-8. No field ever needs quotes.
fn csv(found: &BTreeMap<(Date, SectionId), Summary>) -> String {
    let mut text = "\u{feff}年月,課,相談件数,通話に至らなかった件数,待ち時間の中央値（分）,相談時間の中央値（分）,満足度の回答数,満足度の平均\r\n".to_owned();
    for ((month, section), summary) in found {
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let score = summary
            .score_tenths
            .map_or_else(String::new, |tenths| format!("{}.{}", tenths / 10, tenths % 10));
        text += &format!(
            "{},{section},{},{},{},{},{},{score}\r\n",
            name_of(*month),
            summary.held,
            summary.unheld,
            number(summary.waited),
            number(summary.lasted),
            summary.answers,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use protocol::ids::ConsultationId;

    use super::*;

    fn held(waited_minutes: u64, lasted_minutes: u64, score: Option<u8>) -> Facts {
        Facts {
            id: ConsultationId::random(),
            section: SectionId::new("kosodate").expect("valid"),
            staff: None,
            from: Some(UnixMillis(1)),
            ended_at: UnixMillis(2),
            lasted_ms: lasted_minutes * 60_000,
            waited_ms: waited_minutes * 60_000,
            score,
        }
    }

    #[test]
    fn medians_and_averages_are_of_calls_that_were() {
        let mut all: Vec<Facts> = [(1, 10, Some(5)), (2, 20, Some(4)), (9, 90, Some(4)), (3, 12, None)]
            .map(|(waited, lasted, score)| held(waited, lasted, score))
            .to_vec();
        all.push(Facts {
            from: None,
            ..held(500, 500, None)
        });
        let few = summarize(all.iter());
        assert_eq!(
            few,
            Summary {
                held: 4,
                unheld: 1,
                waited: Some(2),
                lasted: Some(12),
                answers: 3,
                score_tenths: None,
            }
        );
        all.extend([held(2, 12, Some(5)), held(2, 12, Some(5))]);
        assert_eq!(summarize(all.iter()).score_tenths, Some(46), "5+4+4+5+5 of five");
        assert_eq!(summarize([].iter()), Summary::default());
    }

    #[test]
    fn the_year_begins_in_april() {
        for (day, first) in [
            (date(2026, 3, 31), date(2025, 4, 1)),
            (date(2026, 4, 1), date(2026, 4, 1)),
            (date(2026, 12, 1), date(2026, 4, 1)),
        ] {
            assert_eq!(year_of(day), first);
        }
    }

    #[test]
    fn a_month_is_a_month() {
        let today = date(2026, 11, 24);
        assert_eq!(month_of("", today), Some(date(2026, 11, 1)));
        assert_eq!(month_of("2026-02", today), Some(date(2026, 2, 1)));
        for wrong in ["2026", "2026-13", "11/2026", "2026-02-01"] {
            assert_eq!(month_of(wrong, today), None, "{wrong}");
        }
    }
}
