//! The phone's side: GET and POST /r/{screen}.{code} take a screen, GET /r shows what can be pressed, POST /r/press presses
//! it, POST /r/end gives the screen back, GET /r/events tells when something has changed.
//!
//! Every page works without a script. Opening an address changes nothing: phones open what they read by themselves, to show
//! what it is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use axum_extra::extract::CookieJar;
use bytes::Bytes;
use futures_util::stream;
use protocol::ids::ScreenId;
use protocol::screen::{Choice, ChoiceKind, Language, Press};
use serde::Deserialize;
use store::screens::remote::{Code, Remote, Taken};

use super::{News, times};
use crate::app::App;
use crate::booking::{Booker, Kind, Leaf, Tongue, Trouble, render_trouble};
use crate::health::Present;
use crate::problem::{Told, html};
use crate::security;

/// The cookie of who has a screen: `SCREEN.SECRET`.
const COOKIE: &str = "__Host-remote";
/// A phone without a script is shown the next page when the screen has it, or after so long.
const SCREEN_ANSWERS: Duration = Duration::from_millis(1500);
/// More readers than that are refused: a page then is as without a script.
const STREAMS: i64 = 10_000;
/// It is looked so often whether a phone still has its screen; the page hears that the line lives.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All of it.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/r", get(page))
        .route("/r/press", post(press))
        .route("/r/end", post(end))
        .route("/r/{code}", get(offered).post(take))
        .layer(from_fn_with_state(Arc::clone(app), render_trouble))
        .route("/r/events", get(events))
}

fn remote<'a>(app: &'a App, screen: &'a ScreenId) -> Remote<'a> {
    Remote {
        live: &app.store.live,
        office: &app.config.office.id,
        screen,
    }
}

/// A screen and a secret, as they stand in addresses and in the cookie.
fn parts(text: &str) -> Option<(ScreenId, &str)> {
    let (screen, secret) = text.rsplit_once('.')?;
    let is_secret = secret.len() == 26 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some((ScreenId::new(screen).ok()?, secret)).filter(|_| is_secret)
}

/// remote/offered.html
#[derive(Template)]
#[template(path = "remote/offered.html")]
struct OfferedPage {
    leaf: Leaf,
    screen: String,
    code: String,
}

/// remote/over.html
#[derive(Template)]
#[template(path = "remote/over.html")]
struct OverPage {
    leaf: Leaf,
    /// The text's key: `unknown`, `busy`, `over`.
    is: Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The code is no good, or not any more.
    Unknown,
    /// Another phone has the screen.
    Busy,
    /// This phone had a screen, or never had.
    Ended,
}

/// remote/page.html
#[derive(Template)]
#[template(path = "remote/page.html")]
struct ControlPage {
    leaf: Leaf,
    screen: String,
    idle_s: u64,
    /// The screen's page; `None`: the screen isn't there.
    on_show: Option<String>,
    go: Vec<Shown>,
    back: Vec<Shown>,
    languages: Vec<Shown>,
}

struct Shown {
    id: String,
    text: String,
    is_now: bool,
}

impl ControlPage {
    fn is_empty(&self) -> bool {
        self.go.is_empty() && self.back.is_empty() && self.languages.is_empty()
    }
}

fn language(tongue: Tongue) -> Language {
    match tongue {
        Tongue::Ja => Language::Ja,
        Tongue::Easy => Language::Easy,
        Tongue::En => Language::En,
        Tongue::Zh => Language::Zh,
        Tongue::Ko => Language::Ko,
        Tongue::Vi => Language::Vi,
    }
}

/// What people call a screen.
fn name_of(app: &App, screen: &ScreenId, tongue: Tongue) -> String {
    let known = Arc::clone(&app.screens.watch().borrow());
    let configured = app.config.screens.iter().find(|it| it.id == *screen);
    match (known.screens.get(screen), configured) {
        (Some(known), _) if !known.name.is_empty() => known.name.clone(),
        (_, Some(configured)) => tongue.choose_name(&configured.name).to_owned(),
        _ => screen.to_string(),
    }
}

/// A page without a way on of its own.
fn over(booker: &Booker, status: StatusCode, is: Over) -> Result<Response, Trouble> {
    let leaf = booker.leaf().back_to("/r");
    let mut response = (status, html(&OverPage { leaf, is })?).into_response();
    response.extensions_mut().insert(Told);
    Ok(response)
}

