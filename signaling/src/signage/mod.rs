//! Screens (電子看板): `library` knows what each shows, `connect` tells it to them, `content` hands out
//! the files, `tokens` keeps the tokens of this machine's own screens.

mod connect;
mod content;
mod library;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::get;
use protocol::grants::ScreenGrant;

use crate::app::App;
use crate::problem::{Fault, Refusal};

pub(crate) use library::{Library, follow_files};
pub(crate) use tokens::keep_tokens;

/// GET /api/screens/connect, /content/{sha256}
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/screens/connect", get(connect::connect))
        .route("/content/{sha256}", get(content::serve))
}

/// The screen that a request's token is for.
///
/// # Errors
/// [`Fault::NotLoggedIn`] without a token that holds, [`Fault::Forbidden`] for another office's screen or
/// one that isn't configured any more.
fn screen_of(app: &App, headers: &HeaderMap) -> Result<ScreenGrant, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(Fault::NotLoggedIn)?;
    let grant: ScreenGrant = app
        .keys
        .screen
        .verify(token, runtime::now())
        .map_err(|_| Fault::NotLoggedIn)?;
    let is_ours =
        grant.office == app.config.office.id && app.config.screens.iter().any(|screen| screen.id == grant.screen);
    if is_ours {
        Ok(grant)
    } else {
        Err(Fault::Forbidden.into())
    }
}
