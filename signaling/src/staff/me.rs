//! /staff/me: what members of staff change themselves: password, second factor, recovery codes, sessions. Who needs a
//! second factor and has none sees this page only.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::staff::{Account, name_of};

use super::entry::{self, By};
use super::form::{Sent, SentByEntered};
use super::nav::{Nav, role_word, section_names, time_word};
use super::session::{Entered, LoggedIn};
use super::{password, qr};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told, html};
use crate::security;
use crate::visitor::Visitor;

/// /staff/me and what is sent there
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff/me", get(page))
        .route("/staff/me/password", post(change_password))
        .route("/staff/me/totp/begin", post(begin_totp))
        .route("/staff/me/totp/confirm", post(confirm_totp))
        .route("/staff/me/totp/remove", post(remove_totp))
        .route("/staff/me/recovery", post(renew_recovery))
        .route("/staff/me/sessions/end", post(end_session))
}

/// me.html
#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    page: Page,
    nav: Nav,
    id: String,
    role: &'static str,
    sections: String,
    has_password: bool,
    has_totp: bool,
    /// Their role lets them do without.
    may_remove_totp: bool,
    draft: Option<Draft>,
    recovery_left: usize,
    sessions: Vec<SessionView>,
    done: Option<&'static str>,
    error: Option<Mistake>,
}

/// A second factor that is being set up.
struct Draft {
    path: String,
    width: i32,
    /// In groups of four.
    secret: String,
}

struct SessionView {
    name: String,
    browser: String,
    is_this: bool,
    since: String,
    seen: String,
}

/// What is wrong with which form.
struct Mistake {
    form: &'static str,
    text: &'static str,
}

/// recovery.html
#[derive(Template)]
#[template(path = "recovery.html")]
struct RecoveryPage {
    page: Page,
    nav: Nav,
    codes: Vec<String>,
}

/// `?done=password`
#[derive(Deserialize)]
struct Done {
    done: Option<String>,
}

async fn page(visitor: Visitor, Entered(staff): Entered, Query(done): Query<Done>) -> Result<Response, Refusal> {
    let texts = visitor.lang.catalogue();
    let done = match done.done.as_deref() {
        Some("password") => Some(texts.text("me.password.done")),
        Some("totp") => Some(texts.text("me.totp.removed")),
        Some("sessions") => Some(texts.text("me.sessions.ended")),
        _ => None,
    };
    shown(&visitor, &staff, done, None).await
}

