//! Booking on the web, by the pages themselves: without a script, in six languages, through whatever goes wrong.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod appointments;
mod pages;
mod places;

use std::time::Duration;

use common::booking::bookings;
use common::office::{Office, office_id};
use store::appointments::Book;

async fn office(opens_before: &str) -> Office {
    Office::open_configured("1h", bookings(opens_before)).await
}

fn book(office: &Office) -> Book<'_> {
    static ID: std::sync::LazyLock<protocol::ids::OfficeId> = std::sync::LazyLock::new(office_id);
    Book {
        ledger: &office.store.ledger,
        office: &ID,
        keep_personal: Duration::from_secs(24 * 3600),
    }
}

fn code_of(path: &str) -> &str {
    path.strip_prefix("/a/").unwrap()
}
