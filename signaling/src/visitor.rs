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
use crate::proxy::visitor_address;
use crate::security;
use crate::texts::{self, Lang};

/// The cookie with a device's mark: to it a link is bound once its holder was let in.
const DEVICE: &str = "__Host-device";

/// A call that began at the very end of its link goes on for some hours.
const MARK_OUTLASTS_LINK: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

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
        self.page_at(&self.path)
    }

    /// The same where the language switch leads elsewhere: to a page that can be asked for again.
    pub(crate) fn page_at(&self, path: &str) -> Page {
        Page::new(Arc::clone(&self.app), self.lang, path)
    }

    /// The mark of the device, where it has one.
    pub(crate) fn device(&self) -> Option<String> {
        self.jar.get(DEVICE).map(|cookie| cookie.value().to_owned())
    }

    /// The cookies with which a page is answered that a link leads to: the device has a mark from then on.
    pub(crate) fn marked(&self) -> CookieJar {
        match self.device() {
            Some(_) => self.jar.clone(),
            None => {
                let lasts = self.app.config.web.link_lifetime + MARK_OUTLASTS_LINK;
                let mark = store::consultations::new_code();
                self.jar.clone().add(security::cookie(DEVICE, &mark, Some(lasts)))
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let address = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let web = &app.config.web;
        let address = visitor_address(address, &parts.headers, &web.trusted_proxies, web.forwarded_by);
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