async fn shown(
    visitor: &Visitor,
    staff: &LoggedIn,
    done: Option<&'static str>,
    error: Option<Mistake>,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let account = &staff.account;
    let own = name_of(&staff.token).unwrap_or_default();
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let sessions = store::staff::sessions(ledger, office, account, runtime::now()).await?;
    let page = html(&MePage {
        page: visitor.page_at("/staff/me").with_csrf(&staff.session.csrf).for_staff(),
        nav: Nav::new(app, staff, "me"),
        id: account.id.to_string(),
        role: role_word(visitor.lang, account.role),
        sections: section_names(app, visitor.lang, &account.sections),
        has_password: account.has_password(),
        has_totp: account.has_totp(),
        may_remove_totp: !app.config.staff.second_factor.contains(&account.role),
        draft: draft(app, account),
        recovery_left: account.recovery_left(),
        sessions: sessions
            .into_iter()
            .map(|(name, session)| SessionView {
                is_this: name == own,
                name,
                browser: session.browser,
                since: time_word(app, session.since),
                seen: time_word(app, session.seen),
            })
            .collect(),
        done,
        error: error.map(|mistake| Mistake {
            text: visitor.lang.catalogue().text(mistake.text),
            ..mistake
        }),
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}

fn draft(app: &App, account: &Account) -> Option<Draft> {
    let secret = account.totp_draft()?;
    let (path, width) = qr::code(&qr::otpauth(&app.config.office.name.ja, account.id.as_str(), secret))?;
    let groups: Vec<&str> = (0..secret.len())
        .step_by(4)
        .map(|at| &secret[at..secret.len().min(at + 4)])
        .collect();
    Some(Draft {
        path,
        width,
        secret: groups.join(" "),
    })
}

/// The page again, with what is wrong.
async fn refused(
    visitor: &Visitor,
    staff: &LoggedIn,
    form: &'static str,
    text: &'static str,
) -> Result<Response, Refusal> {
    let mut response = shown(visitor, staff, None, Some(Mistake { form, text })).await?;
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.extensions_mut().insert(Told);
    Ok(response)
}

/// Whether somebody who is logged in is their owner still: their password, asked again.
async fn is_owner(visitor: &Visitor, staff: &LoggedIn, password: &str) -> Result<bool, Refusal> {
    let app = &visitor.app;
    let (ledger, office, id) = (&app.store.ledger, &app.config.office.id, &staff.account.id);
    // Tries here are the session's own: a stranger at an open desk gets no more of them than anywhere.
    let device = name_of(&staff.token);
    let may = store::staff::try_once(ledger, office, id, device.as_deref(), runtime::now()).await?;
    let store::staff::Tries::May(_) = may else {
        return Err(Fault::TooMany.into());
    };
    let stored = staff.account.password().map(str::to_owned);
    let is_right = app.passwords.is_right(stored, password.to_owned()).await;
    if is_right.ok_or(Fault::TooMany)? {
        store::staff::clear_tries(ledger, office, id, device.as_deref()).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Changes one's own account; false: it has changed meanwhile in a way that doesn't allow it.
async fn change(
    app: &App,
    staff: &LoggedIn,
    what: What,
    mut change: impl FnMut(&mut Account) -> bool,
) -> Result<Option<Account>, Refusal> {
    let (ledger, office, id) = (&app.store.ledger, &app.config.office.id, &staff.account.id);
    let epoch = staff.account.epoch;
    let changed = store::staff::update(ledger, office, id, runtime::now(), |account| {
        let is_same = account.epoch == epoch;
        (is_same && change(account)).then(|| vec![Event::new(Who::Staff(id.clone()), what, id)])
    });
    Ok(match changed.await? {
        Some((account, true)) => Some(account),
        _ => None,
    })
}

async fn change_password(
    SentByEntered(Sent {
        visitor,
        staff,
        headers,
        fields,
    }): SentByEntered,
) -> Result<Response, Refusal> {
    let (new, again) = (fields.get("password"), fields.get("again"));
    if !is_owner(&visitor, &staff, fields.get("current")).await? {
        return refused(&visitor, &staff, "password", "password.error.current").await;
    }
    let fault = password::fault_of(new, staff.account.id.as_str());
    if let Some(fault) = fault.or_else(|| (new != again).then_some("password.error.again")) {
        return refused(&visitor, &staff, "password", fault).await;
    }
    let hash = visitor
        .app
        .passwords
        .hash(new.to_owned())
        .await
        .ok_or(Fault::Internal)?;
    let set = |account: &mut Account| {
        account.set_password(hash.clone());
        true
    };
    let changed = change(&visitor.app, &staff, What::PasswordChanged, set).await?;
    let account = changed.ok_or(Fault::NotLoggedIn)?;
    // All sessions are over with the old password; this browser gets a new one.
    entry::open(&visitor, &headers, &account, By::Password, "/staff/me?done=password").await
}

async fn begin_totp(
    SentByEntered(Sent {
        visitor, staff, fields, ..
    }): SentByEntered,
) -> Result<Response, Refusal> {
    // Who has one already shows that it is them before it is replaced.
    if staff.account.has_totp() && !is_owner(&visitor, &staff, fields.get("current")).await? {
        return refused(&visitor, &staff, "totp", "password.error.current").await;
    }
    let app = &visitor.app;
    let (ledger, office, id) = (&app.store.ledger, &app.config.office.id, &staff.account.id);
    let drafted = store::staff::update(ledger, office, id, runtime::now(), |account| {
        account.draft_totp();
        // Nothing counts yet.
        Some(Vec::new())
    });
    drafted.await?;
    Ok(Redirect::to("/staff/me#totp").into_response())
}

async fn confirm_totp(
    SentByEntered(Sent {
        visitor, staff, fields, ..
    }): SentByEntered,
) -> Result<Response, Refusal> {
    let mut codes = None;
    let confirm = |account: &mut Account| {
        codes = account.confirm_totp(fields.get("code"), runtime::now());
        codes.is_some()
    };
    change(&visitor.app, &staff, What::SecondFactorSet, confirm).await?;
    match codes {
        Some(codes) => recovery_page(&visitor, staff, codes).await,
        None => refused(&visitor, &staff, "totp", "login.error.code").await,
    }
}

/// Shows codes that are never shown again.
async fn recovery_page(visitor: &Visitor, mut staff: LoggedIn, codes: Vec<String>) -> Result<Response, Refusal> {
    let (ledger, office) = (&visitor.app.store.ledger, &visitor.app.config.office.id);
    if let Some(account) = store::staff::get(ledger, office, &staff.account.id).await? {
        staff.account = account;
    }
    let page = html(&RecoveryPage {
        page: visitor.page_at("/staff/me").with_csrf(&staff.session.csrf).for_staff(),
        nav: Nav::new(&visitor.app, &staff, "me"),
        codes,
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}

async fn remove_totp(
    SentByEntered(Sent {
        visitor,
        staff,
        headers,
        fields,
    }): SentByEntered,
) -> Result<Response, Refusal> {
    if visitor.app.config.staff.second_factor.contains(&staff.account.role) {
        return Err(Fault::Forbidden.into());
    }
    if !is_owner(&visitor, &staff, fields.get("current")).await? {
        return refused(&visitor, &staff, "totp", "password.error.current").await;
    }
    let reset = |account: &mut Account| {
        account.reset_totp();
        true
    };
    let changed = change(&visitor.app, &staff, What::SecondFactorReset, reset).await?;
    let account = changed.ok_or(Fault::NotLoggedIn)?;
    entry::open(&visitor, &headers, &account, By::Password, "/staff/me?done=totp").await
}

async fn renew_recovery(
    SentByEntered(Sent {
        visitor, staff, fields, ..
    }): SentByEntered,
) -> Result<Response, Refusal> {
    if !is_owner(&visitor, &staff, fields.get("current")).await? {
        return refused(&visitor, &staff, "recovery", "password.error.current").await;
    }
    let mut codes = Vec::new();
    let renew = |account: &mut Account| {
        codes = account.renew_recovery();
        account.has_totp()
    };
    change(&visitor.app, &staff, What::RecoveryRenewed, renew)
        .await?
        .ok_or(Fault::BadRequest)?;
    recovery_page(&visitor, staff, codes).await
}

async fn end_session(
    SentByEntered(Sent {
        visitor, staff, fields, ..
    }): SentByEntered,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let (ledger, office, id) = (&app.store.ledger, &app.config.office.id, &staff.account.id);
    let own = name_of(&staff.token).unwrap_or_default();
    let mut ended = 0;
    for (name, _) in store::staff::sessions(ledger, office, &staff.account, runtime::now()).await? {
        let is_meant = match fields.get("session") {
            "others" => name != own,
            one => name == one,
        };
        if is_meant && store::staff::end_session(ledger, office, id, &name).await? {
            ended += 1;
        }
    }
    if ended > 0 {
        let event = Event::new(Who::Staff(id.clone()), What::SessionsEnded, id).with(format!("sessions={ended}"));
        crate::audit::write(app, event).await;
    }
    Ok(Redirect::to("/staff/me?done=sessions").into_response())
}
