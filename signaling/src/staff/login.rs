//! Logging in and out. A wrong password is slow, counted and, after a while, locks the account for a
//! time; that an account doesn't exist is told by nothing, not even by the time it takes.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use protocol::ids::{SectionId, StaffId};
use serde::Deserialize;
use store::staff::{Account, Role};
use tokio::sync::{OnceCell, Semaphore};

use super::session::{COOKIE, LoggedIn};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::visitor::Visitor;
use crate::{security, throttle};

/// The cookie that must match the login form's field (double submit).
const CSRF_COOKIE: &str = "__Host-csrf";
/// Hashing takes a core and 19 MiB for a while: so many at once, the others wait …
const HASHING_AT_ONCE: usize = 2;
/// … at most so long.
const HASHING_STARTS: Duration = Duration::from_secs(5);
/// No password is longer, in bytes.
const PASSWORD: usize = 1024;

/// Looks at passwords, few at a time.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    /// Stands in for accounts that don't exist.
    nobody: OnceCell<Option<Account>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(HASHING_AT_ONCE)),
            nobody: OnceCell::new(),
        }
    }
}

impl Passwords {
    /// Whether the password is the account's. `None` for the account takes as long and says no. Returns
    /// `None` when too many wait already.
    pub(crate) async fn is_right(&self, account: Option<Account>, password: String) -> Option<bool> {
        let permit = tokio::time::timeout(HASHING_STARTS, Arc::clone(&self.slots).acquire_owned());
        let Ok(Ok(_permit)) = permit.await else {
            return None;
        };
        let is_somebody = account.is_some();
        let account = match account {
            Some(account) => Some(account),
            None => self.nobody.get_or_init(|| hash(make_nobody)).await.clone(),
        };
        let is_right = hash(move || account.is_some_and(|account| account.is_password(&password))).await;
        Some(is_right && is_somebody)
    }

    /// An account with a hashed password; `None` when hashing fails.
    pub(crate) async fn account(&self, make: impl FnOnce() -> Option<Account> + Send + 'static) -> Option<Account> {
        let _permit = self.slots.acquire().await.ok()?;
        hash(make).await
    }
}

fn make_nobody() -> Option<Account> {
    let id = StaffId::new("nobody").ok()?;
    let section = SectionId::new("nowhere").ok()?;
    Account::new(
        id,
        String::new(),
        section,
        Role::Staff,
        &store::consultations::new_code(),
    )
    .ok()
}

/// Runs a hasher where blocking is allowed.
async fn hash<T: Default + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a password could not be looked at");
        T::default()
    })
}

/// login.html
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    error: Option<String>,
    id: String,
}

/// GET /staff/login
pub(crate) async fn page(visitor: Visitor, staff: Result<LoggedIn, Refusal>) -> Result<Response, Refusal> {
    match staff {
        Ok(_) => Ok(Redirect::to("/staff").into_response()),
        Err(refusal) if refusal.fault == Fault::NotLoggedIn => form_page(&visitor, StatusCode::OK, None, String::new()),
        Err(refusal) => Err(refusal),
    }
}

fn form_page(visitor: &Visitor, status: StatusCode, error: Option<&str>, id: String) -> Result<Response, Refusal> {
    let known = visitor.jar.get(CSRF_COOKIE).map(|cookie| cookie.value().to_owned());
    let csrf = known
        .filter(|token| token.len() == 26)
        .unwrap_or_else(store::consultations::new_code);
    let page = html(&LoginPage {
        page: visitor.page().with_csrf(&csrf),
        error: error.map(|key| visitor.lang.catalogue().text(key).to_owned()),
        id,
    })?;
    let jar = CookieJar::new().add(security::cookie(CSRF_COOKIE, &csrf, None));
    let mut response = (status, jar, [security::FORM_PAGE], page).into_response();
    response.extensions_mut().insert(crate::problem::Told);
    Ok(response)
}

