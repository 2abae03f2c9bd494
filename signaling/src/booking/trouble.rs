//! What can go wrong with a booking: each a page in the reader's language that says what has become of the booking, what
//! to do, and the office's telephone number.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::booking::Refused;
use store::StoreError;

use super::language::Tongue;
use super::leaf::Leaf;
use crate::app::App;
use crate::problem::{Fault, Refusal, Told, faults, html};

faults! {
    /// A kind of trouble. Its texts are `p.KEY.title` and `.text` in the booking catalogues.
    Kind {
        /// The slot has passed, or closed.
        SlotPast => CONFLICT, "slot_past";
        /// The slot has no room.
        SlotFull => CONFLICT, "slot_full";
        /// There is no such slot.
        SlotNone => CONFLICT, "slot_none";
        /// Nothing was booked, and nothing will be.
        NotBooked => SERVICE_UNAVAILABLE, "not_booked";
        /// It isn't known yet whether it was booked; the page asks again by itself.
        Checking => SERVICE_UNAVAILABLE, "checking";
        /// It was changed at the same time: nothing was done.
        Unchanged => CONFLICT, "unchanged";
        /// Redis' answer was lost: the appointment's page says how it stands.
        Unsure => SERVICE_UNAVAILABLE, "unsure";
        /// Too near to be changed by oneself.
        TooLate => CONFLICT, "too_late";
        /// There is no such link.
        LinkUnknown => NOT_FOUND, "link_unknown";
        /// There is no such language.
        LanguageUnknown => BAD_REQUEST, "language_unknown";
        /// There is no such page or service.
        NotFound => NOT_FOUND, "not_found";
        /// Redis is away, and nothing was done.
        StoreDown => SERVICE_UNAVAILABLE, "store_down";
        /// Too many attempts.
        TooMany => TOO_MANY_REQUESTS, "too_many";
        /// The form can't be understood, or isn't ours.
        BadRequest => BAD_REQUEST, "bad_request";
        /// Our own fault.
        Internal => INTERNAL_SERVER_ERROR, "internal";
    }
}

/// A request that came to nothing, and where to go on.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    kind: Kind,
    /// The text of the way on, and its address.
    way: Option<(&'static str, String)>,
}

impl Trouble {
    /// The same with a way on: the text's key, and the address.
    pub(super) fn with_way(mut self, key: &'static str, to: String) -> Self {
        self.way = Some((key, to));
        self
    }

    /// Whether somebody else was faster.
    pub(super) fn is_unchanged(&self) -> bool {
        self.kind == Kind::Unchanged
    }

    /// Whether only the appointment itself tells how it stands.
    pub(super) fn is_unsure(&self) -> bool {
        self.kind == Kind::Unsure
    }

    /// Whether another time may do.
    pub(super) fn is_about_time(&self) -> bool {
        matches!(
            self.kind,
            Kind::SlotPast | Kind::SlotFull | Kind::SlotNone | Kind::Unchanged
        )
    }

    /// What it is, in a line.
    pub(super) fn title(&self, tongue: Tongue) -> String {
        tongue.plain(&format!("p.{}.title", self.kind.row().1), false, &[])
    }

    /// The same, where it is the slot's: with the way to others.
    pub(super) fn for_slot(self, days: String) -> Self {
        match self.kind {
            Kind::SlotPast | Kind::SlotFull | Kind::SlotNone => self.with_way("times.other_day", days),
            _ => self,
        }
    }
}

impl From<Kind> for Trouble {
    fn from(kind: Kind) -> Self {
        Self { kind, way: None }
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLate => Kind::SlotPast.into(),
            Refused::NoSlot | Refused::TooEarly => Kind::SlotNone.into(),
        }
    }
}

/// For staff's pages, which have their own.
impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        let fault = match trouble.kind {
            Kind::NotBooked | Kind::Checking | Kind::Unsure | Kind::StoreDown => Fault::StoreDown,
            Kind::NotFound | Kind::LinkUnknown => Fault::NotFound,
            Kind::TooMany => Fault::TooMany,
            Kind::Internal => Fault::Internal,
            _ => Fault::BadRequest,
        };
        fault.into()
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.fault {
            Fault::StoreDown => Kind::StoreDown,
            Fault::LinkUnknown => Kind::LinkUnknown,
            Fault::TooMany => Kind::TooMany,
            Fault::NotFound => Kind::NotFound,
            fault if fault.status().is_server_error() => Kind::Internal,
            _ => Kind::BadRequest,
        };
        kind.into()
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.kind.row().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// booking/trouble.html
#[derive(Template)]
#[template(path = "booking/trouble.html")]
struct TroublePage {
    leaf: Leaf,
    title: String,
    key: &'static str,
    way: Option<(&'static str, String)>,
    is_over: bool,
}

/// Gives all that came to nothing its page.
pub(crate) async fn render(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let tongue = Tongue::of_request(request.headers());
    let response = next.run(request).await;
    let of_status = |status: StatusCode| match status {
        StatusCode::NOT_FOUND => Some(Kind::NotFound),
        status if status.is_client_error() => Some(Kind::BadRequest),
        status if status.is_server_error() => Some(Kind::Internal),
        _ => None,
    };
    let trouble = match (
        response.extensions().get::<Trouble>(),
        response.extensions().get::<Refusal>(),
    ) {
        (Some(trouble), _) => Some(trouble.clone()),
        (_, Some(refusal)) => Some((*refusal).into()),
        _ if response.extensions().get::<Told>().is_some() => None,
        _ => of_status(response.status()).map(Trouble::from),
    };
    match trouble {
        Some(trouble) => page(&app, tongue, trouble, response.status()),
        None => response,
    }
}

fn page(app: &Arc<App>, tongue: Tongue, trouble: Trouble, status: StatusCode) -> Response {
    let key = trouble.kind.row().1;
    // The address may be a secret link: the language switch leads to where one can go on.
    let back = trouble.way.as_ref().map_or("/book", |(_, to)| to.as_str()).to_owned();
    let page = html(&TroublePage {
        title: tongue.plain(&format!("p.{key}.title"), false, &[]),
        leaf: Leaf::new(app, tongue, &back),
        key,
        way: trouble.way,
        is_over: trouble.kind != Kind::Checking,
    });
    let page = page.unwrap_or_else(|_| tongue.plain(&format!("p.{key}.text"), false, &[]).into_response());
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    if trouble.kind == Kind::Checking {
        headers.insert(header::REFRESH, HeaderValue::from_static("10"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response.extensions_mut().insert(Told);
    response
}

/// The page for a language that there isn't.
pub(crate) fn unknown_language(app: &Arc<App>, headers: &axum::http::HeaderMap) -> Response {
    let kind = Kind::LanguageUnknown;
    page(app, Tongue::of_request(headers), kind.into(), kind.row().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_its_texts() {
        for kind in Kind::ALL {
            for tongue in Tongue::ALL {
                for part in ["title", "text"] {
                    let key = format!("p.{}.{part}", kind.row().1);
                    assert_ne!(tongue.plain(&key, false, &[]), "—", "{tongue:?} {key}");
                }
            }
        }
    }
}
