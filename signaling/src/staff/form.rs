//! What staff send by a form of one of our own pages. Invariant: whoever holds a [`Sent`] holds a form that a member of
//! staff, logged in, sent from our own origin with their session's token.

use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::nav::Fields;
use super::session::{Entered, LoggedIn};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::visitor::Visitor;

/// A form of a member of staff. As an extractor it refuses what [`LoggedIn`] refuses, what isn't a form
/// ([`Fault::BadRequest`]) and what another page sent ([`Fault::NotAllowedHere`], [`Fault::Csrf`]).
pub(super) struct Sent {
    pub(super) visitor: Visitor,
    pub(super) staff: LoggedIn,
    pub(super) headers: HeaderMap,
    pub(super) fields: Fields,
}

/// The same of somebody who may still have to set up a second factor ([`Entered`]).
pub(super) struct SentByEntered(pub(super) Sent);

impl FromRequest<Arc<App>> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let staff = LoggedIn::from_request_parts(&mut parts, app).await?;
        checked(parts, body, staff, app).await
    }
}

impl FromRequest<Arc<App>> for SentByEntered {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let Entered(staff) = Entered::from_request_parts(&mut parts, app).await?;
        checked(parts, body, staff, app).await.map(Self)
    }
}

async fn checked(mut parts: Parts, body: axum::body::Body, staff: LoggedIn, app: &Arc<App>) -> Result<Sent, Refusal> {
    let Ok(visitor) = Visitor::from_request_parts(&mut parts, app).await;
    let (headers, uri) = (parts.headers.clone(), parts.uri.clone());
    let form = Form::<Fields>::from_request(Request::from_parts(parts, body), app).await;
    let Form(fields) = form.map_err(|_| Fault::BadRequest)?;
    staff.check_form(app, &headers, &uri, fields.get("csrf"))?;
    Ok(Sent {
        visitor,
        staff,
        headers,
        fields,
    })
}
