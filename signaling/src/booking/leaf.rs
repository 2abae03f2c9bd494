//! Who asks for a booking page, and the frame of every such page. Templates call [`Leaf`]'s methods.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::language::{Tongue, plain};
use super::markup::Markup;
use super::trouble::{Kind, Trouble};
use crate::app::App;
use crate::proxy::visitor_address;
use crate::security;

/// The cookie that must match a form's field (double submit); the login form has the same one.
const CSRF_COOKIE: &str = "__Host-csrf";

/// For pages with a form whose own address is secret: forms say where they come from (Fetch, "append a request Origin
/// header"), but nobody is told the page.
const SECRET_FORM_PAGE: (HeaderName, HeaderValue) =
    (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));

/// The person behind a request for a booking page.
pub(crate) struct Booker {
    pub(crate) app: Arc<App>,
    /// The language of what is answered.
    pub(crate) tongue: Tongue,
    /// Whether the person has chosen it.
    pub(crate) has_chosen: bool,
    pub(crate) address: IpAddr,
    jar: CookieJar,
    headers: HeaderMap,
    uri: Uri,
}

impl FromRequestParts<Arc<App>> for Booker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let web = &app.config.web;
        Ok(Self {
            app: Arc::clone(app),
            tongue: Tongue::of_request(&parts.headers),
            has_chosen: Tongue::chosen(&parts.headers).is_some(),
            address: visitor_address(peer, &parts.headers, &web.trusted_proxies, web.forwarded_by),
            jar: CookieJar::from_headers(&parts.headers),
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
        })
    }
}

impl Booker {
    /// The same person, who is answered in the language of a booking, unless they have chosen another.
    pub(crate) fn reading(mut self, lang: &str) -> Self {
        if let Some(tongue) = Tongue::of_tag(lang).filter(|_| !self.has_chosen) {
            self.tongue = tongue;
        }
        self
    }

    /// The frame of the page that answers.
    pub(crate) fn leaf(&self) -> Leaf {
        let back = self.uri.path_and_query().map_or("/book", |it| it.as_str());
        let known = self.cookie(CSRF_COOKIE);
        Leaf {
            csrf: known
                .filter(|token| token.len() == 26)
                .unwrap_or_else(store::consultations::new_code),
            ..Leaf::new(&self.app, self.tongue, back)
        }
    }

    /// A cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.jar.get(name).map(|cookie| cookie.value().to_owned())
    }

    /// Checks that a form is our own page's: origin, and the token that page and browser share.
    ///
    /// # Errors
    /// [`Kind::BadRequest`], with words that say to load the page anew.
    pub(crate) fn check_form(&self, token: &str) -> Result<(), Trouble> {
        let public_url = &self.app.config.web.public_url;
        let is_own = security::is_own_origin(&self.headers, &self.uri, public_url, false);
        let cookie = self.cookie(CSRF_COOKIE).unwrap_or_default();
        if is_own && security::is_same_secret(&cookie, token) {
            Ok(())
        } else {
            Err(Kind::BadRequest.into())
        }
    }
}

/// The frame of a booking page.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) app: Arc<App>,
    pub(crate) tongue: Tongue,
    back: String,
    csrf: String,
}

/// A language in the switch.
pub(crate) struct Choice {
    pub(crate) tag: &'static str,
    pub(crate) html: &'static str,
    pub(crate) name: &'static str,
    pub(crate) is_now: bool,
}

impl Leaf {
    pub(crate) fn new(app: &Arc<App>, tongue: Tongue, back: &str) -> Self {
        Self {
            app: Arc::clone(app),
            tongue,
            back: back.to_owned(),
            csrf: String::new(),
        }
    }

    /// The same where the language switch leads to another page than the one that answers.
    pub(crate) fn back_to(mut self, back: &str) -> Self {
        back.clone_into(&mut self.back);
        self
    }

    /// The page's language (BCP 47).
    pub(crate) fn lang(&self) -> &'static str {
        self.tongue.html()
    }

    /// The language's name among ours.
    pub(crate) fn tag(&self) -> &'static str {
        self.tongue.tag()
    }

    /// All languages.
    pub(crate) fn choices(&self) -> [Choice; 6] {
        Tongue::ALL.map(|tongue| Choice {
            tag: tongue.tag(),
            html: tongue.html(),
            name: tongue.own_name(),
            is_now: tongue == self.tongue,
        })
    }

    /// A text.
    pub(crate) fn w(&self, key: &str) -> Markup {
        self.tongue.words(key, &[])
    }

    /// A text with its `{n}` filled.
    pub(crate) fn n(&self, key: &str, n: impl std::fmt::Display) -> Markup {
        self.tongue.words(key, &[("n", &n)])
    }

    /// A text with its `{section}` filled.
    pub(crate) fn section(&self, key: &str, section: &str) -> Markup {
        self.tongue.words(key, &[("section", &Markup::text(section))])
    }

    /// A text with its `{time}` filled.
    pub(crate) fn time(&self, key: &str, time: &Markup) -> Markup {
        self.tongue.words(key, &[("time", time)])
    }

    /// A part of a trouble's words.
    pub(crate) fn p(&self, key: &str, part: &str) -> Markup {
        self.w(&format!("p.{key}.{part}"))
    }

    /// Which of how many steps this is: drawn, and in words for who doesn't see.
    pub(crate) fn step_bar(&self, step: &(usize, usize)) -> Markup {
        let (step, of) = *step;
        let words = self.tongue.words("c.steps", &[("step", &step), ("n", &of)]);
        Markup::steps(&words, step, of)
    }

    /// A text for places that hold no elements, such as a title.
    pub(crate) fn plain(&self, key: &str) -> String {
        self.tongue.plain(key, false, &[])
    }

    /// A configured text.
    pub(crate) fn configured(&self, words: &protocol::config::Words) -> Markup {
        Markup::with_readings(self.tongue.choose(words))
    }

    /// The same without readings.
    pub(crate) fn configured_plain(&self, words: &protocol::config::Words) -> String {
        plain(self.tongue.choose(words), false)
    }

    /// The office's name.
    pub(crate) fn office(&self) -> &str {
        self.tongue.choose_name(&self.app.config.office.name)
    }

    /// The number to call.
    pub(crate) fn telephone(&self) -> &str {
        &self.app.config.office.telephone
    }

    /// The address of a bundled file.
    pub(crate) fn asset(&self, name: &str) -> String {
        self.app.assets.address(name)
    }

    /// The token that forms send along.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Where the language switch leads back to.
    pub(crate) fn back(&self) -> &str {
        &self.back
    }

    /// What a page with a form is sent with.
    pub(crate) fn form_page(&self, page: Response) -> Response {
        let jar = CookieJar::new().add(security::cookie(CSRF_COOKIE, &self.csrf, None));
        (jar, [SECRET_FORM_PAGE], page).into_response()
    }
}
