//! The last step of every way to log in: a session is opened, in its cookie.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use store::audit::{Event, What, Who};
use store::staff::Account;

use super::session::COOKIE;
use crate::problem::Refusal;
use crate::security;
use crate::visitor::Visitor;

/// What a browser keeps of an earlier login, so that strangers' tries don't count against its owner.
pub(super) const DEVICE_COOKIE: &str = "__Host-device";
const DEVICE_IS_KNOWN: Duration = Duration::from_secs(180 * 24 * 3600);
/// Of somebody who gave the right password and has yet to show the second factor.
pub(super) const PENDING_COOKIE: &str = "__Host-entering";

/// How somebody has shown who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Password,
    SecondFactor,
    RecoveryCode,
    Invitation,
    Provider,
}

impl By {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Password => "by=password",
            Self::SecondFactor => "by=totp",
            Self::RecoveryCode => "by=recovery",
            Self::Invitation => "by=invitation",
            Self::Provider => "by=oidc",
        }
    }
}

/// The entries of a login.
pub(super) fn events(account: &Account, by: By) -> Vec<Event> {
    let who = Who::Staff(account.id.clone());
    let mut events = vec![Event::new(who.clone(), What::LoggedIn, &account.id).with(by.word())];
    if by == By::RecoveryCode {
        let left = format!("left={}", account.recovery_left());
        events.push(Event::new(who, What::RecoveryUsed, &account.id).with(left));
    }
    events
}

/// Opens a session for somebody whose login is in the audit log already, and leads them to `to`.
pub(super) async fn open(
    visitor: &Visitor,
    headers: &HeaderMap,
    account: &Account,
    by: By,
    to: &str,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let kept = visitor.jar.get(DEVICE_COOKIE).map(|cookie| cookie.value());
    let device = kept.and_then(|kept| account.known_device(kept));
    store::staff::clear_tries(ledger, office, &account.id, device).await?;
    if device.is_some() {
        store::staff::clear_tries(ledger, office, &account.id, None).await?;
    }
    // A browser's earlier session ends with the new one.
    if let Some(old) = visitor.jar.get(COOKIE) {
        store::staff::close_session(ledger, office, old.value()).await?;
        app.hub.end_session(old.value());
    }
    let lifetime = app.config.web.session_lifetime;
    let browser = browser_of(headers);
    let (token, _) = store::staff::open_session(
        ledger,
        office,
        account,
        &browser,
        by == By::Provider,
        lifetime,
        runtime::now(),
    )
    .await?;
    tracing::info!(staff = %account.id, by = by.word(), "logged in");
    let jar = CookieJar::new()
        .add(security::cookie(COOKIE, &token, Some(lifetime)))
        .add(security::cookie(
            DEVICE_COOKIE,
            &account.device(),
            Some(DEVICE_IS_KNOWN),
        ))
        .add(security::cookie(PENDING_COOKIE, "", Some(Duration::ZERO)));
    Ok((jar, Redirect::to(to)).into_response())
}

/// A browser in two words, so that its owner knows it again; nothing else of what it says is kept.
fn browser_of(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let first = |words: &[(&str, &'static str)]| words.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, it)| *it);
    let browser = first(&[
        ("Edg", "Edge"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} / {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_two_words() {
        let of = |agent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, agent.parse().expect("header"));
            browser_of(&headers)
        };
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 \
                    Safari/537.36 Edg/141.0.0.0";
        assert_eq!(of(edge), "Edge / Windows");
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1";
        assert_eq!(of(phone), "Safari / iPhone");
        assert_eq!(of("curl/8"), "?");
    }
}
