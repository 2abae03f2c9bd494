//! Who asks: language, address, cookies. Nothing of it is logged.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, FromRequestParts, Query, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::app::App;
use crate::booking::{self, Tongue};
use crate::page::Page;
use crate::problem::{Fault, Refusal};
use crate::security;
use crate::texts::{self, Lang};

/// The person (or program) behind a request.
pub(crate) struct Visitor {
    pub(crate) app: Arc<App>,
    pub(crate) lang: Lang,
    pub(crate) address: IpAddr,
    pub(crate) jar: CookieJar,
    path: String,
}

impl Visitor {
    /// The frame of the page that answers this request.
    pub(crate) fn page(&self) -> Page {
        Page::new(Arc::clone(&self.app), self.lang, &self.path)
    }
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let address = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        Ok(Self {
            app: Arc::clone(app),
            lang: Lang::of_request(&parts.headers),
            address,
            jar: CookieJar::from_headers(&parts.headers),
            path: parts.uri.path().to_owned(),
        })
    }
}

/// `?to=en&back=/…`
#[derive(Deserialize)]
pub(crate) struct Choice {
    to: String,
    #[serde(default)]
    back: String,
}

/// GET /language: keeps the choice in a cookie and goes back. What only the booking pages speak is kept too: elsewhere it
/// stands for the nearest language that there is.
pub(crate) async fn choose_language(
    State(app): State<Arc<App>>,
    jar: CookieJar,
    headers: HeaderMap,
    choice: Result<Query<Choice>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(choice) = choice.map_err(|_| Refusal::of_field(Fault::BadRequest, "to"))?;
    let Some(tongue) = Tongue::of_tag(&choice.to) else {
        return Ok(booking::unknown_language(&app, &headers));
    };
    let cookie = security::cookie(texts::COOKIE, tongue.tag(), Some(time_of_a_year()));
    Ok((jar.add(cookie), Redirect::to(local_path(&choice.back))).into_response())
}

fn time_of_a_year() -> std::time::Duration {
    std::time::Duration::from_secs(365 * 24 * 3600)
}

/// The path if it stays on this server, else the front page.
fn local_path(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path[1..].starts_with(['/', '\\'])
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_elsewhere() {
        assert_eq!(local_path("/staff?x=1"), "/staff?x=1");
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "/\t/evil",
            "staff",
            "/窓口",
        ] {
            assert_eq!(local_path(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
