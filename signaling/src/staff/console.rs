//! GET /staff: the console's frame; everything live in it comes over the WebSocket.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};

use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::page::{Page, in_language};
use crate::problem::{Fault, Refusal, html};
use crate::security;
use crate::visitor::Visitor;

/// A section that a consultation can be made for.
struct SectionView {
    id: String,
    name: String,
    is_own: bool,
}

/// staff.html
#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage {
    page: Page,
    staff_name: String,
    staff_id: String,
    has_accounts: bool,
    has_audit: bool,
    has_report: bool,
    has_counts: bool,
    sections: Vec<SectionView>,
}

/// GET /staff
pub(crate) async fn page(visitor: Visitor, staff: Result<LoggedIn, Refusal>) -> Result<Response, Refusal> {
    let staff = match staff {
        Ok(staff) => staff,
        // Who still needs a second factor is led on from there.
        Err(refusal) if refusal.fault == Fault::NotLoggedIn => {
            return Ok(Redirect::to("/staff/login").into_response());
        }
        Err(refusal) => return Err(refusal),
    };
    let member = staff.member();
    let sections = visitor
        .app
        .config
        .sections
        .iter()
        .filter(|section| member.may(Right::MakeLinks, Thing::in_section(&section.id)))
        .map(|section| SectionView {
            id: section.id.to_string(),
            name: in_language(&section.name, visitor.lang).to_owned(),
            is_own: staff.account.sections.contains(&section.id),
        })
        .collect();
    let page = html(&StaffPage {
        page: visitor.page().with_csrf(&staff.session.csrf).for_staff(),
        staff_name: staff.account.name,
        staff_id: staff.account.id.to_string(),
        has_accounts: member.may(Right::Accounts, Thing::OFFICE),
        has_audit: member.may(Right::Audit, Thing::OFFICE),
        has_counts: member.may(Right::SeeCounts, Thing::OFFICE),
        has_report: member.right_anywhere(Right::Report),
        sections,
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}
