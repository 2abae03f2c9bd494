//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): one offer by POST, one answer; the session is ended by DELETE, and its
//! ICE restarted by PATCH. The node is ICE-lite: it has no use for a client's candidates, and answers them with 204.
//!
//! Invariant: who may not is told so before the node is asked.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{patch, post};
use protocol::control::IceCredentials;
use protocol::ids::{BroadcastId, ParticipantId};
use protocol::turn::IceServer;
use store::broadcasts::Record;

use super::rules::{self, Part};
use super::service::{self, Failure};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::signage;
use crate::visitor::Visitor;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// /whip and /whep
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/whip/{broadcast}",
            post(|visitor, id, headers, body| begin(Part::Bring, visitor, id, headers, body)).options(preflight_offer),
        )
        .route(
            "/whip/{broadcast}/{session}",
            patch(|visitor, ids, headers, body| change(Part::Bring, visitor, ids, headers, body))
                .delete(|visitor, ids, headers| end(Part::Bring, visitor, ids, headers))
                .options(preflight_session),
        )
        .route(
            "/whep/{broadcast}",
            post(|visitor, id, headers, body| begin(Part::Watch, visitor, id, headers, body)).options(preflight_offer),
        )
        .route(
            "/whep/{broadcast}/{session}",
            patch(|visitor, ids, headers, body| change(Part::Watch, visitor, ids, headers, body))
                .delete(|visitor, ids, headers| end(Part::Watch, visitor, ids, headers))
                .options(preflight_session),
        )
        .layer(from_fn(open_to_all_pages))
}

/// A bearer token is no cookie: pages of other sites may come with one. (RFC 9725 §4.4, Fetch §3.3)
async fn open_to_all_pages(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "Location, ETag, Link, Accept-Post, Accept-Patch",
        ),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        // RFC 6750 §3
        let challenge = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

async fn preflight_offer() -> Response {
    preflight("POST, OPTIONS", (HeaderName::from_static("accept-post"), SDP))
}

async fn preflight_session() -> Response {
    preflight(
        "PATCH, DELETE, OPTIONS",
        (HeaderName::from_static("accept-patch"), FRAGMENT),
    )
}

