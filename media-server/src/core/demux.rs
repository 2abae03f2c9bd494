//! Which connection a datagram is for.
//!
//! Invariant: an address leads to a connection only after that connection has answered a signed check from
//! it; until then only the check's own username does. A stranger's datagram leads nowhere.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::{PeerKey, Remote};

/// How long the old name still leads to a connection after an ICE restart: checks may be under way.
const OLD_NAME_KEPT: Duration = Duration::from_secs(30);

/// Proven addresses kept for one connection; the oldest goes when there are more.
const MAX_ADDRESSES: usize = 8;

const STUN_HEADER: usize = 20;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const STUN_USERNAME: u16 = 0x0006;

/// All names and addresses of one socket.
#[derive(Debug, Default)]
pub struct Demux {
    by_name: HashMap<String, PeerKey>,
    by_address: HashMap<Remote, PeerKey>,
    peers: HashMap<PeerKey, Known>,
    /// Old names, by the time they end.
    ending: VecDeque<(Instant, String)>,
}

#[derive(Debug, Default)]
struct Known {
    names: Vec<String>,
    addresses: VecDeque<Remote>,
}

impl Demux {
    /// Gives a connection its name (the local ICE username fragment), or a new one after an ICE restart.
    pub fn name(&mut self, key: PeerKey, name: String, now: Instant) {
        self.expire(now);
        let known = self.peers.entry(key).or_default();
        if known.names.last() == Some(&name) {
            return;
        }
        if let Some(old) = known.names.last() {
            self.ending.push_back((now + OLD_NAME_KEPT, old.clone()));
        }
        known.names.push(name.clone());
        self.by_name.insert(name, key);
    }

    /// A connection has answered a signed check from this address.
    pub fn prove(&mut self, address: Remote, key: PeerKey) {
        if self.by_address.get(&address) == Some(&key) {
            return;
        }
        let Some(known) = self.peers.get_mut(&key) else {
            return;
        };
        known.addresses.push_back(address);
        let oldest = (known.addresses.len() > MAX_ADDRESSES)
            .then(|| known.addresses.pop_front())
            .flatten();
        self.release(oldest, key);
        // An address that a NAT gave to somebody else is theirs from now on.
        if let Some(before) = self.by_address.insert(address, key)
            && let Some(known) = self.peers.get_mut(&before)
        {
            known.addresses.retain(|it| *it != address);
        }
    }

    /// Forgets a connection.
    pub fn forget(&mut self, key: PeerKey) {
        let Some(known) = self.peers.remove(&key) else {
            return;
        };
        for name in known.names {
            self.by_name.remove(&name);
        }
        self.release(known.addresses, key);
    }

    /// Whose a datagram is: a connectivity check's by its username, everything else by its address.
    #[must_use]
    pub fn find(&self, source: Remote, bytes: &[u8]) -> Option<PeerKey> {
        if is_check(bytes) {
            return self.by_name.get(addressee(bytes)?).copied();
        }
        self.by_address.get(&source).copied()
    }

    fn release(&mut self, addresses: impl IntoIterator<Item = Remote>, key: PeerKey) {
        for address in addresses {
            if self.by_address.get(&address) == Some(&key) {
                self.by_address.remove(&address);
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while self.ending.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.ending.pop_front() else {
                return;
            };
            if let Some(key) = self.by_name.remove(&name)
                && let Some(known) = self.peers.get_mut(&key)
            {
                known.names.retain(|it| *it != name);
            }
        }
    }
}

/// RTP or RTCP. (RFC 7983 §7)
pub(crate) fn is_media(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| (128..192).contains(first))
}

fn is_check(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_HEADER && bytes[..2] == STUN_BINDING_REQUEST && bytes[4..8] == STUN_COOKIE
}

