//! Logging in and out: the password, then the second factor. A wrong one is slow, counted and written down, and after
//! some the next has to wait; that an account doesn't exist is told by nothing, not even by the time it takes.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use protocol::ids::StaffId;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::staff::{Account, State as AccountState, Tries};

use super::entry::{self, By, DEVICE_COOKIE, PENDING_COOKIE};
use super::session::{COOKIE, Entered, LoggedIn};
use super::{oidc, password};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::texts::Lang;
use crate::visitor::Visitor;
use crate::{audit, security, throttle};

/// The cookie that must match the field of a form that nobody is logged in for (double submit).
const CSRF_COOKIE: &str = "__Host-csrf";

/// login.html
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    error: Option<String>,
    id: String,
    /// What the button of the other server's login says.
    provider: Option<String>,
}

/// login-code.html
#[derive(Template)]
#[template(path = "login-code.html")]
struct CodePage {
    page: Page,
    error: Option<String>,
}

/// A form for who isn't logged in yet, and the token that it sends along.
pub(super) struct OpenForm {
    pub(super) csrf: String,
}

impl OpenForm {
    /// The token is the browser's, or a new one.
    pub(super) fn new(visitor: &Visitor) -> Self {
        let known = visitor.jar.get(CSRF_COOKIE).map(|cookie| cookie.value().to_owned());
        let csrf = known
            .filter(|token| token.len() == 26)
            .unwrap_or_else(store::consultations::new_code);
        Self { csrf }
    }

    /// The page with the form.
    pub(super) fn page(&self, status: StatusCode, template: &impl Template) -> Result<Response, Refusal> {
        let jar = CookieJar::new().add(security::cookie(CSRF_COOKIE, &self.csrf, None));
        let mut response = (status, jar, [security::FORM_PAGE], html(template)?).into_response();
        response.extensions_mut().insert(crate::problem::Told);
        Ok(response)
    }

    /// Checks that a form comes from our own page.
    ///
    /// # Errors
    /// [`Fault::NotAllowedHere`], [`Fault::Csrf`].
    pub(super) fn check(visitor: &Visitor, headers: &HeaderMap, uri: &Uri, csrf: &str) -> Result<(), Refusal> {
        if !security::is_own_origin(headers, uri, &visitor.app.config.web.public_url, false) {
            return Err(Fault::NotAllowedHere.into());
        }
        let cookie = visitor.jar.get(CSRF_COOKIE).map_or("", |cookie| cookie.value());
        if security::is_same_secret(cookie, csrf) {
            Ok(())
        } else {
            Err(Fault::Csrf.into())
        }
    }
}

/// Why somebody didn't get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    Wrong,
    /// The next try has to wait.
    Wait(Duration),
    /// Too many are looked at already.
    Busy,
    /// Another server named somebody who has no account here, or was not sure.
    Unknown,
    /// The other server can't be reached, or isn't understood.
    Provider,
}

impl No {
    fn status(self) -> StatusCode {
        match self {
            Self::Wrong | Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Wait(_) | Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Provider => StatusCode::BAD_GATEWAY,
        }
    }

    fn text(self, lang: Lang, wrong: &'static str) -> String {
        let texts = lang.catalogue();
        match self {
            Self::Wrong => texts.text(wrong).to_owned(),
            Self::Busy => texts.text("login.error.busy").to_owned(),
            Self::Unknown => texts.text("login.error.unknown").to_owned(),
            Self::Provider => texts.text("login.error.provider").to_owned(),
            Self::Wait(wait) => {
                let seconds = wait.as_millis().div_ceil(1000);
                let words = if seconds < 60 {
                    texts.counted("common.seconds", seconds)
                } else {
                    texts.counted("common.minutes", seconds.div_ceil(60))
                };
                texts.counted("login.error.wait", words)
            }
        }
    }
}

/// GET /staff/login
pub(crate) async fn page(visitor: Visitor, staff: Result<Entered, Refusal>) -> Result<Response, Refusal> {
    match staff {
        Ok(Entered(staff)) if staff.needs_second_factor(&visitor.app) => Ok(Redirect::to("/staff/me").into_response()),
        Ok(_) => Ok(Redirect::to("/staff").into_response()),
        Err(refusal) if refusal.fault == Fault::NotLoggedIn => form_page(&visitor, None, String::new()),
        Err(refusal) => Err(refusal),
    }
}

