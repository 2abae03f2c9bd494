//! Letters as short messages, through any gateway that takes JSON by HTTPS.

use std::time::Duration;

use anyhow::Context as _;
use protocol::config::Sms;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use super::Failure;
use crate::app::App;

const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// The way to the gateway.
pub(super) struct Gateway {
    client: reqwest::Client,
    url: String,
    header: HeaderName,
    secret: HeaderValue,
    body: Value,
}

impl Gateway {
    /// As the configuration says.
    ///
    /// # Errors
    /// When the secret is missing or can't stand in a header.
    pub(super) fn open(app: &App, sms: &Sms) -> anyhow::Result<Self> {
        let secret = app.secrets.written("sms.secret").context("sms.header")?;
        let mut secret = HeaderValue::from_str(&format!("{}{secret}", sms.prefix)).context("sms.secret")?;
        secret.set_sensitive(true);
        Ok(Self {
            client: reqwest::Client::builder()
                .timeout(ANSWERED_WITHIN)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .context("sms.url")?,
            url: sms.url.clone(),
            header: sms.header.parse().context("sms.header")?,
            secret,
            body: serde_json::from_str(&sms.body).context("sms.body")?,
        })
    }

    pub(super) async fn send(&self, to: &str, text: &str) -> Result<(), Failure> {
        let body = filled(&self.body, &international(to), text);
        let request = self
            .client
            .post(&self.url)
            .header(self.header.clone(), self.secret.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let again = |why: String| Failure { is_final: false, why };
        let answer = request
            .send()
            .await
            .map_err(|_| again("the gateway can't be reached".to_owned()))?;
        let status = answer.status();
        // That we may not, or too often, is no fault of the number.
        let is_ours = matches!(status.as_u16(), 401 | 402 | 403 | 408 | 429);
        match status {
            status if status.is_success() => Ok(()),
            status => Err(Failure {
                is_final: status.is_client_error() && !is_ours,
                why: format!("the gateway says {}", status.as_u16()),
            }),
        }
    }
}

/// A number as the whole world dials it (E.164); one without a country is Japan's.
fn international(number: &str) -> String {
    match number.strip_prefix('0') {
        Some(rest) => format!("+81{rest}"),
        None => number.to_owned(),
    }
}

/// The template with number and text in its texts, whatever characters they have.
fn filled(template: &Value, to: &str, text: &str) -> Value {
    match template {
        Value::String(words) => Value::String(fill(words, to, text)),
        Value::Array(all) => all.iter().map(|one| filled(one, to, text)).collect(),
        Value::Object(all) => all
            .iter()
            .map(|(key, one)| (key.clone(), filled(one, to, text)))
            .collect(),
        other => other.clone(),
    }
}

/// In one pass, so that a text that looks like a placeholder stays one.
fn fill(words: &str, to: &str, text: &str) -> String {
    let number = words
        .split("{to}")
        .map(|part| part.split("{text}").collect::<Vec<_>>().join(text));
    number.collect::<Vec<_>>().join(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_takes_any_text_and_stays_json() {
        let template: Value = serde_json::from_str(r#"{"to":["{to}"],"m":{"text":"{text}"},"n":1}"#).expect("json");
        let body = filled(&template, &international("09012345678"), "\"{to}\"\n予約");
        assert_eq!(body["to"][0], "+819012345678");
        assert_eq!(body["m"]["text"], "\"{to}\"\n予約");
        assert_eq!(body["n"], 1);
    }
}
