//! Tokens: what their bearer may do, and nothing else. JWTs (RFC 7519) signed with HMAC-SHA-256; each
//! audience has its own key, so that a screen's token can never open a room.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::{BoothId, NodeId, OfficeId, ParticipantId, RoomId, ScreenId};
use crate::time::UnixMillis;

/// How long a token for a media node holds. Who is slower is given another. No signer makes them last longer: a node
/// remembers whom it put out for as long as this.
pub const MEDIA_TOKEN_LASTS: Duration = Duration::from_secs(60);

/// What a participant may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// The person's camera.
    Camera,
    /// The person's microphone.
    Microphone,
    /// The person's screen.
    Screen,
}

impl MediaSource {
    /// Whether this is a picture (otherwise it is a sound).
    #[must_use]
    pub fn is_video(self) -> bool {
        !matches!(self, Self::Microphone)
    }
}

/// As what somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomRole {
    /// Who came for advice.
    Resident,
    /// Who gives it.
    Staff,
    /// Who was invited: interpreter, head office, family.
    Guest,
}

/// What a participant may do with data messages. (See [`crate::data`].)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataGrant {
    /// Nothing.
    #[default]
    None,
    /// Receive what others send.
    Receive,
    /// Also send to staff.
    ToStaff,
    /// Also send to everybody.
    ToAll,
}

impl DataGrant {
    /// Whether messages may be received.
    #[must_use]
    pub fn may_receive(self) -> bool {
        self != Self::None
    }

    /// Whether messages may be sent to somebody.
    #[must_use]
    pub fn may_send(self) -> bool {
        matches!(self, Self::ToStaff | Self::ToAll)
    }

    /// Whether messages may be sent to who has this role.
    #[must_use]
    pub fn reaches(self, role: RoomRole) -> bool {
        self == Self::ToAll || (self == Self::ToStaff && role == RoomRole::Staff)
    }
}

/// Whether a room's media is encrypted from participant to participant, besides what protects it on its way to the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// It may be read by the node.
    #[default]
    Off,
    /// The node sees none of it: only codecs that can be forwarded unseen are offered, and nobody comes in who can't encrypt.
    Require,
}

/// The claims of a token for a media node: one participant in one room. What isn't named isn't allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaGrant {
    /// The office whose room it is.
    pub office: OfficeId,
    /// The room.
    pub room: RoomId,
    /// Who joins.
    pub participant: ParticipantId,
    /// As what.
    pub role: RoomRole,
    /// What may be published; empty: nothing.
    #[serde(default)]
    pub publish: Vec<MediaSource>,
    /// Whether others' tracks may be received.
    #[serde(default)]
    pub subscribe: bool,
    /// Which data messages may be sent and received.
    #[serde(default)]
    pub data: DataGrant,
    /// The room's; the first who joins decides it for all.
    #[serde(default)]
    pub encryption: Encryption,
}

/// The claims of a token with which signaling speaks to media nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeGrant {
    /// Who speaks: an instance's name, for the log.
    pub instance: String,
    /// The only node that may be spoken to.
    pub node: NodeId,
}

/// The claims of a screen's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenGrant {
    /// The office where it hangs.
    pub office: OfficeId,
    /// Which screen.
    pub screen: ScreenId,
}

/// Says which booth a browser stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoothGrant {
    /// The office whose it is.
    pub office: OfficeId,
    /// Which booth.
    pub booth: BoothId,
    /// The configuration's `booth.key`: a token of another one is none any more.
    pub key: u32,
}

/// A grant names its audience, so that no token passes for another kind.
pub trait Grant: Serialize + DeserializeOwned {
    /// The JWT's `aud`.
    const AUDIENCE: &'static str;
}

impl Grant for MediaGrant {
    const AUDIENCE: &'static str = "media";
}
impl Grant for NodeGrant {
    const AUDIENCE: &'static str = "node";
}
impl Grant for BoothGrant {
    const AUDIENCE: &'static str = "booth";
}
impl Grant for ScreenGrant {
    const AUDIENCE: &'static str = "screen";
}

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Its time is over.
    #[error("the token has expired: ask for a new one")]
    Expired,
    /// Signed by somebody else, for something else, or not a token at all.
    #[error("the token is not valid here: {0}")]
    Invalid(String),
    /// The key itself is of no use.
    #[error("the signing key has {0} bytes: expected at least 32")]
    WeakKey(usize),
}

/// A key that signs and checks the tokens of one audience.
#[derive(Clone)]
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[derive(Serialize, Deserialize)]
struct Claims<G> {
    aud: String,
    exp: u64,
    iat: u64,
    #[serde(flatten)]
    grant: G,
}

