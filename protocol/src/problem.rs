//! Errors of the HTTP APIs: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:madoguchi:problem:…`, the same for every error of this kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The field at fault, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// A problem of a kind such as `link-expired`.
    #[must_use]
    pub fn new(status: u16, kind: &str, title: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:madoguchi:problem:{kind}"),
            title: title.into(),
            status,
            detail: None,
            field: None,
        }
    }

    /// Whether it is of a kind such as `link-expired`.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix("urn:madoguchi:problem:") == Some(kind)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with the field at fault.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_rfc_9457() {
        let problem = Problem::new(410, "link-used", "この予約は終わっています").with_field("code");
        let json = serde_json::to_string(&problem).expect("json");
        assert_eq!(
            json,
            r#"{"type":"urn:madoguchi:problem:link-used","title":"この予約は終わっています","status":410,"field":"code"}"#
        );
        assert_eq!(serde_json::from_str::<Problem>(&json).expect("json"), problem);
    }
}
