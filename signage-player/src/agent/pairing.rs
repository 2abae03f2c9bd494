//! Becoming a screen of the office (after RFC 8628): shows a code until somebody at the office accepts it, keeps the token that
//! comes of it, and begins anew when that was taken away.
//!
//! Invariant: the token lies in a file that only the player's user can read; it is deleted only when the server says that
//! it doesn't hold, never because nobody answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::screen::pairing::{Ask, Denied, Offer, Paired, Why};
use protocol::screen::schedule::usually_closed;
use protocol::screen::{LAYOUT_VERSION, Language, Layout, Manifest, Page, QrKind, Rect, Text, Widget, Zone};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;

use super::{News, tls, wait_before};
use crate::cache::Cache;
use crate::scene::standby;

/// A server that doesn't answer within so long is asked again later.
const LIMIT: Duration = Duration::from_secs(15);
/// The server is asked so often whether the token holds.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// RFC 8628 §3.5: who is told to slow down waits so much longer between two questions.
const SLOWER_BY: Duration = Duration::from_secs(5);

/// Pairs one player.
#[derive(Debug, Clone)]
pub struct Pairing {
    /// `https://host[:port]`, as in the configuration. `http://` is for tests.
    pub server: String,
    /// The office's own certificate authority (PEM), where there is one. May appear later.
    pub authority: PathBuf,
    /// Where the token is kept.
    pub token: PathBuf,
    /// The office's name, for the page.
    pub office: Text,
    /// What was on show before, and is again afterwards.
    pub cache: Cache,
    /// The way to the picture. Full: this waits, which is no harm.
    pub news: mpsc::Sender<News>,
}

impl Pairing {
    /// Keeps the player paired, for ever.
    pub async fn run(self) {
        let mut attempt = 0;
        loop {
            let held = match tokio::fs::read_to_string(&self.token).await {
                Ok(token) => self.hold(token.trim()).await,
                Err(_) => self.pair().await,
            };
            match held {
                Ok(()) => attempt = 0,
                Err(error) => {
                    tracing::warn!("pairing: {error:#}");
                    tokio::time::sleep(wait_before(attempt, rand::random())).await;
                    attempt = attempt.saturating_add(1);
                }
            }
        }
    }

