//! One account: its rights, its invitation, what helps its owner to log in, its end.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use protocol::ids::StaffId;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::staff::{Account, State};

use super::super::invited;
use super::super::nav::{Nav, state_word, time_word};
use super::super::rights::{Right, Thing};
use super::super::session::LoggedIn;
use super::list::{Choice, Invitation, rights_of, role_choices, section_choices};
use super::{name_of, rights_words};
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told, html};
use crate::security;
use crate::staff::form::Sent;
use crate::visitor::Visitor;

/// account.html
#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    nav: Nav,
    id: String,
    name: String,
    state: &'static str,
    is_disabled: bool,
    is_self: bool,
    has_totp: bool,
    last: Option<String>,
    sessions: usize,
    roles: Vec<Choice>,
    sections: Vec<Choice>,
    done: Option<&'static str>,
    error: Option<&'static str>,
    made: Option<Invitation>,
}

#[derive(Default)]
struct Said {
    done: Option<&'static str>,
    error: Option<&'static str>,
    made: Option<Invitation>,
}

/// `?done=changed`
#[derive(Deserialize)]
pub(super) struct Done {
    done: Option<String>,
}

fn account_id(id: &str) -> Result<StaffId, Refusal> {
    StaffId::new(id).map_err(|_| Fault::NotFound.into())
}

async fn shown(visitor: &Visitor, staff: &LoggedIn, id: &StaffId, said: Said) -> Result<Response, Refusal> {
    let (app, lang) = (&visitor.app, visitor.lang);
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let account = store::staff::get(ledger, office, id).await?.ok_or(Fault::NotFound)?;
    let sessions = store::staff::count_sessions(ledger, office, &account, runtime::now()).await?;
    let texts = lang.catalogue();
    let is_refused = said.error.is_some();
    let page = html(&AccountPage {
        page: visitor
            .page_at(&format!("/staff/accounts/one/{id}"))
            .with_csrf(&staff.session.csrf)
            .for_staff(),
        nav: Nav::new(app, staff, "accounts"),
        id: id.to_string(),
        state: state_word(lang, account.state),
        is_disabled: account.state == State::Disabled,
        is_self: *id == staff.account.id,
        has_totp: account.has_totp(),
        last: account.last_login.map(|at| time_word(app, at)),
        sessions,
        roles: role_choices(lang, account.role.as_str()),
        sections: section_choices(app, lang, |id| account.sections.contains(id)),
        name: account.name,
        done: said.done.map(|key| texts.text(key)),
        error: said.error.map(|key| texts.text(key)),
        made: said.made,
    })?;
    let mut response = ([security::FORM_PAGE], page).into_response();
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(Told);
    }
    Ok(response)
}

/// GET /staff/accounts/one/{id}
pub(super) async fn page(
    visitor: Visitor,
    staff: LoggedIn,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let done = match done.done.as_deref() {
        Some("changed") => Some("account.changed"),
        Some("totp") => Some("account.totp.reset.done"),
        Some("unlock") => Some("account.unlock.done"),
        Some("sessions") => Some("account.sessions.ended"),
        Some("disable") => Some("account.disabled"),
        Some("enable") => Some("account.enabled"),
        _ => None,
    };
    let said = Said {
        done,
        ..Said::default()
    };
    shown(&visitor, &staff, &account_id(&id)?, said).await
}

fn done(id: &StaffId, what: &str) -> Response {
    Redirect::to(&format!("/staff/accounts/one/{id}?done={what}")).into_response()
}

async fn refused(visitor: &Visitor, staff: &LoggedIn, id: &StaffId, key: &'static str) -> Result<Response, Refusal> {
    let said = Said {
        error: Some(key),
        ..Said::default()
    };
    shown(visitor, staff, id, said).await
}