fn preflight(methods: &'static str, accepts: (HeaderName, &'static str)) -> Response {
    let headers = [
        (header::ALLOW, methods),
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, If-Match",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        accepts,
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// POST of an offer.
async fn begin(
    part: Part,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let record = admit(part, Aim::Go, &visitor, id, &headers).await?;
    let sdp = text(SDP, &headers, body)?;
    let begun = service::begin(&visitor.app, &record, part, sdp).await?;
    let root = match part {
        Part::Bring => "whip",
        Part::Watch => "whep",
    };
    let location = format!("/{root}/{}/{}", record.id, begun.session);
    let ufrag = value(&begun.answer, "a=ice-ufrag:").unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
        (header::ETAG, entity_tag(ufrag)),
        (HeaderName::from_static("accept-patch"), FRAGMENT.to_owned()),
    ];
    let app = &visitor.app;
    let servers = app.keys.turn.servers(&app.config, &begun.session, runtime::now());
    let links = servers.iter().flat_map(links).map(|link| (header::LINK, link));
    let links = AppendHeaders(links.collect::<Vec<_>>());
    Ok((StatusCode::CREATED, headers, links, begun.answer).into_response())
}

/// A relay as `Link` headers, one for each address. (RFC 9725 §4.6)
fn links(server: &IceServer) -> Vec<String> {
    let IceServer {
        urls,
        username,
        credential,
    } = server;
    let link = |url: &String| {
        format!(
            "<{url}>; rel=\"ice-server\"; username=\"{username}\"; credential=\"{credential}\"; \
             credential-type=\"password\""
        )
    };
    urls.iter().map(link).collect()
}

/// PATCH: a candidate, or new ICE credentials. (RFC 9725 §4.3)
async fn change(
    part: Part,
    visitor: Visitor,
    Path((id, session)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let record = admit(part, Aim::Go, &visitor, id, &headers).await?;
    let session = ParticipantId::new(session).map_err(|_| Fault::NotFound)?;
    let fragment = text(FRAGMENT, &headers, body)?;
    let expected = headers.get(header::IF_MATCH).and_then(|it| it.to_str().ok());
    let expected = expected.ok_or(Fault::NoCondition)?;
    if expected.trim() == "*" {
        let restart = IceCredentials::of_fragment(&fragment).ok_or(Fault::BadRequest)?;
        let (ufrag, fragment) = service::ice(&visitor.app, &record.room, &session, Some(restart)).await?;
        let headers = [
            (header::CONTENT_TYPE, FRAGMENT.to_owned()),
            (header::ETAG, entity_tag(&ufrag)),
        ];
        return Ok((headers, fragment.unwrap_or_default()).into_response());
    }
    let (ufrag, _) = service::ice(&visitor.app, &record.room, &session, None).await?;
    if !expected.split(',').any(|it| it.trim() == entity_tag(&ufrag)) {
        return Err(Fault::OldSession.into());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// DELETE of a session.
async fn end(
    part: Part,
    visitor: Visitor,
    Path((id, session)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let record = admit(part, Aim::End, &visitor, id, &headers).await?;
    let session = ParticipantId::new(session).map_err(|_| Fault::NotFound)?;
    service::end(&visitor.app, &record.room, &session).await?;
    Ok(StatusCode::OK)
}

/// What somebody comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// To begin a session, or to go on with it.
    Go,
    /// To end one.
    End,
}

/// The broadcast, for who may. Guesses get slower and slower.
async fn admit(part: Part, aim: Aim, visitor: &Visitor, id: String, headers: &HeaderMap) -> Result<Record, Refusal> {
    let app = &visitor.app;
    let record = match BroadcastId::new(id) {
        Ok(id) => service::get(app, &id).await?,
        Err(_) => None,
    };
    let record = record.ok_or(Fault::NotFound)?;
    let token = bearer(headers);
    let fault = match rules::check(&record, part, token, runtime::now()) {
        Ok(()) => return Ok(record),
        Err(fault) => fault,
    };
    // Who shows no token is only asked for it; and when a broadcast is over, all its viewers ask in vain.
    if fault != Fault::Token || token.is_none() {
        return Err(fault.into());
    }
    if part == Part::Watch {
        match signage::shows_live(app, headers, &whep_address(app, &record.id)).await? {
            Some(true) => return Ok(record),
            // What it was to show until now: a session's address is known to who began it, and to nobody else.
            Some(false) if aim == Aim::End => return Ok(record),
            // A screen's own token is no guess.
            Some(false) => return Err(fault.into()),
            None => {}
        }
    }
    match app.wrong_links.wrong(visitor.address, runtime::now()) {
        Some(delay) => {
            tokio::time::sleep(delay).await;
            Err(fault.into())
        }
        None => Err(Fault::TooMany.into()),
    }
}

/// Where a broadcast is received by WHEP.
pub(crate) fn whep_address(app: &App, id: &BroadcastId) -> String {
    format!("{}/whep/{id}", app.config.web.public_url)
}

/// The token of `Authorization: Bearer …`. (RFC 6750 §2.1)
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A body of this type, as text.
fn text(media_type: &str, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Refusal> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = named.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(media_type) {
        return Err(Refusal::of_field(Fault::WrongType, "content-type"));
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
        _ => Fault::BadRequest,
    })?;
    String::from_utf8(body.into()).map_err(|_| Fault::BadRequest.into())
}

/// The first value of an SDP attribute.
fn value<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_end)
}

/// An ICE session as an entity tag. (RFC 9725 §4.3.1)
fn entity_tag(ufrag: &str) -> String {
    format!("\"{ufrag}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header"))])
    }

    #[test]
    fn only_a_bearer_s_token_is_one() {
        let of = |value: &str| bearer(&headers(header::AUTHORIZATION, value)).map(str::to_owned);
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer abc").as_deref(), Some("abc"));
        assert_eq!(
            (of("Basic abc"), of("Bearer"), bearer(&HeaderMap::new())),
            (None, None, None)
        );
    }

    #[test]
    fn a_body_of_another_type_is_refused_before_it_is_read() {
        let read = |name: &str, body: &'static [u8]| {
            let headers = headers(header::CONTENT_TYPE, name);
            text(SDP, &headers, Ok(Bytes::from_static(body))).map_err(|it| it.fault)
        };
        assert_eq!(read("Application/SDP; charset=utf-8", b"v=0").as_deref(), Ok("v=0"));
        assert_eq!(read("application/json", b"{}"), Err(Fault::WrongType));
        assert_eq!(read("application/sdp", &[0xff]), Err(Fault::BadRequest));
    }

    #[test]
    fn each_address_of_a_relay_is_a_link() {
        let server = IceServer {
            urls: vec![
                "turn:a.example:3478?transport=udp".to_owned(),
                "turns:a.example:443".to_owned(),
            ],
            username: "1700000000:abc".to_owned(),
            credential: "JHge=".to_owned(),
        };
        let all = links(&server);
        assert_eq!(all.len(), 2);
        assert_eq!(
            all[0],
            "<turn:a.example:3478?transport=udp>; rel=\"ice-server\"; username=\"1700000000:abc\"; \
             credential=\"JHge=\"; credential-type=\"password\""
        );
    }
}
