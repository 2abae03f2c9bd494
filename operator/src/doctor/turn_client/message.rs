//! Messages of STUN and TURN as bytes (RFC 8489 §5, RFC 8656).

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::TurnError;

pub(super) const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
pub(super) const HEADER: usize = 20;

pub(super) const ALLOCATE: u16 = 0x0003;
pub(super) const REFRESH: u16 = 0x0004;
pub(super) const CREATE_PERMISSION: u16 = 0x0008;
pub(super) const SEND_INDICATION: u16 = 0x0016;
pub(super) const DATA_INDICATION: u16 = 0x0017;
pub(super) const SUCCESS: u16 = 0x0100;
pub(super) const FAILURE: u16 = 0x0110;

pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const LIFETIME: u16 = 0x000d;
pub(super) const XOR_PEER_ADDRESS: u16 = 0x0012;
pub(super) const DATA: u16 = 0x0013;
pub(super) const REALM: u16 = 0x0014;
pub(super) const NONCE: u16 = 0x0015;
pub(super) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub(super) const REQUESTED_TRANSPORT: u16 = 0x0019;

/// A STUN message (RFC 8489 §5).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) id: [u8; 12],
    pub(super) attributes: Vec<(u16, Vec<u8>)>,
}

impl Message {
    pub(super) fn new(kind: u16) -> Self {
        let mut id = [0; 12];
        rand::fill(&mut id);
        Self {
            kind,
            id,
            attributes: Vec::new(),
        }
    }

    pub(super) fn with(mut self, kind: u16, value: impl Into<Vec<u8>>) -> Self {
        self.attributes.push((kind, value.into()));
        self
    }

    pub(super) fn get(&self, kind: u16) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(it, _)| *it == kind);
        found.map(|(_, value)| value.as_slice())
    }

    /// The bytes, signed where there is a key.
    pub(super) fn encode(&self, key: Option<&[u8]>) -> Vec<u8> {
        let mut out = self.kind.to_be_bytes().to_vec();
        out.extend([0, 0]);
        out.extend(COOKIE);
        out.extend(self.id);
        for (kind, value) in &self.attributes {
            push_attribute(&mut out, *kind, value);
        }
        if let Some(key) = key {
            // The signature is over a length that counts it already.
            set_len(&mut out, HEADER + 4);
            let signed = Hmac::<Sha1>::new_from_slice(key).map(|mac| mac.chain_update(&out).finalize().into_bytes());
            push_attribute(&mut out, MESSAGE_INTEGRITY, &signed.unwrap_or_default());
        }
        set_len(&mut out, 0);
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(HEADER)?;
        if head[4..8] != COOKIE || head[0] & 0xc0 != 0 {
            return None;
        }
        let mut attributes = Vec::new();
        while let Some((head, body)) = rest.split_at_checked(4) {
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            attributes.push((u16::from_be_bytes([head[0], head[1]]), body.get(..len)?.to_vec()));
            rest = body.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(Self {
            kind: u16::from_be_bytes([head[0], head[1]]),
            id: head[8..20].try_into().ok()?,
            attributes,
        })
    }

    pub(super) fn error(&self) -> TurnError {
        match self.get(ERROR_CODE) {
            Some([_, _, class, number, reason @ ..]) => TurnError::Refused {
                code: u16::from(*class & 7) * 100 + u16::from(*number),
                reason: String::from_utf8_lossy(reason).into_owned(),
            },
            _ => TurnError::Odd,
        }
    }
}

fn push_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend(kind.to_be_bytes());
    out.extend(len.to_be_bytes());
    out.extend_from_slice(&value[..usize::from(len)]);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Writes the length of what follows the header, and of `more` to come.
fn set_len(out: &mut [u8], more: usize) {
    let len = u16::try_from(out.len() - HEADER + more).unwrap_or(u16::MAX);
    out[2..4].copy_from_slice(&len.to_be_bytes());
}

/// RFC 8489 §14.2.
pub(super) fn xor_address(at: SocketAddr, id: &[u8; 12]) -> Vec<u8> {
    let mask = [&COOKIE[..], &id[..]].concat();
    let (family, ip) = match at.ip() {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let mut out = vec![0, family];
    out.extend((at.port() ^ 0x2112).to_be_bytes());
    out.extend(ip.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    out
}

pub(super) fn parse_xor_address(bytes: &[u8], id: &[u8; 12]) -> Option<SocketAddr> {
    let mask = [&COOKIE[..], &id[..]].concat();
    let (head, ip) = bytes.split_at_checked(4)?;
    let port = u16::from_be_bytes([head[2], head[3]]) ^ 0x2112;
    let ip: Vec<u8> = ip.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    let ip = match head[1] {
        1 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_addresses_come_back_and_what_is_cut_off_is_nothing() {
        let message = Message::new(ALLOCATE).with(REALM, *b"abc").with(DATA, vec![7; 9]);
        let bytes = message.encode(None);
        assert_eq!(Message::parse(&bytes), Some(message));
        for len in 0..bytes.len() {
            // Must not panic; a message without its last attribute may still be one.
            let _ = Message::parse(&bytes[..len]);
        }
        for at in ["192.0.2.7:3478", "[2001:db8::7]:443"] {
            let at: SocketAddr = at.parse().expect("address");
            let id = [9; 12];
            assert_eq!(parse_xor_address(&xor_address(at, &id), &id), Some(at));
        }
    }
}
