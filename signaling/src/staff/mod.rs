//! Staff: `login` and out, the `session` that a request belongs to, the `console`, the `demo` accounts.

mod console;
mod demo;
mod login;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) use demo::make_demo_accounts;
pub(crate) use login::Passwords;
pub(crate) use session::{LoggedIn, of_token, token_of};

/// GET /staff, /staff/login, POST /staff/login, /staff/logout
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff", get(console::page))
        .route("/staff/login", get(login::page).post(login::log_in))
        .route("/staff/logout", post(login::log_out))
}