/// The first half of a check's username: the name of whom it is for. (RFC 8445 §7.2.2)
fn addressee(bytes: &[u8]) -> Option<&str> {
    let mut rest = bytes.get(STUN_HEADER..)?;
    loop {
        let (head, body) = rest.split_at_checked(4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = body.get(..len)?;
        if kind == STUN_USERNAME {
            let text = std::str::from_utf8(value).ok()?;
            return text.split_once(':').map(|(local, _)| local);
        }
        rest = body.get(len.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::{Side, Transport};
    use super::*;

    fn key(seat: u64) -> PeerKey {
        PeerKey {
            room: 1,
            seat,
            side: Side::Up,
            epoch: 0,
        }
    }

    fn address(port: u16) -> Remote {
        Remote {
            transport: Transport::Udp,
            address: SocketAddr::from(([192, 0, 2, 1], port)),
        }
    }

    fn check(username: &str) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend(STUN_COOKIE);
        bytes.extend([7; 12]);
        // Another attribute first, whose length isn't a multiple of four.
        bytes.extend([0x80, 0x22, 0, 3, 1, 2, 3, 0]);
        bytes.extend(STUN_USERNAME.to_be_bytes());
        bytes.extend((username.len() as u16).to_be_bytes());
        bytes.extend(username.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn checks_are_led_by_name_and_the_rest_by_proven_address() {
        let now = Instant::now();
        let mut demux = Demux::default();
        demux.name(key(1), "abcd".into(), now);
        assert_eq!(demux.find(address(1), &check("abcd:theirs")), Some(key(1)));
        assert_eq!(demux.find(address(1), &[0x80; 40]), None, "not proven yet");
        demux.prove(address(1), key(1));
        assert_eq!(demux.find(address(1), &[0x80; 40]), Some(key(1)));
        assert_eq!(
            demux.find(address(1), &check("else:theirs")),
            None,
            "a check for somebody else"
        );
        demux.forget(key(1));
        assert_eq!(demux.find(address(1), &[0x80; 40]), None);
        assert_eq!(demux.find(address(1), &check("abcd:theirs")), None);
    }

    #[test]
    fn an_old_name_leads_on_for_a_while_after_an_ice_restart() {
        let now = Instant::now();
        let mut demux = Demux::default();
        demux.name(key(1), "old".into(), now);
        demux.name(key(1), "new".into(), now);
        assert_eq!(demux.find(address(1), &check("old:x")), Some(key(1)));
        assert_eq!(demux.find(address(1), &check("new:x")), Some(key(1)));
        demux.name(key(2), "other".into(), now + OLD_NAME_KEPT);
        assert_eq!(demux.find(address(1), &check("old:x")), None);
        assert_eq!(demux.find(address(1), &check("new:x")), Some(key(1)));
    }

    #[test]
    fn an_address_moves_to_who_proved_it_last_and_lists_stay_short() {
        let now = Instant::now();
        let mut demux = Demux::default();
        demux.name(key(1), "a".into(), now);
        demux.name(key(2), "b".into(), now);
        demux.prove(address(9), key(1));
        demux.prove(address(9), key(2));
        assert_eq!(demux.find(address(9), &[0x80; 40]), Some(key(2)));
        demux.forget(key(1));
        assert_eq!(demux.find(address(9), &[0x80; 40]), Some(key(2)));
        for port in 100..120 {
            demux.prove(address(port), key(2));
        }
        assert_eq!(demux.find(address(100), &[0x80; 40]), None);
        assert_eq!(demux.find(address(119), &[0x80; 40]), Some(key(2)));
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES);
    }

    #[test]
    fn an_address_proven_by_one_transport_is_nobodys_by_the_other() {
        let mut demux = Demux::default();
        demux.name(key(1), "abcd".into(), Instant::now());
        demux.prove(address(1), key(1));
        let by_tcp = Remote {
            transport: Transport::Tcp,
            ..address(1)
        };
        assert_eq!(demux.find(by_tcp, &[0x80; 40]), None);
        assert_eq!(demux.find(by_tcp, &check("abcd:theirs")), Some(key(1)));
        demux.prove(by_tcp, key(1));
        assert_eq!(demux.find(by_tcp, &[0x80; 40]), Some(key(1)));
    }

    #[test]
    fn cut_off_and_lying_checks_are_nobodys() {
        let whole = check("abcd:theirs");
        let mut demux = Demux::default();
        demux.name(key(1), "abcd".into(), Instant::now());
        for len in 0..whole.len() {
            let found = demux.find(address(1), &whole[..len]);
            assert!(found.is_none() || len >= whole.len() - 1, "{len}");
        }
        let mut lying = whole.clone();
        lying[STUN_HEADER + 2] = 0xff;
        assert_eq!(demux.find(address(1), &lying), None);
    }
}
