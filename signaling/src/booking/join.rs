//! GET and POST /join: eight digits, told on the telephone, become a link of one's own.

use std::net::IpAddr;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hmac::{Hmac, KeyInit, Mac};
use protocol::ids::StaffId;
use serde::Deserialize;
use sha2::Sha256;
use store::appointments::Record;
use store::audit::{Event, What, Who as Doer};

use super::form::short_code;
use super::leaf::{Booker, Leaf};
use super::markup::Markup;
use super::service::book_of;
use super::trouble::{Kind, Trouble};
use crate::app::App;
use crate::audit;
use crate::problem::{Refusal, Told, html};

/// So many digits that were taken already are tried anew.
const ATTEMPTS: usize = 8;

/// booking/join.html
#[derive(Template)]
#[template(path = "booking/join.html")]
struct JoinPage {
    leaf: Leaf,
    number: String,
    fault: Option<Markup>,
}

/// GET /join
pub(super) async fn page(booker: Booker) -> Result<Response, Trouble> {
    show(&booker, String::new(), None)
}

fn show(booker: &Booker, number: String, fault: Option<(StatusCode, &str)>) -> Result<Response, Trouble> {
    let leaf = booker.leaf();
    let page = leaf.form_page(html(&JoinPage {
        fault: fault.map(|(_, key)| leaf.w(key)),
        number,
        leaf: leaf.clone(),
    })?);
    let Some((status, _)) = fault else {
        return Ok(page);
    };
    let mut page = (status, page).into_response();
    page.extensions_mut().insert(Told);
    Ok(page)
}

/// The form.
#[derive(Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    number: String,
}

/// POST /join
pub(super) async fn open(booker: Booker, form: Result<Form<Typed>, FormRejection>) -> Result<Response, Trouble> {
    let Form(typed) = form.map_err(|_| Kind::BadRequest)?;
    booker.check_form(&typed.csrf)?;
    let Some(digits) = short_code(&typed.number) else {
        // What can't be a number is no attempt at one.
        return show(
            &booker,
            typed.number,
            Some((StatusCode::UNPROCESSABLE_ENTITY, "join.length")),
        );
    };
    let app = &booker.app;
    // Guesses from many places at once are slowed for everybody: a right number then waits a little too.
    slow_guesses(app, booker.address).await?;
    let code = store::consultations::new_code();
    match book_of(app).open_short_code(&stored(app, &digits), &code).await? {
        Some(id) => {
            tracing::info!(appointment = %id, "a short code was opened");
            Ok(Redirect::to(&format!("/a/{code}")).into_response())
        }
        None => {
            let fault = crate::consultation::unknown_link(app, booker.address).await;
            if fault == crate::problem::Fault::TooMany {
                return Err(Refusal::from(fault).into());
            }
            app.guesses.note(runtime::now());
            show(&booker, typed.number, Some((StatusCode::NOT_FOUND, "join.wrong")))
        }
    }
}

/// Refuses an address that has guessed too often before it may guess again, and slows all where many guess.
async fn slow_guesses(app: &App, address: IpAddr) -> Result<(), Trouble> {
    if app.wrong_links.is_refused(address, runtime::now()) {
        return Err(Kind::TooMany.into());
    }
    tokio::time::sleep(app.guesses.delay(runtime::now())).await;
    Ok(())
}

/// Digits as they are stored: who reads the ledger can't count up to them without the office's key.
pub(super) fn stored(app: &App, digits: &str) -> String {
    data_encoding::HEXLOWER.encode(&keyed(app, digits))
}

/// What nobody without the office's key makes of a text (HMAC-SHA256, RFC 2104).
pub(super) fn keyed(app: &App, text: &str) -> [u8; 32] {
    // HMAC takes keys of any length: this is never the other case.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&app.short_code_key) else {
        return rand::random();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Gives an appointment a new short code, as a member of staff reads it out: `1234-5678`.
///
/// # Errors
/// [`Kind::StoreDown`]; [`Kind::Internal`] where no free one is found, which never happens with fewer than millions.
pub(super) async fn give(app: &App, record: &Record, staff: &StaffId) -> Result<String, Trouble> {
    for _ in 0..ATTEMPTS {
        let digits = format!("{:08}", rand::random_range(0..100_000_000_u32));
        if book_of(app).give_short_code(record, &stored(app, &digits)).await? {
            let doer = Doer::Staff(staff.clone());
            audit::write(app, Event::new(doer, What::ShortCodeMade, &record.id)).await;
            return Ok(format!("{}-{}", &digits[..4], &digits[4..]));
        }
    }
    Err(Kind::Internal.into())
}