/// The page with the password's form, and why it is shown again.
pub(super) fn form_page(visitor: &Visitor, no: Option<No>, id: String) -> Result<Response, Refusal> {
    let form = OpenForm::new(visitor);
    let oidc = visitor.app.config.oidc.as_ref();
    let template = LoginPage {
        page: visitor.page_at("/staff/login").with_csrf(&form.csrf),
        error: no.map(|no| no.text(visitor.lang, "login.error.wrong")),
        id,
        provider: oidc.map(|oidc| {
            let name = oidc.name.as_deref();
            name.unwrap_or(visitor.lang.catalogue().text("login.provider"))
                .to_owned()
        }),
    };
    form.page(no.map_or(StatusCode::OK, No::status), &template)
}

fn code_page(visitor: &Visitor, no: Option<No>) -> Result<Response, Refusal> {
    let form = OpenForm::new(visitor);
    let template = CodePage {
        page: visitor.page_at("/staff/login/code").with_csrf(&form.csrf),
        error: no.map(|no| no.text(visitor.lang, "login.error.code")),
    };
    form.page(no.map_or(StatusCode::OK, No::status), &template)
}

/// Counts what was wrong, and lets its sender wait. A whole office may share one address: wrong ones wait, right ones
/// never do.
pub(super) async fn was_wrong(visitor: &Visitor) {
    let app = &visitor.app;
    app.metrics.wrong_logins.inc();
    let delay = app.wrong_logins.wrong(visitor.address, runtime::now());
    tokio::time::sleep(delay.unwrap_or(throttle::LONGEST_DELAY)).await;
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
    OpenForm::check(&visitor, &headers, &uri, &form.csrf)?;
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let account = match check(&visitor, form.id.trim(), form.password).await? {
        Ok(account) => account,
        Err(no) => {
            was_wrong(&visitor).await;
            return form_page(&visitor, Some(no), form.id);
        }
    };
    if account.has_totp() {
        let token = store::staff::open_pending(ledger, office, &account).await?;
        let jar = CookieJar::new().add(security::cookie(PENDING_COOKIE, &token, None));
        return Ok((jar, Redirect::to("/staff/login/code")).into_response());
    }
    let id = account.id.clone();
    let logged_in = store::staff::update(ledger, office, &id, runtime::now(), |it| {
        // Changed since the password was looked at: then it has to be looked at again.
        (it.epoch == account.epoch && it.state == AccountState::Active).then(|| {
            it.last_login = Some(runtime::now());
            entry::events(it, By::Password)
        })
    });
    match logged_in.await? {
        Some((account, true)) => entry::open(&visitor, &headers, &account, By::Password, "/staff").await,
        _ => form_page(&visitor, Some(No::Wrong), form.id),
    }
}

/// Whose password it is.
async fn check(visitor: &Visitor, id: &str, password: String) -> Result<Result<Account, No>, Refusal> {
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let Some(id) = StaffId::new(id).ok().filter(|_| password.len() <= password::LONGEST) else {
        // Nobody's; it takes as long.
        let looked_at = app.passwords.is_right(None, String::new()).await;
        return Ok(Err(if looked_at.is_some() { No::Wrong } else { No::Busy }));
    };
    let account = store::staff::get(ledger, office, &id).await?;
    let wait = match try_once(visitor, &id, account.as_ref()).await? {
        Tries::Wait(wait) => return Ok(Err(No::Wait(wait))),
        Tries::May(wait) => wait,
    };
    let stored = account
        .as_ref()
        .and_then(|account| account.password().map(str::to_owned));
    match (account, app.passwords.is_right(stored, password).await) {
        (_, None) => Ok(Err(No::Busy)),
        (Some(account), Some(true)) => Ok(Ok(account)),
        (account, Some(false)) => {
            if let Some(account) = account {
                write_failure(app, &account, By::Password, wait).await;
            }
            Ok(Err(if wait.is_zero() { No::Wrong } else { No::Wait(wait) }))
        }
        (None, Some(true)) => Ok(Err(No::Wrong)),
    }
}

