//! `[mail]`, `[sms]` and `[line]`: by which ways residents are told of their appointments. Secrets stand in files of their own
//! below `paths.secrets`, never here.

use std::path::PathBuf;

use serde::Deserialize;

use super::Config;
use super::check::{Checker, ConfigError};

/// The mail server that takes the office's letters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Its name.
    pub host: String,
    /// Its port; none: the usual one of `tls`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is kept private.
    #[serde(default)]
    pub tls: MailTls,
    /// The address that letters come from, without a name: the office's stands before it.
    pub from: String,
    /// Who logs in there, with the password in `paths.secrets/mail.password`; none: nobody need.
    #[serde(default)]
    pub user: Option<String>,
    /// A file with the certificate of the authority that has signed the server's, where the system doesn't know it (PEM).
    #[serde(default)]
    pub authority: Option<PathBuf>,
}

/// How the connection to the mail server is kept private.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS from the first byte (RFC 8314); port 465.
    #[default]
    Tls,
    /// STARTTLS (RFC 3207), and nothing without it; port 587.
    Starttls,
    /// Not at all: for a relay on the same machine; port 25.
    None,
}

impl Mail {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Tls => 465,
            MailTls::Starttls => 587,
            MailTls::None => 25,
        })
    }
}

/// A gateway that sends short messages for who posts JSON to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// Where it is posted.
    pub url: String,
    /// The header that holds the secret of `paths.secrets/sms.secret`, such as `Authorization`.
    pub header: String,
    /// Before the secret, such as `Bearer `.
    #[serde(default)]
    pub prefix: String,
    /// The body: JSON in whose texts `{to}` and `{text}` stand for the number (E.164) and the message.
    pub body: String,
}

/// The office's account at LINE, by which residents who ask for it are told (LINE Messaging API). Its two secrets lie in
/// `paths.secrets`: the channel access token in `line.token`, the channel secret in `line.secret`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The account's basic or premium id, with its `@`.
    pub account: String,
    /// Where the interface is.
    #[serde(default = "line_api")]
    pub api: String,
}

fn line_api() -> String {
    "https://api.line.me".to_owned()
}

/// Whether an address is private on its way, or doesn't leave this machine.
fn is_private(url: &str) -> bool {
    ["https://", "http://127.0.0.1:", "http://localhost:"]
        .iter()
        .any(|begin| url.starts_with(begin))
}

fn check_line(line: &Line, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let is_id = |id: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !id.is_empty() && id.len() <= 40 && id.bytes().all(is_part)
    };
    if !line.account.strip_prefix('@').is_some_and(is_id) {
        let message = format!(
            "{:?}: expected the account's id with its @, such as \"@123abcde\"",
            line.account
        );
        return checker.fail(None, "line.account", message);
    }
    if !is_private(&line.api) {
        let message = format!("{:?}: expected https://…", line.api);
        return checker.fail(None, "line.api", message);
    }
    Ok(())
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if let Some(mail) = &config.mail {
        let is_address = |text: &str| {
            let parts = text.split_once('@');
            parts.is_some_and(|(who, host)| !who.is_empty() && host.contains('.') && !host.contains('@'))
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"<>\"(),;:\\[]".contains(&byte))
        };
        if !is_address(&mail.from) {
            let message = format!("{:?}: expected an address such as \"yoyaku@example.jp\"", mail.from);
            return checker.fail(None, "mail.from", message);
        }
        if mail.host.is_empty() || mail.host.contains([' ', '/', '@']) {
            let message = format!("{:?}: expected the server's name", mail.host);
            return checker.fail(None, "mail.host", message);
        }
        let is_here = ["localhost", "127.0.0.1", "::1"].contains(&mail.host.as_str());
        if mail.tls == MailTls::None && !is_here {
            let message = "\"none\" is for a server on this machine: expected \"tls\" or \"starttls\"".to_owned();
            return checker.fail(None, "mail.tls", message);
        }
    }
    if let Some(sms) = &config.sms {
        if !is_private(&sms.url) {
            let message = format!("{:?}: expected https://…", sms.url);
            return checker.fail(None, "sms.url", message);
        }
        let has_both = sms.body.contains("{to}") && sms.body.contains("{text}");
        if !has_both || serde_json::from_str::<serde_json::Value>(&sms.body).is_err() {
            let message = "expected JSON with \"{to}\" and \"{text}\" in its texts".to_owned();
            return checker.fail(None, "sms.body", message);
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if sms.header.is_empty() || !sms.header.bytes().all(is_name) {
            let message = format!("{:?}: expected a header's name", sms.header);
            return checker.fail(None, "sms.header", message);
        }
    }
    config.line.as_ref().map_or(Ok(()), |line| check_line(line, checker))
}
