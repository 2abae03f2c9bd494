//! Which booth a request comes from: its browser's cookie, signed by this office.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use protocol::config::Booth;
use protocol::grants::BoothGrant;

use super::links;
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::security;

/// The cookie with the booth's token.
pub(super) const COOKIE: &str = "__Host-booth";

/// A booth's browser. As an extractor it refuses all others, and what other sites' pages ask for.
pub(super) struct AtBooth {
    pub(super) app: Arc<App>,
    pub(super) booth: Booth,
}

/// The booth that a token names, while it is one.
pub(super) fn of_token(app: &App, token: &str) -> Option<Booth> {
    let grant: BoothGrant = app.keys.booth.verify(token, runtime::now()).ok()?;
    let booth = app.config.booth(&grant.booth)?;
    (links::grant(app, booth) == grant).then(|| booth.clone())
}

/// The booth of a request's cookie.
pub(super) fn of_jar(app: &App, jar: &CookieJar) -> Option<Booth> {
    jar.get(COOKIE).and_then(|cookie| of_token(app, cookie.value()))
}

impl FromRequestParts<Arc<App>> for AtBooth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        if !security::is_own_origin(&parts.headers, &parts.uri, &app.config.web.public_url, false) {
            return Err(Fault::NotAllowedHere.into());
        }
        let booth = of_jar(app, &CookieJar::from_headers(&parts.headers)).ok_or(Fault::NotABooth)?;
        Ok(Self {
            app: Arc::clone(app),
            booth,
        })
    }
}
