//! Being told by LINE: the appointment's page has a link that opens a chat with the office and a sentence in it; who sends
//! that sentence is told there from then on (LINE Messaging API, webhooks).
//!
//! Invariant: the sentence holds no secret that opens anything: only that the office itself has shown it for this
//! appointment. What LINE posts is believed only with LINE's signature.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::ids::AppointmentId;
use serde::Deserialize;
use sha2::Sha256;
use store::StoreError;
use store::appointments::{Person, Record, State as Standing};
use store::letters::{Letter, Subject, Way};

use super::join::keyed;
use super::language::Tongue;
use super::leaf::Leaf;
use super::letters::Account;
use super::service::book_of;
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::security;

/// An id and its mark, in characters of base32.
const ID: usize = 26;
const MARK: usize = 16;
/// The most events of a message that are looked at; LINE sends few.
const EVENTS: usize = 100;

/// What the office alone makes of an appointment's id: 80 bits.
fn mark(app: &App, id: &AppointmentId) -> String {
    let mark = data_encoding::BASE32_NOPAD.encode(&keyed(app, &format!("line/{id}"))[..10]);
    mark.to_ascii_lowercase()
}

/// The address that opens a chat with the office, with the sentence to send. `None`: the office has no account, or the
/// appointment is told there already.
pub(super) fn address(app: &App, leaf: &Leaf, record: &Record, person: Option<&Person>) -> Option<String> {
    let line = app.config.line.as_ref()?;
    person.filter(|person| person.line.is_none())?;
    let code = format!("{}{}", record.id, mark(app, &record.id));
    let sentence = leaf.tongue.plain("line.sentence", false, &[("code", &code)]);
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    Some(format!(
        "https://line.me/R/oaMessage/{}/?{}",
        encoded(&line.account),
        encoded(&sentence)
    ))
}

/// The appointment that a sentence names. `None`: it isn't one of ours.
fn named(app: &App, text: &str) -> Option<Option<AppointmentId>> {
    let is_ours = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    let mut words = text.split(|char: char| !char.is_ascii_alphanumeric());
    let word = words.find(|word| word.len() == ID + MARK && word.bytes().all(is_ours))?;
    let (id, given) = word.split_at(ID);
    let id = AppointmentId::new(id).ok();
    Some(id.filter(|id| security::is_same_secret(&mark(app, id), given)))
}

/// What LINE posts, as far as it concerns us.
#[derive(Deserialize)]
struct Posted {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    reply_token: Option<String>,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(default)]
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    text: Option<String>,
}

/// POST /line/webhook
pub(super) async fn webhook(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let line = app.config.line.as_ref().ok_or(Fault::NotFound)?;
    let signature = headers.get("x-line-signature").map(|it| it.as_bytes());
    let secret = app.secrets.written("line.secret").map_err(|error| {
        tracing::error!("messages by LINE can't be taken: {error:#}");
        Fault::Internal
    })?;
    if !is_signed(secret.as_bytes(), &body, signature.unwrap_or_default()) {
        return Err(Fault::NotAllowedHere.into());
    }
    let posted: Posted = serde_json::from_slice(&body).map_err(|_| Fault::BadRequest)?;
    let account = Account::open(&app, line).map_err(|error| {
        tracing::error!("messages by LINE can't be answered: {error:#}");
        Fault::Internal
    })?;
    for event in posted.events.into_iter().take(EVENTS) {
        heard(&app, &account, event).await?;
    }
    Ok(StatusCode::OK)
}

/// Whether a body is signed with the channel's secret: HMAC-SHA256 in Base64.
fn is_signed(secret: &[u8], body: &[u8], signature: &[u8]) -> bool {
    let (Ok(mut mac), Ok(given)) = (
        Hmac::<Sha256>::new_from_slice(secret),
        data_encoding::BASE64.decode(signature),
    ) else {
        return false;
    };
    mac.update(body);
    !secret.is_empty() && mac.verify_slice(&given).is_ok()
}

async fn heard(app: &Arc<App>, account: &Account, event: Event) -> Result<(), Refusal> {
    let text = event.message.and_then(|message| message.text);
    let user = event.source.and_then(|source| source.user_id);
    let (Some(text), Some(user), "message") = (text, user, event.kind.as_str()) else {
        return Ok(());
    };
    // Whoever writes something else writes to the office's people, not to us.
    let Some(id) = named(app, &text) else {
        return Ok(());
    };
    let record = match id {
        Some(id) => book_of(app).get(&id).await?,
        None => None,
    };
    let tongue = record.as_ref().and_then(|record| Tongue::of_tag(&record.lang));
    let is_told = match record.filter(|record| record.state == Standing::Booked) {
        Some(record) => tell(app, &record, &user).await?,
        None => false,
    };
    if let (false, Some(token)) = (is_told, event.reply_token) {
        let leaf = Leaf::new(app, tongue.unwrap_or(Tongue::Ja), "/book");
        let text = leaf
            .tongue
            .plain("line.unknown", true, &[("telephone", leaf.telephone())]);
        account.reply(&token, &text).await;
    }
    Ok(())
}

/// Has a user told of an appointment from now on, beginning with how it stands. Returns whether it is one that still can
/// be told of.
async fn tell(app: &App, record: &Record, user: &str) -> Result<bool, StoreError> {
    let now = runtime::now();
    let soon = app.config.calendar.opens_before;
    let letters = Letter::after(record, Some(Subject::Confirm), Way::Line, soon, now);
    let is_told = book_of(app).add_line(&record.id, user, &letters).await?;
    if is_told {
        tracing::info!(appointment = %record.id, "will be told by LINE");
        app.post.notify_one();
    }
    Ok(is_told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_exactly_this_body_and_secret() {
        let sign = |secret: &[u8], body: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
            mac.update(body);
            data_encoding::BASE64.encode(&mac.finalize().into_bytes())
        };
        let signature = sign(b"secret", b"{}");
        assert!(is_signed(b"secret", b"{}", signature.as_bytes()));
        for (secret, body, signature) in [
            (&b"secret"[..], &b"{} "[..], signature.as_str()),
            (b"other", b"{}", &signature),
            (b"secret", b"{}", ""),
            (b"secret", b"{}", "no base64"),
            (b"", b"{}", &sign(b"", b"{}")),
        ] {
            assert!(!is_signed(secret, body, signature.as_bytes()), "{signature}");
        }
    }
}
