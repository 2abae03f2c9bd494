//! What is drawn into a camera's picture: saved, taken back, downloaded.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use protocol::setup::{Geometry, Wrong, camera_toml};
use serde::{Deserialize, Serialize};
use store::audit::What;

use super::super::form::Sent;
use super::super::session::LoggedIn;
use super::asked::Asked;
use super::{check_admin, drawn, event, found, over, said, wrongs};
use crate::problem::{Fault, Refusal};
use crate::visitor::Visitor;

/// What the page's script sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drawn {
    /// The version that it was drawn over.
    version: u64,
    geometry: Geometry,
}

/// What it is told.
#[derive(Serialize)]
#[serde(tag = "saved", rename_all = "snake_case")]
enum Saved {
    Done { version: u64 },
    Wrong { wrongs: Vec<Wrong> },
    Stale,
}

/// POST /staff/cameras/one/{id}/setup
pub(super) async fn save(asked: Asked, body: Bytes) -> Result<Response, Refusal> {
    let (app, camera) = (&asked.app, &asked.camera);
    let Drawn { version, geometry } = serde_json::from_slice(&body).map_err(|_| Fault::BadRequest)?;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let setups = store::cameras::setups(ledger, office).await?;
    let wrongs = wrongs(app, camera, &geometry, &setups);
    if !wrongs.is_empty() {
        return Ok(said(StatusCode::BAD_REQUEST, &Saved::Wrong { wrongs }));
    }
    let over = over(app, camera, version, &setups);
    let new = (Some(geometry), &asked.staff.account.id, runtime::now());
    let Some(setup) = store::cameras::set_up(ledger, office, &camera.id, over, new).await? else {
        return Ok(said(StatusCode::CONFLICT, &Saved::Stale));
    };
    let version = setup.version;
    crate::audit::write(app, asked.event(What::CameraSetUp).with(version)).await;
    Ok(Json(Saved::Done { version }).into_response())
}

/// POST /staff/cameras/one/{id}/reset
pub(super) async fn reset(Path(id): Path<String>, Sent { visitor, staff, .. }: Sent) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let camera = found(app, &id)?;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let setups = store::cameras::setups(ledger, office).await?;
    let to = |done: &str| Redirect::to(&format!("/staff/cameras/one/{}?done={done}", camera.id)).into_response();
    if let Some(setup) = setups.get(&camera.id).filter(|setup| setup.geometry.is_some()) {
        // Others may have been drawn since so that the configuration's overlaps would come back to this camera.
        if !wrongs(app, camera, &Geometry::of(camera), &setups).is_empty() {
            return Ok(to("kept"));
        }
        let new = (None, &staff.account.id, runtime::now());
        let over = over(app, camera, setup.version, &setups);
        let reset = store::cameras::set_up(ledger, office, &camera.id, over, new).await?;
        if reset.is_none() {
            return Err(Fault::OldSession.into());
        }
        crate::audit::write(app, event(&staff, What::CameraReset, camera)).await;
    }
    Ok(to("reset"))
}

/// GET /staff/cameras/one/{id}/camera.toml: as it is set up now, for `vision check`.
pub(super) async fn download(visitor: Visitor, staff: LoggedIn, Path(id): Path<String>) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let camera = found(app, &id)?;
    let setups = store::cameras::setups(&app.store.ledger, &app.config.office.id).await?;
    let camera = match drawn(&setups, &camera.id) {
        Some(geometry) => geometry.clone().into_camera(camera.clone()),
        None => camera.clone(),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/toml; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"camera-{}.toml\"", camera.id),
        ),
    ];
    Ok((headers, camera_toml(&camera)).into_response())
}
