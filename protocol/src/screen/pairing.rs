//! How a new player becomes a screen of the office, after the device authorization grant (RFC 8628), in JSON:
//!
//! `POST /api/screens/pair` → [`Offer`]; show its code and address; every `interval` seconds `POST
//! /api/screens/pair/token` with [`Ask`] → 200 [`Paired`], or 400 [`Denied`]. 429 and 503: try again later.
//! `GET /api/screens/me` with the token → [`Me`]; 401: it was taken away.

use serde::{Deserialize, Serialize};

use crate::ids::ScreenId;

/// What a player is given to be paired with (RFC 8628 §3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// A secret of the player's.
    pub device_code: String,
    /// What it shows: `012-345-678`.
    pub user_code: String,
    /// Where somebody types that.
    pub verification_uri: String,
    /// Seconds until both are worthless.
    pub expires_in: u64,
    /// Seconds to wait between two questions.
    pub interval: u64,
}

/// A player's question whether it was accepted (RFC 8628 §3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// From the [`Offer`].
    pub device_code: String,
}

/// It was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// Which screen it is.
    pub screen: ScreenId,
    /// The bearer token with which it speaks from now on.
    pub token: String,
}

/// It was not, yet or any more (RFC 8628 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// Why.
    pub error: Why,
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nobody has typed the code yet: ask again.
    AuthorizationPending,
    /// The same, and the player asks too often: wait five seconds longer from now on.
    SlowDown,
    /// The code is worthless: begin anew.
    ExpiredToken,
    /// Somebody said no: begin anew.
    AccessDenied,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Which screen's.
    pub screen: ScreenId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_the_standards() {
        let denied = Denied {
            error: Why::AuthorizationPending,
        };
        let json = serde_json::to_string(&denied).expect("json");
        assert_eq!(json, r#"{"error":"authorization_pending"}"#);
        assert_eq!(serde_json::from_str::<Denied>(&json).expect("read"), denied);
    }
}