/// A wrong code: answered later and later, and refused in the end.
async fn wrong(booker: &Booker) -> Result<Response, Trouble> {
    let delay = booker.app.wrong_remotes.wrong(booker.address, runtime::now());
    tokio::time::sleep(delay.ok_or(Kind::TooMany)?).await;
    over(booker, StatusCode::NOT_FOUND, Over::Unknown)
}

/// GET /r/{screen}.{code}
async fn offered(booker: Booker, Path(code): Path<String>) -> Result<Response, Trouble> {
    let app = Arc::clone(&booker.app);
    let Some((screen, secret)) = parts(&code) else {
        return wrong(&booker).await;
    };
    match remote(&app, &screen).look(secret, runtime::now()).await? {
        Code::Free => {
            let leaf = booker.leaf();
            let page = html(&OfferedPage {
                screen: name_of(&app, &screen, booker.tongue),
                leaf: leaf.clone(),
                code,
            })?;
            Ok(leaf.form_page(page))
        }
        Code::Busy => over(&booker, StatusCode::CONFLICT, Over::Busy),
        Code::Unknown => wrong(&booker).await,
    }
}

#[derive(Deserialize)]
struct Own {
    #[serde(default)]
    csrf: String,
}

/// POST /r/{screen}.{code}
async fn take(
    booker: Booker,
    Path(code): Path<String>,
    form: Result<Form<Own>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(own) = form.map_err(|_| Kind::BadRequest)?;
    booker.check_form(&own.csrf)?;
    let app = Arc::clone(&booker.app);
    let Some((screen, secret)) = parts(&code) else {
        return wrong(&booker).await;
    };
    match remote(&app, &screen)
        .take(secret, times(&app.config), runtime::now())
        .await?
    {
        Taken::Done(session) => {
            tracing::info!(%screen, "a phone has the screen");
            let value = format!("{screen}.{session}");
            let cookie = security::cookie(COOKIE, &value, Some(app.config.remote.longest));
            Ok((CookieJar::new().add(cookie), Redirect::to("/r")).into_response())
        }
        Taken::Busy => over(&booker, StatusCode::CONFLICT, Over::Busy),
        Taken::Unknown => wrong(&booker).await,
    }
}

/// The screen that this phone has, and its secret.
async fn held(app: &App, jar: &CookieJar) -> Result<Option<(ScreenId, String)>, Trouble> {
    let Some((screen, session)) = jar.get(COOKIE).and_then(|cookie| parts(cookie.value())) else {
        return Ok(None);
    };
    let until = remote(app, &screen).held(Some(session), runtime::now()).await?;
    Ok(until.map(|_| (screen, session.to_owned())))
}

/// GET /r
async fn page(booker: Booker, jar: CookieJar) -> Result<Response, Trouble> {
    let app = Arc::clone(&booker.app);
    let Some((screen, _)) = held(&app, &jar).await? else {
        return over(&booker, StatusCode::OK, Over::Ended);
    };
    let choices = remote(&app, &screen).choices().await?;
    let mut page = ControlPage {
        leaf: booker.leaf(),
        screen: name_of(&app, &screen, booker.tongue),
        idle_s: app.config.remote.idle.as_secs(),
        on_show: choices.as_ref().map(|choices| choices.page.clone()),
        go: Vec::new(),
        back: Vec::new(),
        languages: Vec::new(),
    };
    for choice in choices.into_iter().flat_map(|choices| choices.choices) {
        let shown = shown(&choice, booker.tongue);
        match choice.kind {
            ChoiceKind::Go => page.go.push(shown),
            ChoiceKind::Back => page.back.push(shown),
            ChoiceKind::Language => page.languages.push(shown),
        }
    }
    let leaf = page.leaf.clone();
    Ok(leaf.form_page(html(&page)?))
}

fn shown(choice: &Choice, tongue: Tongue) -> Shown {
    Shown {
        id: choice.id.clone(),
        text: choice.text.in_language(language(tongue)).to_owned(),
        is_now: choice.is_now,
    }
}

#[derive(Deserialize)]
struct Pressed {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    choice: String,
}

