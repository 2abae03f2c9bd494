//! The login that a request belongs to: the cookie's token leads to the session in the ledger.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum_extra::extract::CookieJar;
use store::staff::{Account, Session};

use super::rights::{Member, Right, Thing};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::security;

/// The cookie with the session's secret token.
pub(crate) const COOKIE: &str = "__Host-session";

/// A member of staff, logged in. As an extractor it refuses everybody else, and who still needs a second factor.
pub(crate) struct LoggedIn {
    pub(crate) token: String,
    pub(crate) session: Session,
    pub(crate) account: Account,
}

/// The same, or somebody who has to set up a second factor first: they see their own page only.
pub(crate) struct Entered(pub(crate) LoggedIn);

impl LoggedIn {
    /// Checks that a script's request comes from our own page: origin, and the session's CSRF token in
    /// `X-CSRF-Token`.
    ///
    /// # Errors
    /// [`Fault::NotAllowedHere`], [`Fault::Csrf`].
    pub(crate) fn check_request(&self, app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        check_origin(app, headers, uri)?;
        let token = headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        self.check_csrf(token.unwrap_or_default())
    }

    /// Checks that a form comes from our own page: origin, and the session's CSRF token in it.
    ///
    /// # Errors
    /// [`Fault::NotAllowedHere`], [`Fault::Csrf`].
    pub(crate) fn check_form(&self, app: &App, headers: &HeaderMap, uri: &Uri, csrf: &str) -> Result<(), Refusal> {
        check_origin(app, headers, uri)?;
        self.check_csrf(csrf)
    }

    /// Checks a form's token.
    ///
    /// # Errors
    /// [`Fault::Csrf`].
    pub(crate) fn check_csrf(&self, token: &str) -> Result<(), Refusal> {
        if security::is_same_secret(token, &self.session.csrf) {
            Ok(())
        } else {
            Err(Fault::Csrf.into())
        }
    }

    /// As the table of rights knows them.
    pub(crate) fn member(&self) -> Member {
        Member::of(&self.account)
    }

    /// Refuses who may not.
    ///
    /// # Errors
    /// [`Fault::Forbidden`].
    pub(crate) fn check(&self, right: Right, thing: Thing<'_>) -> Result<(), Refusal> {
        self.member().check(right, thing)
    }

    /// Whether their role needs a second factor that they don't have.
    pub(crate) fn needs_second_factor(&self, app: &App) -> bool {
        let is_asked = app.config.staff.second_factor.contains(&self.account.role);
        // Another server's login is as strong as that server wants it.
        is_asked && !self.account.has_totp() && !self.session.by_provider
    }
}

fn check_origin(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if security::is_own_origin(headers, uri, &app.config.web.public_url, false) {
        Ok(())
    } else {
        Err(Fault::NotAllowedHere.into())
    }
}

/// The token in a request's cookie.
pub(crate) fn token_of(headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).map(|cookie| cookie.value().to_owned())
}

/// Who is logged in with a token. Renews the session.
///
/// # Errors
/// [`Fault::NotLoggedIn`], also where a second factor is still missing; [`Fault::StoreDown`].
pub(crate) async fn of_token(app: &App, token: String) -> Result<LoggedIn, Refusal> {
    let staff = entered(app, token).await?;
    if staff.needs_second_factor(app) {
        return Err(Fault::NotLoggedIn.into());
    }
    Ok(staff)
}

async fn entered(app: &App, token: String) -> Result<LoggedIn, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let lifetime = app.config.web.session_lifetime;
    let (session, account) = store::staff::session(ledger, office, &token, lifetime, runtime::now())
        .await?
        .ok_or(Fault::NotLoggedIn)?;
    Ok(LoggedIn {
        token,
        session,
        account,
    })
}

impl FromRequestParts<Arc<App>> for LoggedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let token = token_of(&parts.headers).ok_or(Fault::NotLoggedIn)?;
        of_token(app, token).await
    }
}

impl FromRequestParts<Arc<App>> for Entered {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let token = token_of(&parts.headers).ok_or(Fault::NotLoggedIn)?;
        entered(app, token).await.map(Self)
    }
}
