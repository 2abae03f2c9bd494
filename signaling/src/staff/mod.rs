//! Staff: `rights` what each role may; `login` and out by `password` and second factor, `entry` where every login ends,
//! the `session` that a request belongs to; the `console`; the `demo` accounts.

mod accounts;
mod audit_page;
mod cameras;
mod console;
mod counts;
mod demo;
mod entry;
mod form;
mod invited;
mod login;
mod me;
mod nav;
mod oidc;
mod password;
mod qr;
mod report;
pub(crate) mod rights;
mod screens;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) use cameras::is_film_brought_to;
pub(crate) use demo::make_demo_accounts;
pub(crate) use password::Passwords;
pub(crate) use session::{LoggedIn, of_token, token_of};

/// GET /staff, /staff/login, POST /staff/login, /staff/logout
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff", get(console::page))
        .route("/staff/login", get(login::page).post(login::log_in))
        .route("/staff/login/code", get(login::second_step).post(login::show_code))
        .route("/staff/logout", post(login::log_out))
        .route("/staff/invited/{id}/{secret}", get(invited::page).post(invited::choose))
        .merge(me::routes())
        .merge(accounts::routes())
        .merge(audit_page::routes())
        .merge(report::routes())
        .merge(screens::routes())
        .merge(cameras::routes())
        .merge(counts::routes())
        .merge(oidc::routes())
}
