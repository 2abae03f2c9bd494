//! Pages that are open: `/ws`. `hub` knows who is there and what each was told, `client` carries one
//! socket, `requests` does what clients ask (`acts` with the seats of a consultation), `feed` keeps the hub in step with Redis.

mod acts;
mod client;
mod feed;
mod hub;
mod media;
mod outbox;
mod relay;
mod requests;

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::any;
use protocol::signal::MAX_FRAME;

use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::visitor::Visitor;
use crate::{security, staff};

pub(crate) use feed::{call_in_those_due, follow};
pub(crate) use hub::Hub;
pub(crate) use relay::follow as follow_relay;

/// How many pages may be open at once; more are asked to come back.
const CLIENTS: i64 = 10_000;

/// GET /ws, and CONNECT over HTTP/2 (RFC 8441): the page's own connection carries its socket then.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/ws", any(connect))
}

async fn connect(
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let app = Arc::clone(&visitor.app);
    if !security::is_own_origin(&headers, &uri, &app.config.web.public_url, true) {
        return Err(Fault::NotAllowedHere.into());
    }
    if app.metrics.clients.get() >= CLIENTS {
        return Err(Fault::TooMany.into());
    }
    let caller = client::Caller {
        lang: visitor.lang,
        address: visitor.address,
        session: staff::token_of(&headers),
        device: visitor.device(),
    };
    Ok(upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| async move {
            // The program's end waits for it, so that the page is told to come back.
            let shutdown = app.shutdown.clone();
            let _ = shutdown.spawn(client::serve(app, socket, caller)).await;
        }))
}
