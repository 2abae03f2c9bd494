//! GET /, /events/areas, /api/areas

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use protocol::congestion::AreaState;
use protocol::screen::Text;
use protocol::time::UnixMillis;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::feed::Update;
use super::model::AreaView;
use crate::app::App;
use crate::health::Present;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::visitor::Visitor;

/// How many readers of the stream there may be at once; more are asked to come back.
const STREAMS: i64 = 20_000;
/// A silent stream is kept open through proxies by a comment so often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The public page and the API.
pub(crate) fn page_routes() -> Router<Arc<App>> {
    Router::new().route("/", get(home)).route("/api/areas", get(api))
}

/// The stream, which must not be compressed.
pub(crate) fn stream_routes() -> Router<Arc<App>> {
    Router::new().route("/events/areas", get(events))
}

/// home.html
#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
    areas: Vec<AreaView>,
    now_ms: u64,
}

async fn home(visitor: Visitor) -> Result<Response, Refusal> {
    let now = runtime::now();
    let app = &visitor.app;
    let areas = app.feed.states(now);
    html(&HomePage {
        page: visitor.page(),
        areas: areas
            .iter()
            .map(|state| AreaView::new(state, &app.config, visitor.lang, now))
            .collect(),
        now_ms: now.0,
    })
}

#[derive(Serialize)]
struct ApiAreas<'a> {
    office: &'a str,
    now: UnixMillis,
    areas: Vec<ApiArea<'a>>,
}

#[derive(Serialize)]
struct ApiArea<'a> {
    #[serde(flatten)]
    state: AreaState,
    name: Option<&'a Text>,
}

async fn api(State(app): State<Arc<App>>) -> Response {
    let now = runtime::now();
    let area = |state: AreaState| ApiArea {
        name: app.config.area(&state.area).map(|area| &area.name),
        state,
    };
    let body = ApiAreas {
        office: app.config.office.id.as_str(),
        now,
        areas: app.feed.states(now).into_iter().map(area).collect(),
    };
    // Open data: any page may read it.
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (headers, Json(body)).into_response()
}

/// One reader of the stream.
struct Reader {
    app: Arc<App>,
    news: Receiver<Update>,
    /// Told before anything else.
    first: Option<Bytes>,
    _present: Present,
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        tokio::select! {
            news = tokio::time::timeout(KEEP_ALIVE, self.news.recv()) => match news {
                Ok(Ok(update)) => Some(update.event),
                // Too slow: what was missed is replaced by everything.
                Ok(Err(RecvError::Lagged(_))) => Some(self.app.feed.all(runtime::now()).event),
                Ok(Err(RecvError::Closed)) => None,
                Err(_) => Some(Bytes::from_static(b":\n\n")),
            },
            () = self.app.shutdown.started() => None,
        }
    }
}

async fn events(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    if app.metrics.streams.get() >= STREAMS {
        return Err(Fault::TooMany.into());
    }
    let news = app.feed.news();
    let mut first = b"retry: 2000\n".to_vec();
    first.extend_from_slice(&app.feed.all(runtime::now()).event);
    let reader = Reader {
        _present: Present::new(&app.metrics.streams),
        news,
        first: Some(first.into()),
        app,
    };
    let body = stream::unfold(reader, |mut reader| async {
        let bytes = reader.next().await?;
        Some((Ok::<_, Infallible>(bytes), reader))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
