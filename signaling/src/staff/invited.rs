//! /staff/invited/{id}/{secret}: who was invited, or has forgotten a password, chooses one. The link works once.

use askama::Template;
use axum::Form;
use axum::extract::Path;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use protocol::ids::StaffId;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::staff::Account;

use super::entry::{self, By};
use super::login::{OpenForm, was_wrong};
use super::password;
use crate::page::Page;
use crate::problem::{Fault, Refusal};
use crate::visitor::Visitor;

/// invited.html
#[derive(Template)]
#[template(path = "invited.html")]
struct InvitedPage {
    page: Page,
    /// Who is invited; `None`: nobody, by this link.
    guest: Option<Guest>,
    error: Option<String>,
}

struct Guest {
    id: String,
    name: String,
    action: String,
}

/// Where an invitation is opened.
pub(super) fn url(public_url: &str, id: &StaffId, secret: &str) -> String {
    format!("{public_url}/staff/invited/{id}/{secret}")
}

async fn guest(visitor: &Visitor, id: &str, secret: &str) -> Result<Option<Account>, Refusal> {
    let Ok(id) = StaffId::new(id) else { return Ok(None) };
    let (ledger, office) = (&visitor.app.store.ledger, &visitor.app.config.office.id);
    let account = store::staff::get(ledger, office, &id).await?;
    Ok(account.filter(|account| account.is_invited_by(secret, runtime::now())))
}

fn shown(
    visitor: &Visitor,
    account: Option<&Account>,
    secret: &str,
    error: Option<&'static str>,
) -> Result<Response, Refusal> {
    let form = OpenForm::new(visitor);
    let guest = account.map(|account| Guest {
        id: account.id.to_string(),
        name: account.name.clone(),
        action: url("", &account.id, secret),
    });
    let status = match (&guest, error) {
        (None, _) => StatusCode::GONE,
        (_, Some(_)) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let template = InvitedPage {
        // The path is a secret: the language switch leads to the login.
        page: visitor.page_at("/staff/login").with_csrf(&form.csrf),
        guest,
        error: error.map(|key| visitor.lang.catalogue().text(key).to_owned()),
    };
    let unlisted = (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex"),
    );
    Ok(([unlisted], form.page(status, &template)?).into_response())
}

/// GET /staff/invited/{id}/{secret}
pub(crate) async fn page(visitor: Visitor, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refusal> {
    let account = guest(&visitor, &id, &secret).await?;
    if account.is_none() {
        was_wrong(&visitor).await;
    }
    shown(&visitor, account.as_ref(), &secret, None)
}

/// The form with the new password.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    csrf: String,
    password: String,
    again: String,
}

/// POST /staff/invited/{id}/{secret}
pub(crate) async fn choose(
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    Path((id, secret)): Path<(String, String)>,
    form: Result<Form<Chosen>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(form) = form.map_err(|_| Fault::BadRequest)?;
    OpenForm::check(&visitor, &headers, &uri, &form.csrf)?;
    let Some(account) = guest(&visitor, &id, &secret).await? else {
        was_wrong(&visitor).await;
        return shown(&visitor, None, &secret, None);
    };
    let fault = password::fault_of(&form.password, account.id.as_str());
    let fault = fault.or_else(|| (form.password != form.again).then_some("password.error.again"));
    if fault.is_some() {
        return shown(&visitor, Some(&account), &secret, fault);
    }
    let app = &visitor.app;
    let hash = app.passwords.hash(form.password).await.ok_or(Fault::Internal)?;
    let (ledger, office, now) = (&app.store.ledger, &app.config.office.id, runtime::now());
    let joined = store::staff::update(ledger, office, &account.id, now, |it| {
        // Used up meanwhile.
        if !it.is_invited_by(&secret, now) {
            return None;
        }
        it.set_password(hash.clone());
        // Who has a second factor shows it at the next login: a link alone doesn't stand for both.
        let joined = Event::new(Who::Staff(it.id.clone()), What::AccountJoined, &it.id);
        if it.has_totp() {
            return Some(vec![joined]);
        }
        it.last_login = Some(now);
        let login = entry::events(it, By::Invitation);
        Some([vec![joined], login].concat())
    });
    match joined.await? {
        Some((account, true)) if account.has_totp() => Ok(axum::response::Redirect::to("/staff/login").into_response()),
        Some((account, true)) => entry::open(&visitor, &headers, &account, By::Invitation, "/staff/me").await,
        _ => shown(&visitor, None, &secret, None),
    }
}
