//! How browsers get through walls: the servers that they are told, and the short-lived credentials of the
//! TURN REST API scheme (draft-uberti-behave-turn-rest-00), which coturn calls `use-auth-secret`.
//!
//! Invariant: a credential says when it ends and nothing of whom it is for.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

use crate::config::Config;
use crate::ids::ParticipantId;
use crate::time::UnixMillis;

/// A server as browsers take it (`RTCIceServer`, WebRTC 1.0 §4.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `turn:` and `turns:` addresses (RFC 7065).
    pub urls: Vec<String>,
    /// See [`TurnSecret::credentials`].
    pub username: String,
    /// See [`TurnSecret::credentials`].
    pub credential: String,
}

/// What signaling and the TURN server share.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnSecret(String);

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret(…)")
    }
}

impl TurnSecret {
    /// Of any bytes; their letters and digits are the secret, as one that stands in a configuration file.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes).map(str::trim) {
            Ok(text) if !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric()) => Self(text.to_owned()),
            _ => Self(BASE32_NOPAD.encode(bytes)),
        }
    }

    /// As the TURN server's configuration wants it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// User name `end:user` (the end in seconds since 1970) and its credential, the base64 of
    /// HMAC-SHA1(secret, user name).
    #[must_use]
    pub fn credentials(&self, user: &str, end: UnixMillis) -> (String, String) {
        let username = format!("{}:{user}", end.0 / 1000);
        // HMAC takes keys of every length.
        let credential = Hmac::<Sha1>::new_from_slice(self.0.as_bytes())
            .map(|mac| BASE64.encode(&mac.chain_update(&username).finalize().into_bytes()))
            .unwrap_or_default();
        (username, credential)
    }

    /// What a participant is told: none where the office has no TURN server.
    #[must_use]
    pub fn servers(&self, config: &Config, participant: &ParticipantId, now: UnixMillis) -> Vec<IceServer> {
        let Some(turn) = &config.turn else {
            return Vec::new();
        };
        let (username, credential) = self.credentials(participant.as_str(), now.plus(turn.credential_lifetime));
        vec![IceServer {
            urls: config.turn_urls(),
            username,
            credential,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_the_scheme() {
        // By `printf 1700000000:abc | openssl dgst -sha1 -hmac secret -binary | base64`.
        let (username, credential) = TurnSecret::new(b"secret\n").credentials("abc", UnixMillis(1_700_000_000_999));
        assert_eq!(username, "1700000000:abc");
        assert_eq!(credential, "JHgegmW+/B84iarkT5SFAOC1Iqw=");
    }

    #[test]
    fn a_participant_is_told_where_how_and_until_when() {
        let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let text = std::fs::read_to_string(&demo).expect("the demo is there");
        let secret = TurnSecret::new(b"secret");
        let told = |more: &str| {
            let config = Config::parse(&demo, &format!("{text}\n{more}")).expect("sound");
            let participant = ParticipantId::new("somebody").expect("valid");
            secret.servers(&config, &participant, UnixMillis(1_000_000))
        };
        assert_eq!(told(""), []);
        let servers = told("[turn]\nlisten = \"192.0.2.9:3478\"\ncredential_lifetime = \"10m\"\n");
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].urls[0], "turn:192.0.2.9:3478?transport=udp");
        assert_eq!(servers[0].username, "1600:somebody");
        assert_eq!(
            servers[0].credential,
            secret.credentials("somebody", UnixMillis(1_600_000)).1
        );
    }

    #[test]
    fn a_secret_can_stand_in_a_configuration_file_and_in_no_log() {
        let odd = TurnSecret::new(b"line\nstatic-auth-secret=x");
        assert!(
            odd.as_str().bytes().all(|it| it.is_ascii_alphanumeric()),
            "{}",
            odd.as_str()
        );
        assert_eq!(format!("{:?}", TurnSecret::new(b"secret")), "TurnSecret(…)");
    }
}
