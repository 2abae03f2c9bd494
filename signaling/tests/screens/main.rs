//! Screens of the office's: pairing, what staff arrange, what players report, notices.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod notices;
mod pairing;
mod publishing;
mod reports;

use common::browser::{Browser, Live};
use common::office::Office;
use common::until;
use protocol::screen::pairing::{Ask, Denied, Offer, Paired, Why};
use protocol::screen::{ScreenFrame, ToScreen, VERSION};
use reqwest::Method;

async fn begin(player: &Browser) -> Offer {
    let response = player.request(Method::POST, "/api/screens/pair").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

async fn ask(player: &Browser, offer: &Offer) -> Result<Paired, Why> {
    let body = serde_json::to_string(&Ask {
        device_code: offer.device_code.clone(),
    });
    let request = player.request(Method::POST, "/api/screens/pair/token");
    let request = request.header("content-type", "application/json").body(body.unwrap());
    let response = request.send().await.unwrap();
    match response.status().as_u16() {
        200 => Ok(response.json().await.unwrap()),
        400 => Err(response.json::<Denied>().await.unwrap().error),
        other => panic!("{other}"),
    }
}

/// Asks as a player does, until somebody has said yes or no.
async fn wait(player: &Browser, offer: &Offer) -> Result<Paired, Why> {
    until("an answer", || async {
        match ask(player, offer).await {
            Err(Why::AuthorizationPending | Why::SlowDown) => None,
            answer => Some(answer),
        }
    })
    .await
}

async fn accept(admin: &mut Browser, code: &str, more: &[(&str, &str)]) -> (u16, String) {
    let (_, page) = admin.text("/staff/screens").await;
    let fields: Vec<(&str, &str)> = [("code", code)].into_iter().chain(more.iter().copied()).collect();
    let (status, to, body) = admin.submit(&page, "/staff/screens/pair", &fields).await;
    (status, if to.is_empty() { body } else { to })
}

const NEW: [(&str, &str); 4] = [
    ("screen", "new:"),
    ("name", "2階 待合"),
    ("place", "2階 東側"),
    ("orientation", "landscape"),
];

/// A player that is paired as a new screen.
async fn paired(office: &Office, admin: &mut Browser) -> (Browser, Paired) {
    let player = office.browser();
    let offer = begin(&player).await;
    let (status, to) = accept(admin, &offer.user_code, &NEW).await;
    assert_eq!(status, 303, "{to}");
    (player.clone(), wait(&player, &offer).await.unwrap())
}

async fn connect(player: &Browser, token: &str) -> Result<Live, u16> {
    let bearer = format!("Bearer {token}");
    let mut live = player
        .socket("/api/screens/connect", &[("authorization", bearer.as_str())])
        .await?;
    let hello = ScreenFrame::Hello {
        version: VERSION,
        player: "1.2.3".into(),
        manifest: None,
    };
    live.send_text(&serde_json::to_string(&hello).unwrap()).await;
    Ok(live)
}

async fn next<T>(live: &mut Live, mut pick: impl FnMut(ToScreen) -> Option<T>) -> T {
    loop {
        let frame = serde_json::from_str(&live.next_text().await.unwrap()).unwrap();
        if let Some(found) = pick(frame) {
            return found;
        }
    }
}

/// A lead, with the second factor that leads need here.
async fn lead(office: &Office) -> Browser {
    let mut lead = office.browser();
    lead.get("/staff/login").await;
    let csrf = lead.cookies["__Host-csrf"].clone();
    let password = office.password("kacho");
    let fields = [("csrf", csrf.as_str()), ("id", "kacho"), ("password", &password)];
    assert_eq!(lead.post_form("/staff/login", &fields).await.status(), 303);
    let (_, page) = lead.text("/staff/me").await;
    lead.submit(&page, "/staff/me/totp/begin", &[]).await;
    let (_, page) = lead.text("/staff/me").await;
    let (_, secret) = page.split_once("data-test=\"totp-secret\">").unwrap();
    let secret = secret.split_once('<').unwrap().0.replace(' ', "");
    let code = store::staff::code_at(&secret, runtime::now()).unwrap();
    let fields = [("code", code.as_str())];
    assert_eq!(lead.submit(&page, "/staff/me/totp/confirm", &fields).await.0, 200);
    lead
}
