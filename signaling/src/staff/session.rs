//! The login that a request belongs to: the cookie's token leads to the session in the ledger.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum_extra::extract::CookieJar;
use store::staff::{Account, Session};

use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::security;

/// The cookie with the session's secret token.
pub(crate) const COOKIE: &str = "__Host-session";

/// A member of staff, logged in. As an extractor it refuses everybody else.
pub(crate) struct LoggedIn {
    pub(crate) token: String,
    pub(crate) session: Session,
    pub(crate) account: Account,
}

impl LoggedIn {
    /// Checks that a script's request comes from our own page: origin, and the session's CSRF token in
    /// `X-CSRF-Token`.
    ///
    /// # Errors
    /// [`Fault::NotAllowedHere`], [`Fault::Csrf`].
    pub(crate) fn check_request(&self, app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        if !security::is_own_origin(headers, uri, &app.config.web.public_url, false) {
            return Err(Fault::NotAllowedHere.into());
        }
        let token = headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        self.check_csrf(token.unwrap_or_default())
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
}

/// The token in a request's cookie.
pub(crate) fn token_of(headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).map(|cookie| cookie.value().to_owned())
}

/// Who is logged in with a token. Renews the session.
///
/// # Errors
/// [`Fault::NotLoggedIn`], [`Fault::StoreDown`].
pub(crate) async fn of_token(app: &App, token: String) -> Result<LoggedIn, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let session = store::staff::session(ledger, office, &token, app.config.web.session_lifetime)
        .await?
        .ok_or(Fault::NotLoggedIn)?;
    // An account that was taken away takes its sessions along.
    let account = store::staff::get(ledger, office, &session.staff)
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