/// POST /staff/accounts/one/{id}: name, role, sections
pub(super) async fn change(
    Path(id): Path<String>,
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let (app, id) = (&visitor.app, account_id(&id)?);
    let Some(name) = name_of(fields.get("name")) else {
        return refused(&visitor, &staff, &id, "accounts.error.name").await;
    };
    let (role, sections) = match rights_of(app, fields.get("role"), fields.all("section")) {
        Ok(rights) => rights,
        Err(key) => return refused(&visitor, &staff, &id, key).await,
    };
    let changed = super::change(app, &staff.account.id, &id, |account| {
        let is_named = account.name != name;
        account.name.clone_from(&name);
        let has_rights = account.set_rights(role, in_old_order(account, &sections));
        (is_named || has_rights).then(|| (What::AccountChanged, rights_words(role, &account.sections)))
    });
    match changed.await? {
        Ok(()) => Ok(done(&id, "changed")),
        Err(why) => refused(&visitor, &staff, &id, why.text_key()).await,
    }
}

/// The form knows no order: those that were there stay in theirs, new ones follow.
fn in_old_order(account: &Account, sections: &[protocol::ids::SectionId]) -> Vec<protocol::ids::SectionId> {
    let kept = account.sections.iter().filter(|id| sections.contains(id));
    let new = sections.iter().filter(|id| !account.sections.contains(id));
    kept.chain(new).cloned().collect()
}

/// POST /staff/accounts/one/{id}/{action}
pub(super) async fn act(
    Path((id, action)): Path<(String, String)>,
    Sent { visitor, staff, .. }: Sent,
) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let id = account_id(&id)?;
    match action.as_str() {
        "invite" => invite(&visitor, &staff, &id).await,
        "unlock" => unlock(&visitor, &staff, &id).await,
        _ => act_simply(&visitor, &staff, &id, &action).await,
    }
}

async fn act_simply(visitor: &Visitor, staff: &LoggedIn, id: &StaffId, action: &str) -> Result<Response, Refusal> {
    type Act = fn(&mut Account) -> Option<(What, String)>;
    let act: Act = match action {
        "totp" => |account| {
            account.reset_totp();
            Some((What::SecondFactorReset, String::new()))
        },
        "sessions" => |account| {
            account.end_sessions();
            Some((What::SessionsEnded, String::new()))
        },
        "disable" => |account| {
            let is_new = account.state != State::Disabled;
            account.disable();
            is_new.then(|| (What::AccountDisabled, String::new()))
        },
        "enable" => |account| {
            let is_new = account.state == State::Disabled;
            account.enable();
            is_new.then(|| (What::AccountEnabled, String::new()))
        },
        _ => return Err(Fault::NotFound.into()),
    };
    match super::change(&visitor.app, &staff.account.id, id, act).await? {
        Ok(()) => Ok(done(id, action)),
        Err(why) => refused(visitor, staff, id, why.text_key()).await,
    }
}

async fn invite(visitor: &Visitor, staff: &LoggedIn, id: &StaffId) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let until = runtime::now().plus(app.config.staff.invitation_lifetime);
    let mut made = None;
    let changed = super::change(app, &staff.account.id, id, |account| {
        if account.state == State::Disabled {
            return None;
        }
        let secret = account.invite(until);
        made = Some((account.name.clone(), secret));
        Some((What::AccountReinvited, String::new()))
    });
    if let Err(why) = changed.await? {
        return refused(visitor, staff, id, why.text_key()).await;
    }
    let made = made.map(|(name, secret)| Invitation {
        url: invited::url(&app.config.web.public_url, id, &secret),
        name,
        until: time_word(app, until),
    });
    shown(
        visitor,
        staff,
        id,
        Said {
            made,
            ..Said::default()
        },
    )
    .await
}

async fn unlock(visitor: &Visitor, staff: &LoggedIn, id: &StaffId) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    if store::staff::get(ledger, office, id).await?.is_none() {
        return Err(Fault::NotFound.into());
    }
    store::staff::clear_tries(ledger, office, id, None).await?;
    let who = Who::Staff(staff.account.id.clone());
    crate::audit::write(app, Event::new(who, What::AccountUnlocked, id)).await;
    Ok(done(id, "unlock"))
}
