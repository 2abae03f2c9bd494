//! What can go wrong, in one table: status, kind and texts. A handler returns a [`Refusal`]; the
//! [`render`] layer turns it into a page for people or into `application/problem+json` for programs.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use protocol::problem::{MEDIA_TYPE, Problem};
use store::StoreError;

use crate::app::App;
use crate::page::Page;
use crate::texts::Lang;

/// An enum of what can go wrong, each kind with its status and the key of its texts, in one table.
macro_rules! faults {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $kind:ident => $status:ident, $key:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$doc])* $kind,)*
        }

        impl $name {
            /// All of them, for the test that every text exists.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The status, and the key of the texts.
            fn row(self) -> (StatusCode, &'static str) {
                match self {
                    $(Self::$kind => (StatusCode::$status, $key),)*
                }
            }
        }
    };
}
pub(crate) use faults;

faults! {
    /// A kind of problem. Its texts are `problem.KEY.title`, `.message` and `.advice` in the catalogues.
    Fault {
        /// There is no such link.
        LinkUnknown => NOT_FOUND, "link_unknown";
        /// The link's consultation is over.
        LinkUsed => GONE, "link_used";
        /// The link's time is over.
        LinkExpired => GONE, "link_expired";
        /// There is no such page or thing.
        NotFound => NOT_FOUND, "not_found";
        /// Staff only: log in first.
        NotLoggedIn => UNAUTHORIZED, "not_logged_in";
        /// Redis is away: nothing was done.
        StoreDown => SERVICE_UNAVAILABLE, "store_down";
        /// Not for this person.
        Forbidden => FORBIDDEN, "forbidden";
        /// The form's token is missing or not the browser's own.
        Csrf => FORBIDDEN, "csrf";
        /// Too many attempts.
        TooMany => TOO_MANY_REQUESTS, "too_many";
        /// Our own fault.
        Internal => INTERNAL_SERVER_ERROR, "internal";
        /// The request can't be understood.
        BadRequest => BAD_REQUEST, "bad_request";
        /// Nobody waits there to be asked in.
        NotWaiting => CONFLICT, "not_waiting";
        /// A colleague serves already.
        Taken => CONFLICT, "taken";
        /// One call at a time.
        InCall => CONFLICT, "in_call";
        /// No media node is alive now.
        NoMedia => SERVICE_UNAVAILABLE, "no_media";
        /// The page is of another version than the server.
        OldPage => CONFLICT, "old_page";
        /// The request is larger than allowed.
        TooLarge => PAYLOAD_TOO_LARGE, "too_large";
        /// The request comes from a page of somebody else.
        NotAllowedHere => FORBIDDEN, "not_allowed_here";
        /// The bearer token is missing or wrong.
        Token => UNAUTHORIZED, "token";
        /// The body is of a type that isn't taken there.
        WrongType => UNSUPPORTED_MEDIA_TYPE, "wrong_type";
        /// The request is about an ICE session that was replaced.
        OldSession => PRECONDITION_FAILED, "old_session";
        /// The request must say which state it is about.
        NoCondition => PRECONDITION_REQUIRED, "no_condition";
        /// There are as many broadcasts as there may be.
        BroadcastsFull => CONFLICT, "broadcasts_full";
        /// The office wants calls encrypted from end to end, and one of the browsers can't.
        CantEncrypt => CONFLICT, "cant_encrypt";
        /// The browser isn't a booth's, or not any more.
        NotABooth => UNAUTHORIZED, "not_a_booth";
        /// There is no such number of an appointment, or not any more.
        NumberUnknown => NOT_FOUND, "number_unknown";
        /// The appointment is at a counter, and no call.
        NotACall => CONFLICT, "not_a_call";
        /// Staff let nobody else into the call.
        Locked => CONFLICT, "locked";
        /// As many were invited as may be.
        SeatsFull => CONFLICT, "seats_full";
        /// That person isn't there, or not any more.
        SeatGone => CONFLICT, "seat_gone";
        /// The link was let in from another device.
        LinkBound => FORBIDDEN, "link_bound";
    }
}

impl Fault {
    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        self.row().0
    }

    /// The text of `title`, `message` or `advice`.
    pub(crate) fn text(self, lang: Lang, part: &str) -> &'static str {
        lang.catalogue().text(&format!("problem.{}.{part}", self.row().1))
    }
}

/// A request refused: why, and which field is at fault where one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) field: Option<&'static str>,
    /// A more exact status than the fault's own, such as 405.
    status: Option<StatusCode>,
}

