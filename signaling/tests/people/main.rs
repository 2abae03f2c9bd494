//! Members of staff over HTTP: invitations, second factors, rights, disabled at once, files, the audit log.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod records;
mod rights;

use common::browser::Browser;
use common::office::ORIGIN;

/// What stands between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("no {from} in {page}"));
    rest.split_once(to).unwrap().0
}

fn link_in(page: &str) -> String {
    let url = between(page, "data-test=\"invitation\" type=\"text\" readonly value=\"", "\"");
    url.strip_prefix(ORIGIN).unwrap().to_owned()
}

async fn invite(admin: &mut Browser, id: &str, role: &str, section: &str) -> String {
    let (_, page) = admin.text("/staff/accounts").await;
    let fields = [
        ("id", id),
        ("name", "葛\u{e0100}城 三郎"),
        ("role", role),
        ("section", section),
    ];
    let (status, _, page) = admin.submit(&page, "/staff/accounts", &fields).await;
    assert_eq!(status, 200, "{page}");
    link_in(&page)
}

const PASSWORD: &str = "kasa-mori-zupe-buta";

async fn choose_password(guest: &mut Browser, link: &str) -> (u16, String) {
    let (status, page) = guest.text(link).await;
    assert_eq!(status, 200, "{page}");
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let (status, to, _) = guest.submit(&page, link, &fields).await;
    (status, to)
}
