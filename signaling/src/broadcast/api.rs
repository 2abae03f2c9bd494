//! /api/broadcasts: staff make broadcasts, see those that are open, and end them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use protocol::ids::{BroadcastId, RoomId, StaffId};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use store::audit::{Event, What, Who};
use store::broadcasts::{self, Audience, Record, TokenHash, new_token};

use super::wire::whep_address;
use super::{rules, service};
use crate::app::App;
use crate::audit;
use crate::problem::{Body, Fault, Refusal, read};
use crate::staff::LoggedIn;
use crate::staff::rights::{Right, Thing};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/broadcasts", get(list).post(create))
        .route("/api/broadcasts/{id}", delete(end))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    title: String,
    /// Whether everybody may watch, or only who has the link with its token.
    #[serde(default)]
    public: bool,
    /// How long it lasts at most.
    minutes: Option<u32>,
}

/// A new one, with the tokens that nobody can read again.
#[derive(Serialize)]
struct Created {
    id: BroadcastId,
    title: String,
    expires_at: UnixMillis,
    /// Where OBS and GStreamer send to, and the bearer token that they show.
    whip_url: String,
    publish_token: String,
    /// Where others receive, and the token that they show unless it is public.
    whep_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch_token: Option<String>,
    /// The page for people.
    watch_url: String,
}

#[derive(Serialize)]
struct Listed {
    id: BroadcastId,
    title: String,
    public: bool,
    created_by: StaffId,
    created_at: UnixMillis,
    expires_at: UnixMillis,
}

async fn create(
    State(app): State<Arc<App>>,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    wanted: Body<Wanted>,
) -> Result<Response, Refusal> {
    staff.check_request(&app, &headers, &uri)?;
    staff.check(Right::MakeBroadcasts, Thing::OFFICE)?;
    let wanted = read(wanted, "title")?;
    let title = rules::title(&wanted.title).ok_or(Refusal::of_field(Fault::BadRequest, "title"))?;
    let lasts = rules::lasts(wanted.minutes).ok_or(Refusal::of_field(Fault::BadRequest, "minutes"))?;
    let now = runtime::now();
    let publish_token = new_token();
    let watch_token = (!wanted.public).then(new_token);
    let record = Record {
        id: BroadcastId::random(),
        title,
        created_by: staff.account.id,
        created_at: now,
        expires_at: now.plus(lasts),
        room: RoomId::random(),
        publisher: TokenHash::of(&publish_token),
        audience: watch_token
            .as_deref()
            .map_or(Audience::Public, |token| Audience::Token(TokenHash::of(token))),
    };
    if !broadcasts::create(&app.store.ledger, &app.config.office.id, &record).await? {
        return Err(Fault::BroadcastsFull.into());
    }
    tracing::info!(broadcast = %record.id, by = %record.created_by, "a broadcast is made");
    let who = Who::Staff(record.created_by.clone());
    audit::write(&app, Event::new(who, What::BroadcastCreated, &record.id)).await;
    let (public_url, id) = (&app.config.web.public_url, &record.id);
    // Behind a "#" the token stays in the browser.
    let secret = watch_token
        .as_deref()
        .map_or(String::new(), |token| format!("#{token}"));
    let created = Created {
        whip_url: format!("{public_url}/whip/{id}"),
        publish_token,
        whep_url: whep_address(&app, id),
        watch_url: format!("{public_url}/live/{id}{secret}"),
        watch_token,
        title: record.title,
        expires_at: record.expires_at,
        id: record.id,
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

async fn list(State(app): State<Arc<App>>, staff: LoggedIn) -> Result<Response, Refusal> {
    staff.check(Right::SeeBroadcasts, Thing::OFFICE)?;
    let open = broadcasts::open(&app.store.ledger, &app.config.office.id, runtime::now()).await?;
    let listed = open.into_iter().map(|record| Listed {
        id: record.id,
        title: record.title,
        public: record.audience == Audience::Public,
        created_by: record.created_by,
        created_at: record.created_at,
        expires_at: record.expires_at,
    });
    Ok(Json(listed.collect::<Vec<_>>()).into_response())
}

async fn end(
    State(app): State<Arc<App>>,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    staff.check_request(&app, &headers, &uri)?;
    let id = BroadcastId::new(id).map_err(|_| Fault::NotFound)?;
    let record = service::get(&app, &id).await?.ok_or(Fault::NotFound)?;
    let made = Thing {
        section: None,
        is_theirs: record.created_by == staff.account.id,
    };
    staff.check(Right::EndBroadcasts, made)?;
    if service::remove(&app, &id).await? {
        let who = Who::Staff(staff.account.id);
        audit::write(&app, Event::new(who, What::BroadcastEnded, &id)).await;
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Fault::NotFound.into())
    }
}