/// The login form.
#[derive(Deserialize)]
pub(crate) struct LoginForm {
    #[serde(default)]
    csrf: String,
    id: String,
    password: String,
}

/// POST /staff/login
pub(crate) async fn log_in(
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(form) = form.map_err(|_| Fault::BadRequest)?;
    let app = &visitor.app;
    if !security::is_own_origin(&headers, &uri, &app.config.web.public_url, false) {
        return Err(Fault::NotAllowedHere.into());
    }
    let cookie = visitor.jar.get(CSRF_COOKIE).map_or("", |cookie| cookie.value());
    if !security::is_same_secret(cookie, &form.csrf) {
        return Err(Fault::Csrf.into());
    }
    let account = match check(app, form.id.trim(), form.password).await? {
        Checked::Right(account) => account,
        checked => {
            app.metrics.wrong_logins.inc();
            // A whole office may share one address: wrong ones wait, right ones never do.
            let delay = app.wrong_logins.wrong(visitor.address, runtime::now());
            tokio::time::sleep(delay.unwrap_or(throttle::LONGEST_DELAY)).await;
            let (status, key) = match checked {
                Checked::Locked => (StatusCode::TOO_MANY_REQUESTS, "login.error.locked"),
                Checked::Busy => (StatusCode::TOO_MANY_REQUESTS, "login.error.busy"),
                _ => (StatusCode::UNAUTHORIZED, "login.error.wrong"),
            };
            return form_page(&visitor, status, Some(key), form.id);
        }
    };
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    store::staff::clear_failures(ledger, office, &account.id).await?;
    // A browser's earlier session ends with the new one.
    if let Some(old) = visitor.jar.get(COOKIE) {
        store::staff::close_session(ledger, office, old.value()).await?;
    }
    let lifetime = app.config.web.session_lifetime;
    let (token, _) = store::staff::open_session(ledger, office, &account.id, lifetime, runtime::now()).await?;
    tracing::info!(staff = %account.id, "logged in");
    let jar = CookieJar::new().add(security::cookie(COOKIE, &token, Some(lifetime)));
    Ok((jar, Redirect::to("/staff")).into_response())
}

enum Checked {
    Right(Account),
    Wrong,
    Locked,
    /// Too many are looked at already.
    Busy,
}

async fn check(app: &App, id: &str, password: String) -> Result<Checked, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let id = StaffId::new(id).ok().filter(|_| password.len() <= PASSWORD);
    let account = match &id {
        Some(id) => {
            // Counted before it is looked at, so that many at once can't slip through.
            if !store::staff::may_try(ledger, office, id).await? {
                return Ok(Checked::Locked);
            }
            store::staff::get(ledger, office, id).await?
        }
        None => None,
    };
    let is_right = app.passwords.is_right(account.clone(), password).await;
    Ok(match (account, is_right) {
        (Some(account), Some(true)) => Checked::Right(account),
        (_, Some(_)) => Checked::Wrong,
        (_, None) => Checked::Busy,
    })
}

/// The logout form.
#[derive(Deserialize)]
pub(crate) struct LogoutForm {
    #[serde(default)]
    csrf: String,
}

/// POST /staff/logout
pub(crate) async fn log_out(
    State(app): State<Arc<App>>,
    staff: Result<LoggedIn, Refusal>,
    form: Result<Form<LogoutForm>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(form) = form.map_err(|_| Fault::BadRequest)?;
    match staff {
        Ok(staff) => {
            staff.check_csrf(&form.csrf)?;
            store::staff::close_session(&app.store.ledger, &app.config.office.id, &staff.token).await?;
            app.hub.end_session(&staff.token);
        }
        // Logged out already is as good.
        Err(refusal) if refusal.fault == Fault::NotLoggedIn => {}
        Err(refusal) => return Err(refusal),
    }
    let gone = security::cookie(COOKIE, "", Some(Duration::ZERO));
    Ok((CookieJar::new().add(gone), Redirect::to("/staff/login")).into_response())
}
