//! Limits that hold for every request.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The largest body that is read, in bytes: forms and small JSON.
pub(crate) const BODY: usize = 64 * 1024;

/// How long a handler may take until its response begins. Streams and WebSockets go on after that.
const RESPONSE_BEGINS: Duration = Duration::from_secs(20);

/// The same where a file is taken in: a film of a gigabyte over a slow line.
const FILE_TAKEN: Duration = Duration::from_secs(30 * 60);

/// Ends requests that take too long.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let limit = if path == crate::signage::uploads::PATH || crate::staff::is_film_brought_to(path) {
        FILE_TAKEN
    } else {
        RESPONSE_BEGINS
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
