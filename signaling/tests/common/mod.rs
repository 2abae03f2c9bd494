//! What all tests share: an office on its own Redis (`office`), a browser's side of HTTPS and WebSockets (`browser`), one
//! that books (`booking`), a media node's side of the control protocol (`node`), a mail server (`smtp`), and a
//! machine that others post to (`endpoint`).

#![allow(dead_code, clippy::unwrap_used, missing_docs)]

pub mod booking;
pub mod browser;
pub mod endpoint;
pub mod node;
pub mod office;
pub mod printer;
pub mod smtp;

use std::future::Future;
use std::time::Duration;

/// How long a condition may take to come true: far longer than it should, so that a busy machine fails
/// nothing.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits until `check` gives something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