    /// Until the server says that the token doesn't hold.
    async fn hold(&self, token: &str) -> Result<()> {
        loop {
            let response = self.request(Method::GET, "me", Some(token), None).await?;
            if response.status() == StatusCode::UNAUTHORIZED {
                tracing::warn!("the office has taken this screen's token away");
                tokio::fs::remove_file(&self.token)
                    .await
                    .context("deleting the token")?;
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Until somebody has accepted this player. Codes run out: then there is another one.
    async fn pair(&self) -> Result<()> {
        let response = self.request(Method::POST, "pair", None, None).await?;
        if !response.status().is_success() {
            bail!("the server gives no code: {}", response.status());
        }
        let offer: Offer = serde_json::from_slice(&response.bytes().await?).context("the server's code")?;
        // It stands on the screen for everybody.
        tracing::info!(code = offer.user_code, "shows a code to be paired by");
        self.show(page(&self.office, &offer)).await?;
        let ask = serde_json::to_string(&Ask {
            device_code: offer.device_code,
        })?;
        let mut interval = Duration::from_secs(offer.interval.clamp(1, 60));
        loop {
            tokio::time::sleep(interval).await;
            // Who doesn't answer now may answer next time, as long as the code lasts.
            let Ok(response) = self.request(Method::POST, "pair/token", None, Some(ask.clone())).await else {
                continue;
            };
            match response.status() {
                StatusCode::OK => {
                    let paired: Paired = serde_json::from_slice(&response.bytes().await?).context("the token")?;
                    runtime::write_file(&self.token, paired.token.as_bytes(), true).context("keeping the token")?;
                    tracing::info!(screen = %paired.screen, "paired");
                    return self.show_what_was_played().await;
                }
                StatusCode::BAD_REQUEST => {
                    let denied: Denied = serde_json::from_slice(&response.bytes().await?).context("the answer")?;
                    match denied.error {
                        Why::AuthorizationPending => {}
                        Why::SlowDown => interval += SLOWER_BY,
                        Why::ExpiredToken | Why::AccessDenied => return Ok(()),
                    }
                }
                status => tracing::debug!(%status, "the server doesn't say whether the code was accepted"),
            }
        }
    }

    /// The server doesn't send again what the player has.
    async fn show_what_was_played(&self) -> Result<()> {
        match self.cache.current().manifest {
            Some(manifest) => self.tell(manifest).await,
            None => self.show(standby::layout(&self.office)).await,
        }
    }

    /// A layout without contents, which isn't kept.
    async fn show(&self, layout: Layout) -> Result<()> {
        self.tell(Manifest {
            layout,
            contents: BTreeMap::new(),
            group: None,
            bundle_key: None,
        })
        .await
    }

    async fn tell(&self, manifest: Manifest) -> Result<()> {
        let told = self.news.send(News::Show(Arc::new(manifest))).await;
        told.ok().context("the way to the picture is gone")
    }

    async fn request(&self, method: Method, path: &str, token: Option<&str>, json: Option<String>) -> Result<Response> {
        let client = tls::client(&self.server, &self.authority)?.timeout(LIMIT);
        let mut request = client
            .build()?
            .request(method, format!("{}/api/screens/{path}", self.server));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(json) = json {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        Ok(request.send().await?)
    }
}

/// The page with a code: large enough to be read from across a hall, and the address in letters and for a phone.
#[must_use]
pub fn page(office: &Text, offer: &Offer) -> Layout {
    let zone = |name: &str, rect: (u32, u32, u32, u32), widget: Widget| Zone {
        name: name.to_owned(),
        rect: Rect {
            x: rect.0,
            y: rect.1,
            width: rect.2,
            height: rect.3,
        },
        widget,
        on_touch: None,
    };
    let label = |ja: &str, size: u32, color: &str| Widget::Label {
        text: Text::japanese(ja),
        size,
        color: color.to_owned(),
    };
    let name = Widget::Label {
        text: office.clone(),
        size: 44,
        color: "#0017c1".to_owned(),
    };
    Layout {
        version: LAYOUT_VERSION,
        name: "pairing".to_owned(),
        width: 1280,
        height: 720,
        languages: vec![Language::Ja],
        text_percent: 100,
        on: Vec::new(),
        closed: usually_closed(),
        reset_after_ms: None,
        pages: vec![Page {
            name: "pairing".to_owned(),
            background: "#f4f6fb".to_owned(),
            zones: vec![
                zone("office", (64, 40, 1152, 64), name),
                zone(
                    "what",
                    (64, 120, 1152, 76),
                    label("この画面を登録してください", 56, "#1a1a1c"),
                ),
                zone("code", (64, 224, 1152, 190), label(&offer.user_code, 168, "#0017c1")),
                zone(
                    "how",
                    (64, 446, 872, 60),
                    label("管理者の方は、次のページでこの番号を入力してください。", 32, "#1a1a1c"),
                ),
                zone(
                    "address",
                    (64, 516, 872, 60),
                    label(&offer.verification_uri, 34, "#0017c1"),
                ),
                zone(
                    "lasts",
                    (64, 608, 872, 52),
                    label("番号は10分ごとに変わります。", 28, "#4d4d4d"),
                ),
                zone(
                    "phone",
                    (976, 440, 240, 240),
                    Widget::QrCode {
                        kind: QrKind::Fixed,
                        content: offer.verification_uri.clone(),
                        caption: None,
                    },
                ),
            ],
            back_after_ms: None,
            on_touch: None,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_with_the_code_is_sound_and_says_code_and_address() {
        let offer = Offer {
            device_code: "secret".into(),
            user_code: "012-345-678".into(),
            verification_uri: "https://madoguchi.example.jp/staff/screens".into(),
            expires_in: 600,
            interval: 5,
        };
        let page = page(&Text::japanese("南区役所"), &offer);
        page.check().expect("sound");
        let json = serde_json::to_string(&page).expect("json");
        assert!(json.contains("012-345-678") && json.contains(&offer.verification_uri));
        assert!(!json.contains("secret"), "the player's secret is not shown");
    }
}
