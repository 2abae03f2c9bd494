//! Screens that show the same frames: who is in the group, how they reach each other, and how one is doing in it.
//!
//! A group needs no server to play: all that a screen must know of it stands in its manifest.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, ScreenId};

/// The most screens in a group: each sends to every other.
pub const MAX_SCREENS: usize = 16;

/// A group, as one of its screens knows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: GroupId,
    /// Which of its screens this one is.
    pub screen: ScreenId,
    /// Where this screen listens for the others (UDP).
    pub address: SocketAddr,
    /// Where the others listen.
    pub others: BTreeMap<ScreenId, SocketAddr>,
    /// What the group's screens know each other by: 64 hexadecimal digits. A secret.
    pub key: String,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name)
            .field("screen", &self.screen)
            .field("address", &self.address)
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}

/// What a screen is in its group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It listens whether there is somebody.
    #[default]
    Listening,
    /// The others go by its clock.
    Leads,
    /// It goes by another one's clock.
    Follows,
    /// It hears nobody, and plays alone.
    Alone,
}

/// How a screen is doing in its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InGroup {
    /// Which group.
    pub group: GroupId,
    /// What it is there.
    pub role: Role,
    /// Whose clock it goes by; its own: itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<ScreenId>,
    /// How many other screens it hears.
    pub heard: u32,
    /// How many there should be.
    pub others: u32,
    /// By how many microseconds its picture was off the leader's clock at most in the last ten seconds, as it measured
    /// itself; none: nothing was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_us: Option<u64>,
}

impl InGroup {
    /// What is wrong with it, in words for whoever mends it: `WHAT: WHY`.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let (group, heard, others) = (&self.group, self.heard, self.others);
        match self.role {
            Role::Listening => None,
            Role::Alone => Some(format!("group {group}: no other screen is heard: it plays alone")),
            _ if heard < others => Some(format!("group {group}: {heard} of {others} other screens are heard")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_groups_key_is_in_no_log() {
        let group = Group {
            name: GroupId::new("lobby").expect("valid"),
            screen: ScreenId::new("left").expect("valid"),
            address: "192.0.2.1:7400".parse().expect("valid"),
            others: BTreeMap::new(),
            key: "ab".repeat(32),
        };
        assert!(!format!("{group:?}").contains("abab"));
    }

    #[test]
    fn a_screen_that_misses_others_says_so() {
        let mut of = InGroup {
            group: GroupId::new("lobby").expect("valid"),
            role: Role::Alone,
            leader: None,
            heard: 0,
            others: 2,
            error_us: None,
        };
        assert!(of.fault().expect("a fault").ends_with("it plays alone"));
        (of.role, of.heard) = (Role::Leads, 1);
        assert_eq!(
            of.fault().expect("a fault"),
            "group lobby: 1 of 2 other screens are heard"
        );
        of.heard = 2;
        assert_eq!(of.fault(), None);
    }
}
