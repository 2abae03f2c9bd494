//! `[staff]`, `[oidc]` and `[privacy]`: how members of staff log in, and how long what is kept of people.

use std::time::Duration;

use serde::Deserialize;

use super::fields;
use crate::ids::SectionId;
use crate::staff::Role;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How members of staff log in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// The roles that need a second factor (TOTP) beside their password; the others may have one.
    #[serde(default = "second_factor")]
    pub second_factor: Vec<Role>,
    /// How long an invitation's link works.
    #[serde(default = "invitation_lifetime", deserialize_with = "fields::duration")]
    pub invitation_lifetime: Duration,
}

impl Default for Staff {
    fn default() -> Self {
        Self {
            second_factor: second_factor(),
            invitation_lifetime: invitation_lifetime(),
        }
    }
}

fn second_factor() -> Vec<Role> {
    vec![Role::Admin, Role::Lead]
}

fn invitation_lifetime() -> Duration {
    3 * DAY
}

/// How long what is kept of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// So long after a consultation's end, all is deleted but that it was, who served it, when, how long, and how content
    /// the resident was.
    #[serde(default = "keep_consultations", deserialize_with = "fields::duration")]
    pub keep_consultations: Duration,
    /// So long the audit log goes back.
    #[serde(default = "keep_audit", deserialize_with = "fields::duration")]
    pub keep_audit: Duration,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            keep_consultations: keep_consultations(),
            keep_audit: keep_audit(),
        }
    }
}

fn keep_consultations() -> Duration {
    DAY
}

/// Five years, as long as most offices keep such records.
fn keep_audit() -> Duration {
    1826 * DAY
}

/// Another server that says who somebody is (OpenID Connect Core 1.0), beside passwords.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its address, as it says itself: `https://…`, or `http://` on this machine only.
    pub issuer: String,
    /// What this office is called there. Its secret lies in `oidc.secret` in `paths.secrets`; none: a public client.
    pub client_id: String,
    /// What the login page's button says, such as 庁内認証.
    #[serde(default)]
    pub name: Option<String>,
    /// The claim that is an account's id here.
    #[serde(default = "account_claim")]
    pub account_claim: String,
    /// The claim with somebody's groups there.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// What members of a group are here: who has no account gets one, and who has one becomes it. None: only who has an
    /// account gets in.
    #[serde(default, rename = "group")]
    pub groups: Vec<OidcGroup>,
}

fn account_claim() -> String {
    "sub".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

/// What members of a provider's group are here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcGroup {
    /// The group's name there.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// Where.
    #[serde(default)]
    pub sections: Vec<SectionId>,
}

pub(super) fn staff() -> Role {
    Role::Staff
}

/// One section, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(SectionId),
    Many(Vec<SectionId>),
}

/// A member's sections: one, or a list of which the first is the one they belong to most.
///
/// # Errors
/// What isn't an id of a section, and an empty list.
pub(super) fn sections<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<toml::Spanned<Vec<SectionId>>, D::Error> {
    let spanned = toml::Spanned::<OneOrMany>::deserialize(deserializer)?;
    let span = spanned.span();
    let sections = match spanned.into_inner() {
        OneOrMany::One(section) => vec![section],
        OneOrMany::Many(sections) => sections,
    };
    if sections.is_empty() {
        return Err(serde::de::Error::custom("no section: expected one, or a list"));
    }
    Ok(toml::Spanned::new(span, sections))
}
