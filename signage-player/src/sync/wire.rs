//! What the screens of a group say to each other: a datagram with all that one is, again and again. HMAC-SHA256 (RFC 2104) with
//! the group's key, then JSON.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use protocol::ids::{GroupId, ScreenId};
use serde::{Deserialize, Serialize};

use super::plan::Plan;

/// The longest datagram in bytes: what fits into one frame of an Ethernet.
pub const MAX_BYTES: usize = 1_400;
/// So many zones are told; with more, the rest plays by itself.
pub const MAX_ZONES: usize = 8;
const TAG_BYTES: usize = 32;

/// Whose clock a screen goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Which screen's.
    pub screen: ScreenId,
    /// In which of its lives.
    pub life: u64,
}

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// Of which group.
    pub group: GroupId,
    /// From whom.
    pub from: ScreenId,
    /// Random, another one each time that the screen's program begins.
    pub life: u64,
    /// Grows by one in a life.
    pub number: u64,
    /// In which term it leads; none: it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<u64>,
    /// Whether it has been in step with the group.
    pub settled: bool,
    /// With whom it is in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Leader>,
    /// The UDP port at which its clock can be read.
    pub clock_port: u16,
    /// Its clock when this was sent, in nanoseconds.
    pub clock_ns: i64,
    /// The group's tick minus its clock's.
    pub shift: i64,
    /// What its zones show.
    pub zones: BTreeMap<String, Plan>,
}

/// Why a datagram isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It isn't from a screen with the group's key.
    #[error("it has not the group's key")]
    Foreign,
    /// It can't be read.
    #[error("it can't be read: another version of the player?")]
    Unreadable,
}

/// The group's key.
#[derive(Debug)]
pub struct Key(hmac::Key);

impl Key {
    /// A key from its bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// A beacon as a datagram.
    #[must_use]
    pub fn seal(&self, beacon: &Beacon) -> Vec<u8> {
        // Plain data with text keys is always JSON.
        let json = serde_json::to_vec(beacon).unwrap_or_default();
        let mut datagram = hmac::sign(&self.0, &json).as_ref().to_vec();
        datagram.extend(json);
        datagram
    }

    /// The beacon in a datagram.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn open(&self, datagram: &[u8]) -> Result<Beacon, NotTaken> {
        let (tag, json) = datagram.split_at_checked(TAG_BYTES).ok_or(NotTaken::Foreign)?;
        hmac::verify(&self.0, json, tag).map_err(|_| NotTaken::Foreign)?;
        serde_json::from_slice(json).map_err(|_| NotTaken::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Entry;
    use super::*;

    fn beacon(zones: usize) -> Beacon {
        let long = "x".repeat(40);
        let entry = |begin| Entry {
            item: 1_000,
            begin: i64::MAX / 1_000 + begin,
        };
        let plan = Plan {
            now: entry(0),
            next: Some(entry(1)),
        };
        let screen = ScreenId::new(long.clone()).expect("valid");
        Beacon {
            group: GroupId::new(long).expect("valid"),
            from: screen.clone(),
            life: u64::MAX,
            number: u64::MAX,
            leads: Some(u64::MAX),
            settled: true,
            follows: Some(Leader { screen, life: u64::MAX }),
            clock_port: u16::MAX,
            clock_ns: i64::MAX,
            shift: i64::MIN,
            zones: (0..zones).map(|number| (format!("{number:016x}"), plan)).collect(),
        }
    }

    #[test]
    fn the_longest_beacon_fits_and_comes_back_as_it_went() {
        let key = Key::new(b"key");
        let datagram = key.seal(&beacon(MAX_ZONES));
        assert!(datagram.len() <= MAX_BYTES, "{}", datagram.len());
        assert_eq!(key.open(&datagram), Ok(beacon(MAX_ZONES)));
    }

    #[test]
    fn what_somebody_else_made_or_changed_is_not_taken() {
        let (key, other) = (Key::new(b"key"), Key::new(b"another"));
        let mut datagram = key.seal(&beacon(1));
        assert_eq!(other.open(&datagram), Err(NotTaken::Foreign));
        let last = datagram.len() - 3;
        datagram[last] ^= 1;
        assert_eq!(key.open(&datagram), Err(NotTaken::Foreign));
        for short in [0, 1, 31, 32] {
            assert!(key.open(&datagram[..short]).is_err());
        }
        let mut nonsense = hmac::sign(&key.0, b"{}").as_ref().to_vec();
        nonsense.extend(b"{}");
        assert_eq!(key.open(&nonsense), Err(NotTaken::Unreadable));
    }
}
