//! GET and POST /join: eight digits, told on the telephone, become a link of one's own; and at a booth, a call.
//!
//! Invariant: every wrong number is counted and slows the next one, wherever it is typed.

use std::net::IpAddr;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hmac::{Hmac, KeyInit, Mac};
use protocol::config::Kind as BookingKind;
use protocol::ids::{SectionId, StaffId};
use protocol::time::UnixMillis;
use serde::Deserialize;
use sha2::Sha256;
use store::StoreError;
use store::appointments::{Record, State};
use store::audit::{Event, What, Who as Doer};

use super::enter;
use super::form::short_code;
use super::leaf::{Booker, Leaf};
use super::markup::Markup;
use super::service::book_of;
use super::trouble::{Kind, Trouble};
use crate::app::App;
use crate::audit;
use crate::problem::{Fault, Refusal, Told, html};

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
    let code = store::consultations::new_code();
    match tried(app, booker.address, opened(app, &digits, &code)).await? {
        Tried::Found(()) => Ok(Redirect::to(&format!("/a/{code}")).into_response()),
        Tried::Unknown => show(&booker, typed.number, Some((StatusCode::NOT_FOUND, "join.wrong"))),
        Tried::TooMany => Err(Kind::TooMany.into()),
    }
}

/// What a number was good for.
enum Tried<T> {
    Found(T),
    /// There is no such number, or not any more.
    Unknown,
    /// So many wrong ones came from there that not even a right one is looked at.
    TooMany,
}

/// Looks at a number. Wrong ones are slowed by their address, and where many guess, for everybody: a right one then waits a
/// little too.
async fn tried<T>(
    app: &App,
    address: IpAddr,
    look: impl Future<Output = Result<Option<T>, StoreError>>,
) -> Result<Tried<T>, StoreError> {
    if app.wrong_links.is_refused(address, runtime::now()) {
        return Ok(Tried::TooMany);
    }
    tokio::time::sleep(app.guesses.delay(runtime::now())).await;
    if let Some(found) = look.await? {
        return Ok(Tried::Found(found));
    }
    if crate::consultation::unknown_link(app, address).await == Fault::TooMany {
        return Ok(Tried::TooMany);
    }
    app.guesses.note(runtime::now());
    Ok(Tried::Unknown)
}

/// Turns a number into a link with this code; it is no number any more.
async fn opened(app: &App, digits: &str, code: &str) -> Result<Option<()>, StoreError> {
    let id = book_of(app).open_short_code(&stored(app, digits), code).await?;
    Ok(id.map(|id| tracing::info!(appointment = %id, "a short code was opened")))
}

/// What a number leads to at a booth.
pub(crate) enum AtBooth {
    /// A call, by the link with this code.
    Call {
        /// The link's.
        code: String,
        /// Whose business it is.
        section: SectionId,
    },
    /// It isn't time yet: the number is as good as before.
    Early {
        /// When the call may be entered.
        opens_at: UnixMillis,
    },
}

/// Takes the number that somebody was told on the telephone and types at a booth.
///
/// # Errors
/// [`Fault::BadRequest`] where it can't be a number, [`Fault::NumberUnknown`], [`Fault::TooMany`], [`Fault::NotACall`] of an
/// appointment at a counter (the number stays good), [`Fault::LinkUsed`] where it is over or was cancelled,
/// [`Fault::StoreDown`].
pub(crate) async fn at_booth(app: &App, address: IpAddr, number: &str) -> Result<AtBooth, Refusal> {
    let digits = short_code(number).ok_or(Refusal::of_field(Fault::BadRequest, "number"))?;
    let short = stored(app, &digits);
    let record = match tried(app, address, book_of(app).of_short_code(&short)).await? {
        Tried::Found(record) => record,
        Tried::Unknown => return Err(Fault::NumberUnknown.into()),
        Tried::TooMany => return Err(Fault::TooMany.into()),
    };
    let now = runtime::now();
    let opens_at = enter::opens_at(app, &record);
    if record.state != State::Booked || now >= enter::closes_at(&record) {
        return Err(Fault::LinkUsed.into());
    }
    // Whoever comes back in time, or goes to the counter, has the number still.
    if record.kind != BookingKind::Remote {
        return Err(Fault::NotACall.into());
    }
    if now < opens_at {
        return Ok(AtBooth::Early { opens_at });
    }
    let code = store::consultations::new_code();
    // Somebody else was faster with the same number.
    opened(app, &digits, &code).await?.ok_or(Fault::NumberUnknown)?;
    enter::open(app, &code, &record, now).await?.ok_or(Fault::LinkUsed)?;
    Ok(AtBooth::Call {
        code,
        section: record.section,
    })
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