/// POST /r/press
async fn press(
    booker: Booker,
    jar: CookieJar,
    headers: HeaderMap,
    form: Result<Form<Pressed>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(pressed) = form.map_err(|_| Kind::BadRequest)?;
    booker.check_form(&pressed.csrf)?;
    let app = Arc::clone(&booker.app);
    let back = || Redirect::to("/r").into_response();
    let Some((screen, session)) = held(&app, &jar).await? else {
        return Ok(back());
    };
    let remote = remote(&app, &screen);
    let before = remote.choices().await?;
    let Pressed { page, choice, .. } = pressed;
    // What the screen doesn't offer is not passed on.
    let is_offered = before
        .as_ref()
        .is_some_and(|now| now.page == page && now.choices.iter().any(|it| it.id == choice));
    let mut news = app.remotes.news(&screen);
    if is_offered {
        let press = Press { page, choice };
        remote
            .press(&session, press, times(&app.config), runtime::now())
            .await?;
    }
    let has_script = headers
        .get(header::ACCEPT)
        .is_some_and(|accepted| accepted.as_bytes().starts_with(b"application/json"));
    if has_script {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let answered = async {
        // Its own press is news too.
        while news.next().await && remote.choices().await.is_ok_and(|now| now == before) {}
    };
    if is_offered {
        let _ = tokio::time::timeout(SCREEN_ANSWERS, answered).await;
    }
    Ok(back())
}

/// POST /r/end
async fn end(booker: Booker, jar: CookieJar, form: Result<Form<Own>, FormRejection>) -> Result<Response, Trouble> {
    let Form(own) = form.map_err(|_| Kind::BadRequest)?;
    booker.check_form(&own.csrf)?;
    if let Some((screen, session)) = held(&booker.app, &jar).await? {
        remote(&booker.app, &screen).end(&session, runtime::now()).await?;
        tracing::info!(%screen, "the phone has given the screen back");
    }
    Ok(Redirect::to("/r").into_response())
}

/// One reader of the stream.
struct Reader {
    app: Arc<App>,
    news: News,
    jar: CookieJar,
    is_over: bool,
    is_first: bool,
    _present: Present,
}

impl Reader {
    /// The next event: `changed` with the page to be fetched anew, `over` when the phone hasn't the screen any more.
    async fn next(&mut self) -> Option<Bytes> {
        const CHANGED: &[u8] = b"event: changed\ndata: 1\n\n";
        if self.is_over {
            return None;
        }
        if std::mem::take(&mut self.is_first) {
            // What changed since the page was made is not missed.
            return Some(Bytes::from_static(b"retry: 1000\nevent: changed\ndata: 1\n\n"));
        }
        let is_news = tokio::select! {
            is_open = self.news.next() => is_open,
            // The time that it has may be over without anybody saying so.
            () = tokio::time::sleep(LOOK_EVERY) => false,
            () = self.app.shutdown.started() => return None,
        };
        match held(&self.app, &self.jar).await {
            Ok(None) => {
                self.is_over = true;
                Some(Bytes::from_static(b"event: over\ndata: 1\n\n"))
            }
            Ok(Some(_)) if is_news => Some(Bytes::from_static(CHANGED)),
            _ => Some(Bytes::from_static(b":\n\n")),
        }
    }
}

/// GET /r/events
async fn events(State(app): State<Arc<App>>, jar: CookieJar, headers: HeaderMap, uri: Uri) -> Response {
    let is_own = security::is_own_origin(&headers, &uri, &app.config.web.public_url, false);
    let screen = match held(&app, &jar).await {
        Ok(Some((screen, _))) if is_own && app.metrics.streams.get() < STREAMS => screen,
        // 204 ends an EventSource for good (HTML, "server-sent events").
        Ok(None) => return StatusCode::NO_CONTENT.into_response(),
        _ => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let reader = Reader {
        _present: Present::new(&app.metrics.streams),
        news: app.remotes.news(&screen),
        app,
        jar,
        is_over: false,
        is_first: true,
    };
    let body = stream::unfold(reader, |mut reader| async {
        let bytes = reader.next().await?;
        Some((Ok::<_, Infallible>(bytes), reader))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream; charset=utf-8"),
        ),
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    (headers, Body::from_stream(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_screen_and_a_secret() {
        let secret = store::consultations::new_code();
        let (screen, found) = parts(&format!("lobby-2.{secret}"))
            .map(|(it, found)| (it, found.to_owned()))
            .expect("both");
        assert_eq!((screen.as_str(), found), ("lobby-2", secret.clone()));
        for wrong in [
            "",
            "lobby",
            ".",
            "lobby.",
            &secret,
            "lobby.abc",
            "../x.aaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
