//! What members of staff are to an office: their roles.

use serde::{Deserialize, Serialize};

/// What somebody is to an office. What each may do is one table, `signaling/src/staff/rights.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the office's installation: accounts and the audit log.
    Admin,
    /// Leads a section (課長、係長).
    Lead,
    /// Gives consultations.
    Staff,
    /// Is called into consultations (テレビ通訳).
    Interpreter,
}

impl Role {
    /// All of them, the one with the widest rights first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Lead, Self::Staff, Self::Interpreter];

    /// As it is written in the configuration, in records and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Lead => "lead",
            Self::Staff => "staff",
            Self::Interpreter => "interpreter",
        }
    }

    /// The role of such a word; `None`: it is none.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_word_everywhere() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).expect("json"), role.as_str());
            assert_eq!(Role::of(role.as_str()), Some(role));
        }
        assert_eq!(Role::of("root"), None);
    }
}