impl Refusal {
    /// The fault is in this field.
    pub(crate) fn of_field(fault: Fault, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..fault.into()
        }
    }

    fn status(self) -> StatusCode {
        self.status.unwrap_or_else(|| self.fault.status())
    }

    /// For programs, with texts in the language of who asked.
    pub(crate) fn problem(self, lang: Lang) -> Problem {
        let kind = self.fault.row().1.replace('_', "-");
        let problem = Problem::new(self.status().as_u16(), &kind, self.fault.text(lang, "title"))
            .with_detail(self.fault.text(lang, "message"));
        match self.field {
            Some(field) => problem.with_field(field),
            None => problem,
        }
    }

    /// What a response without our own body stands for; `None`: it is no refusal.
    fn of_response(response: &Response) -> Option<Self> {
        if let Some(refusal) = response.extensions().get::<Self>() {
            return Some(*refusal);
        }
        let status = response.status();
        let is_ours = response.extensions().get::<Told>().is_some();
        if is_ours || !(status.is_client_error() || status.is_server_error()) {
            return None;
        }
        let fault = match status {
            StatusCode::NOT_FOUND => Fault::NotFound,
            StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
            StatusCode::UNAUTHORIZED => Fault::NotLoggedIn,
            StatusCode::FORBIDDEN => Fault::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => Fault::TooMany,
            status if status.is_server_error() => Fault::Internal,
            _ => Fault::BadRequest,
        };
        Some(Self {
            status: Some(status),
            ..fault.into()
        })
    }
}

/// The JSON that a request brings, or why it brings none. Handlers take it so, and look into it by [`read`] when they know that
/// whoever sent it may.
pub(crate) type Body<T> = Result<Json<T>, JsonRejection>;

/// What a request's body says.
///
/// # Errors
/// [`Fault::TooLarge`], or [`Fault::BadRequest`] of `field`, without which the body would say nothing.
pub(crate) fn read<T>(body: Body<T>, field: &'static str) -> Result<T, Refusal> {
    match body {
        Ok(Json(body)) => Ok(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Fault::TooLarge.into()),
        Err(_) => Err(Refusal::of_field(Fault::BadRequest, field)),
    }
}

/// Marks an error response that says itself what is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told;

/// A response that passes on what another part says is wrong.
pub(crate) fn told(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = serde_json::to_string(problem).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], json).into_response();
    response.extensions_mut().insert(Told);
    response
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            field: None,
            status: None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Contended { .. } => {
                tracing::warn!(%error, "the store refused");
                Fault::StoreDown.into()
            }
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "the store holds what can't be read");
                Fault::Internal.into()
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// problem.html
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    page: Page,
    status: u16,
    title: String,
    message: String,
    advice: String,
}

/// Whether programs ask there, not people.
fn is_for_programs(path: &str) -> bool {
    const ROOTS: [&str; 9] = [
        "/api", "/ws", "/whip", "/whep", "/events", "/content", "/healthz", "/metrics", "/assets",
    ];
    ROOTS
        .iter()
        .any(|start| path == *start || path.strip_prefix(start).is_some_and(|rest| rest.starts_with('/')))
}

/// Gives every refusal its body.
pub(crate) async fn render(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let lang = Lang::of_request(request.headers());
    let path = request.uri().path().to_owned();
    let is_asked_for = request.method() == Method::GET;
    let response = next.run(request).await;
    let Some(refusal) = Refusal::of_response(&response) else {
        return response;
    };
    // Who follows a link of the staff's is asked who they are, not told off.
    if refusal.fault == Fault::NotLoggedIn && is_asked_for && path.starts_with("/staff/") {
        return Redirect::to("/staff/login").into_response();
    }
    let body = if is_for_programs(&path) {
        let json = serde_json::to_string(&refusal.problem(lang)).unwrap_or_default();
        ([(header::CONTENT_TYPE, MEDIA_TYPE)], json).into_response()
    } else {
        problem_page(&app, lang, refusal)
    };
    let (mut parts, _) = response.into_parts();
    let (body_parts, body) = body.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(body_parts.headers);
    if parts.status == StatusCode::SERVICE_UNAVAILABLE {
        parts
            .headers
            .entry(header::RETRY_AFTER)
            .or_insert(HeaderValue::from_static("5"));
    }
    Response::from_parts(parts, body)
}

fn problem_page(app: &Arc<App>, lang: Lang, refusal: Refusal) -> Response {
    let text = |part| refusal.fault.text(lang, part).to_owned();
    let page = ProblemPage {
        // The path may be a secret link: the language switch leads to the front page.
        page: Page::new(Arc::clone(app), lang, "/"),
        status: refusal.status().as_u16(),
        title: text("title"),
        message: text("message"),
        advice: text("advice"),
    };
    html(&page).unwrap_or_else(|_| refusal.fault.text(lang, "message").into_response())
}

/// A template as a response.
pub(crate) fn html(template: &impl Template) -> Result<Response, Refusal> {
    match template.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a template can't be rendered");
            Err(Fault::Internal.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_texts_in_every_language() {
        for &fault in Fault::ALL {
            for lang in Lang::ALL {
                for part in ["title", "message", "advice"] {
                    let text = fault.text(lang, part);
                    assert!(
                        !text.is_empty() && !text.starts_with("problem."),
                        "{lang:?} {fault:?} {part}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_refusal_says_kind_status_and_field() {
        let problem = Refusal::of_field(Fault::BadRequest, "section").problem(Lang::Ja);
        assert_eq!(problem.kind, "urn:madoguchi:problem:bad-request");
        assert_eq!((problem.status, problem.field.as_deref()), (400, Some("section")));
        assert!(problem.detail.is_some());
    }

    #[test]
    fn programs_are_told_in_json() {
        assert!(is_for_programs("/api/areas") && is_for_programs("/ws") && is_for_programs("/content/ab"));
        assert!(!is_for_programs("/apiary") && !is_for_programs("/c/api") && !is_for_programs("/staff"));
    }
}
