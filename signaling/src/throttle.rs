//! Wrong attempts by address: each costs a growing delay; too many are refused. Right ones are never
//! delayed, so that one bad neighbour behind a shared address locks nobody out.
//!
//! Invariant: the table never holds more than [`ADDRESSES`] entries.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::time::UnixMillis;

/// How many addresses are remembered. Full: the one that was quiet longest is forgotten.
const ADDRESSES: usize = 4096;
/// One attempt is forgiven every so often.
const FORGIVEN_EVERY: Duration = Duration::from_secs(20);
/// From so many on, a wrong attempt is refused at once.
const REFUSED_FROM: u32 = 12;
/// The delay of the first wrong attempt; doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// No wrong attempt waits longer.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
struct Entry {
    attempts: u32,
    last: UnixMillis,
}

impl Entry {
    fn attempts_at(self, now: UnixMillis) -> u32 {
        let forgiven = now.since(self.last).as_millis() / FORGIVEN_EVERY.as_millis();
        self.attempts
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

/// Counts wrong attempts.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    entries: Mutex<HashMap<IpAddr, Entry>>,
}

impl Throttle {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a wrong attempt. Returns how long its answer must wait; `None`: refuse it at once.
    pub(crate) fn wrong(&self, address: IpAddr, now: UnixMillis) -> Option<Duration> {
        let address = network(address);
        let mut entries = self.lock();
        if entries.len() >= ADDRESSES && !entries.contains_key(&address) {
            let quietest = entries.iter().min_by_key(|(_, entry)| entry.last).map(|(it, _)| *it);
            if let Some(quietest) = quietest {
                entries.remove(&quietest);
            }
        }
        let entry = entries.entry(address).or_insert(Entry { attempts: 0, last: now });
        let attempts = entry.attempts_at(now) + 1;
        *entry = Entry {
            attempts: attempts.min(REFUSED_FROM),
            last: now,
        };
        (attempts < REFUSED_FROM).then(|| LONGEST_DELAY.min(FIRST_DELAY * 2u32.saturating_pow(attempts - 1)))
    }
}

impl Throttle {
    /// Whether an address has so many wrong attempts behind it that even a right one has to wait.
    pub(crate) fn is_refused(&self, address: IpAddr, now: UnixMillis) -> bool {
        let entries = self.lock();
        let attempts = entries.get(&network(address)).map_or(0, |entry| entry.attempts_at(now));
        attempts >= REFUSED_FROM
    }
}

/// One household has a whole /64 of IPv6: they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn wrong_attempts_cost_more_and_more_until_they_are_refused_and_later_forgiven() {
        let throttle = Throttle::default();
        let delays: Vec<_> = (0..14).map(|_| throttle.wrong(ADDRESS, NOW)).collect();
        assert_eq!(delays[0], Some(FIRST_DELAY));
        assert_eq!(delays[1], Some(FIRST_DELAY * 2));
        assert_eq!(delays[10], Some(LONGEST_DELAY));
        assert_eq!(delays[11], None);
        assert_eq!(delays[13], None);
        assert!(throttle.is_refused(ADDRESS, NOW));
        assert!(!throttle.is_refused(ADDRESS, NOW.plus(FORGIVEN_EVERY)));
        let other = "192.0.2.2".parse().expect("address");
        assert_eq!(throttle.wrong(other, NOW), Some(FIRST_DELAY));
        let later = NOW.plus(FORGIVEN_EVERY * REFUSED_FROM);
        assert_eq!(throttle.wrong(ADDRESS, later), Some(FIRST_DELAY));
    }

    #[test]
    fn the_table_forgets_the_quietest_and_never_grows_beyond_its_bound() {
        let throttle = Throttle::default();
        for n in 0..=u32::try_from(ADDRESSES).expect("small") {
            let address = IpAddr::V4(n.into());
            throttle.wrong(address, NOW.plus(Duration::from_millis(u64::from(n))));
        }
        let entries = throttle.lock();
        assert_eq!(entries.len(), ADDRESSES);
        assert!(!entries.contains_key(&IpAddr::V4(0.into())));
    }

    #[test]
    fn one_household_is_one_address() {
        let of = |text: &str| network(text.parse().expect("address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