/// Counts a try before it is looked at.
async fn try_once(visitor: &Visitor, id: &StaffId, account: Option<&Account>) -> Result<Tries, Refusal> {
    let app = &visitor.app;
    let kept = visitor.jar.get(DEVICE_COOKIE).map(|cookie| cookie.value());
    let device = account.zip(kept).and_then(|(account, kept)| account.known_device(kept));
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    Ok(store::staff::try_once(ledger, office, id, device, runtime::now()).await?)
}

async fn write_failure(app: &App, account: &Account, by: By, wait: Duration) {
    // Nobody has shown who they are.
    let event = Event::new(Who::System, What::LoginFailed, &account.id);
    audit::write(app, event.with(format!("{};wait={}", by.word(), wait.as_secs()))).await;
}

/// The form of the second step.
#[derive(Deserialize)]
pub(crate) struct CodeForm {
    #[serde(default)]
    csrf: String,
    code: String,
}

/// Who gave the right password in this browser a moment ago.
async fn pending(visitor: &Visitor) -> Result<Option<(String, Account)>, Refusal> {
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let Some(token) = visitor.jar.get(PENDING_COOKIE).map(|cookie| cookie.value().to_owned()) else {
        return Ok(None);
    };
    let Some(pending) = store::staff::pending(ledger, office, &token).await? else {
        return Ok(None);
    };
    let account = store::staff::get(ledger, office, &pending.staff).await?;
    Ok(account
        .filter(|account| account.epoch == pending.epoch && account.state == AccountState::Active)
        .map(|account| (token, account)))
}

/// GET /staff/login/code
pub(crate) async fn second_step(visitor: Visitor) -> Result<Response, Refusal> {
    match pending(&visitor).await? {
        Some(_) => code_page(&visitor, None),
        None => Ok(Redirect::to("/staff/login").into_response()),
    }
}

/// POST /staff/login/code
pub(crate) async fn show_code(
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(form) = form.map_err(|_| Fault::BadRequest)?;
    OpenForm::check(&visitor, &headers, &uri, &form.csrf)?;
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let Some((token, account)) = pending(&visitor).await? else {
        return Ok(Redirect::to("/staff/login").into_response());
    };
    let wait = match try_once(&visitor, &account.id, Some(&account)).await? {
        Tries::Wait(wait) => return code_page(&visitor, Some(No::Wait(wait))),
        Tries::May(wait) => wait,
    };
    let (now, epoch) = (runtime::now(), account.epoch);
    let mut by = By::SecondFactor;
    let taken = store::staff::update(ledger, office, &account.id, now, |it| {
        if it.epoch != epoch || it.state != AccountState::Active {
            return None;
        }
        by = if it.take_code(&form.code, now) {
            By::SecondFactor
        } else if it.take_recovery(&form.code) {
            By::RecoveryCode
        } else {
            return None;
        };
        it.last_login = Some(now);
        Some(entry::events(it, by))
    });
    let Some((account, true)) = taken.await? else {
        write_failure(app, &account, By::SecondFactor, wait).await;
        was_wrong(&visitor).await;
        let no = if wait.is_zero() { No::Wrong } else { No::Wait(wait) };
        return code_page(&visitor, Some(no));
    };
    store::staff::take_pending(ledger, office, &token).await?;
    entry::open(&visitor, &headers, &account, by, "/staff").await
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
    staff: Result<Entered, Refusal>,
    form: Result<Form<LogoutForm>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(form) = form.map_err(|_| Fault::BadRequest)?;
    let mut to = None;
    match staff {
        Ok(Entered(staff)) => {
            staff.check_csrf(&form.csrf)?;
            end(&app, &staff).await?;
            if staff.session.by_provider {
                to = oidc::logout_url(&app).await;
            }
        }
        // Logged out already is as good.
        Err(refusal) if refusal.fault == Fault::NotLoggedIn => {}
        Err(refusal) => return Err(refusal),
    }
    let gone = security::cookie(COOKIE, "", Some(Duration::ZERO));
    let to = to.as_deref().unwrap_or("/staff/login");
    Ok((CookieJar::new().add(gone), Redirect::to(to)).into_response())
}

async fn end(app: &App, staff: &LoggedIn) -> Result<(), Refusal> {
    store::staff::close_session(&app.store.ledger, &app.config.office.id, &staff.token).await?;
    app.hub.end_session(&staff.token);
    let who = Who::Staff(staff.account.id.clone());
    audit::write(app, Event::new(who, What::LoggedOut, &staff.account.id)).await;
    Ok(())
}
