//! Letters by LINE: the Messaging API's push and reply messages (developers.line.biz/en/reference/messaging-api).

use std::time::Duration;

use anyhow::Context as _;
use protocol::config::Line;
use reqwest::StatusCode;
use serde_json::json;

use super::Failure;
use crate::app::App;

const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// The longest text of a message, in UTF-16 units.
const LONGEST: usize = 5000;

/// The office's account.
pub(in crate::booking) struct Account {
    client: reqwest::Client,
    api: String,
    token: String,
}

impl Account {
    /// As the configuration says.
    ///
    /// # Errors
    /// When the token is missing.
    pub(in crate::booking) fn open(app: &App, line: &Line) -> anyhow::Result<Self> {
        Ok(Self {
            client: reqwest::Client::builder()
                .timeout(ANSWERED_WITHIN)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .context("line.api")?,
            api: line.api.trim_end_matches('/').to_owned(),
            token: app.secrets.written("line.token").context("line.account")?,
        })
    }

    /// Sends a message to a user. `key`: the same for the same message, a UUID: what LINE has accepted already it doesn't
    /// send again.
    pub(super) async fn push(&self, to: &str, text: &str, key: &str) -> Result<(), Failure> {
        let body = json!({ "to": to, "messages": [{ "type": "text", "text": cut(text) }] });
        self.post("push", &body, Some(key)).await
    }

    /// Answers a message.
    pub(in crate::booking) async fn reply(&self, token: &str, text: &str) {
        let body = json!({ "replyToken": token, "messages": [{ "type": "text", "text": cut(text) }] });
        if let Err(failure) = self.post("reply", &body, None).await {
            tracing::warn!(why = failure.why, "a message by LINE could not be answered");
        }
    }

    async fn post(&self, what: &str, body: &serde_json::Value, key: Option<&str>) -> Result<(), Failure> {
        let mut request = self
            .client
            .post(format!("{}/v2/bot/message/{what}", self.api))
            .bearer_auth(&self.token)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(key) = key {
            request = request.header("x-line-retry-key", key);
        }
        let answer = request.send().await.map_err(|_| Failure {
            is_final: false,
            why: "LINE can't be reached".to_owned(),
        })?;
        let status = answer.status();
        // Of a message with this key it says so that it was accepted before.
        if status.is_success() || (status == StatusCode::CONFLICT && key.is_some()) {
            return Ok(());
        }
        // That we may not, or too much this month, is no fault of the user's.
        let is_ours = matches!(status.as_u16(), 401 | 403 | 408 | 429);
        Err(Failure {
            is_final: status.is_client_error() && !is_ours,
            why: format!("LINE says {}", status.as_u16()),
        })
    }
}

/// As much of a text as a message takes.
fn cut(text: &str) -> String {
    let mut units = 0;
    let fits = text.chars().take_while(|char| {
        units += char.len_utf16();
        units <= LONGEST
    });
    fits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_what_line_counts() {
        assert_eq!(cut("予約"), "予約");
        assert_eq!(cut(&"𠮷".repeat(3000)).chars().count(), 2500);
        assert_eq!(cut(&"あ".repeat(6000)).chars().count(), 5000);
    }
}
