//! How a new player gets its token (after RFC 8628): POST /api/screens/pair gives it a code, POST /api/screens/pair/token its
//! token once somebody has accepted the code on /staff/screens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::screen::pairing::{Ask, Denied, Me, Offer, Paired, Why};
use store::screens::pairing::{self, Answer};

use super::screen_of;
use crate::app::App;
use crate::problem::{Body, Fault, Refusal, Told, read};
use crate::visitor::Visitor;

/// POST /api/screens/pair
pub(super) async fn begin(visitor: Visitor) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let now = runtime::now();
    // Each code counts: who asks for hundreds waits, and is refused in the end.
    let delay = app.new_pairings.wrong(visitor.address, now).ok_or(Fault::TooMany)?;
    tokio::time::sleep(delay).await;
    let begun = pairing::begin(&app.store.ledger, &app.config.office.id, runtime::now()).await?;
    let begun = begun.ok_or(Fault::TooMany)?;
    Ok(Json(Offer {
        device_code: begun.device_code,
        user_code: pairing::shown(&begun.user_code),
        verification_uri: format!("{}/staff/screens", app.config.web.public_url),
        expires_in: pairing::CODE_LASTS.as_secs(),
        interval: pairing::ASK_EVERY.as_secs(),
    })
    .into_response())
}

/// POST /api/screens/pair/token
pub(super) async fn token(State(app): State<Arc<App>>, ask: Body<Ask>) -> Result<Response, Refusal> {
    let ask = read(ask, "device_code")?;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let why = match pairing::ask(ledger, office, &ask.device_code, runtime::now()).await? {
        Answer::Paired { screen, token } => {
            tracing::info!(%screen, "a player has its token");
            return Ok(Json(Paired { screen, token }).into_response());
        }
        Answer::Pending => Why::AuthorizationPending,
        Answer::TooFast => Why::SlowDown,
        Answer::Expired => Why::ExpiredToken,
    };
    // RFC 8628 §3.5: 400, and a word in `error`.
    let mut response = (StatusCode::BAD_REQUEST, Json(Denied { error: why })).into_response();
    response.extensions_mut().insert(Told);
    Ok(response)
}

/// GET /api/screens/me: whether a token holds, and for which screen.
pub(super) async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<Me>, Refusal> {
    let screen = screen_of(&app, &headers).await?.screen;
    Ok(Json(Me { screen }))
}