impl TokenKey {
    /// A key from at least 32 secret bytes (RFC 7518 §3.2).
    ///
    /// # Errors
    /// [`TokenError::WeakKey`] when there are fewer.
    pub fn new(secret: &[u8]) -> Result<Self, TokenError> {
        if secret.len() < 32 {
            return Err(TokenError::WeakKey(secret.len()));
        }
        Ok(Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        })
    }

    /// Signs a grant that holds from `now` until `expires`.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] when the claims can't be written as JSON.
    pub fn sign<G: Grant>(&self, grant: G, now: UnixMillis, expires: UnixMillis) -> Result<String, TokenError> {
        let claims = Claims {
            aud: G::AUDIENCE.to_owned(),
            exp: expires.as_secs(),
            iat: now.as_secs(),
            grant,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| TokenError::Invalid(error.to_string()))
    }

    /// Checks signature, audience and time, and gives what the token grants.
    ///
    /// # Errors
    /// [`TokenError::Expired`] at or after its end, [`TokenError::Invalid`] for everything else.
    pub fn verify<G: Grant>(&self, token: &str, now: UnixMillis) -> Result<G, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[G::AUDIENCE]);
        validation.set_required_spec_claims(&["aud", "exp"]);
        // Time is an argument here: the library would read the clock.
        validation.validate_exp = false;
        let data = jsonwebtoken::decode::<Claims<G>>(token, &self.decoding, &validation)
            .map_err(|error| TokenError::Invalid(error.to_string()))?;
        if now.as_secs() >= data.claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(data.claims.grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> MediaGrant {
        MediaGrant {
            office: OfficeId::new("minami").expect("valid"),
            room: RoomId::random(),
            participant: ParticipantId::random(),
            role: RoomRole::Resident,
            publish: vec![MediaSource::Camera, MediaSource::Microphone],
            subscribe: true,
            data: DataGrant::ToStaff,
            encryption: Encryption::Off,
        }
    }

    fn key() -> TokenKey {
        TokenKey::new(&[7; 32]).expect("long enough")
    }

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    #[test]
    fn a_token_grants_what_was_signed_until_it_expires() {
        let expires = NOW.plus(std::time::Duration::from_secs(60));
        let token = key().sign(grant(), NOW, expires).expect("signs");
        let back: MediaGrant = key().verify(&token, NOW).expect("valid");
        assert_eq!((&back.publish, back.data), (&grant().publish, grant().data));
        assert_eq!(key().verify::<MediaGrant>(&token, expires), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_for_another_audience_or_by_another_key_is_refused() {
        let expires = NOW.plus(std::time::Duration::from_secs(60));
        let screen = ScreenGrant {
            office: OfficeId::new("minami").expect("valid"),
            screen: ScreenId::new("lobby").expect("valid"),
        };
        let token = key().sign(screen, NOW, expires).expect("signs");
        assert!(matches!(
            key().verify::<MediaGrant>(&token, NOW),
            Err(TokenError::Invalid(_))
        ));
        let other = TokenKey::new(&[8; 32]).expect("long enough");
        assert!(matches!(
            other.verify::<ScreenGrant>(&token, NOW),
            Err(TokenError::Invalid(_))
        ));
        let mut unsigned = token.split('.').take(2).collect::<Vec<_>>().join(".");
        unsigned.push('.');
        assert!(key().verify::<ScreenGrant>(&unsigned, NOW).is_err());
        assert_eq!(TokenKey::new(b"short").err(), Some(TokenError::WeakKey(5)));
    }

    #[test]
    fn what_a_token_does_not_name_is_not_granted() {
        #[derive(Serialize, Deserialize)]
        struct Bare {
            office: String,
            room: String,
            participant: String,
            role: String,
        }
        impl Grant for Bare {
            const AUDIENCE: &'static str = "media";
        }
        let bare = Bare {
            office: "o".into(),
            room: "r".into(),
            participant: "p".into(),
            role: "guest".into(),
        };
        let token = key().sign(bare, NOW, UnixMillis(NOW.0 + 5000)).expect("signs");
        let grant: MediaGrant = key().verify(&token, NOW).expect("valid");
        assert!(grant.publish.is_empty() && !grant.subscribe && !grant.data.may_receive());
    }

    #[test]
    fn data_goes_to_whom_the_grant_names() {
        use RoomRole::{Guest, Resident, Staff};
        let reaches = |grant: DataGrant| [Resident, Staff, Guest].map(|role| grant.reaches(role));
        assert_eq!(reaches(DataGrant::None), [false; 3]);
        assert_eq!(reaches(DataGrant::Receive), [false; 3]);
        assert_eq!(reaches(DataGrant::ToStaff), [false, true, false]);
        assert_eq!(reaches(DataGrant::ToAll), [true; 3]);
        assert!(!DataGrant::Receive.may_send() && DataGrant::Receive.may_receive());
        assert!(DataGrant::ToStaff.may_send() && DataGrant::ToStaff.may_receive());
    }
}
