//! SRTP and SRTCP (RFC 3711, RFC 7714) of one connection: protecting what leaves, opening the reports that come.
//!
//! Invariant: no pair of key and counter protects two different packets: RTP's counter is the packet's own extended
//! sequence number, which its stream never gives twice, and SRTCP's only grows.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{constant_time, hmac};
use str0m::crypto::dtls::SrtpProfile;

use crate::core::engine::Keys;

const SHA1_TAG: usize = 10;
/// SRTCP's index and its flag. (RFC 3711 §3.4)
const INDEX: usize = 4;
const ENCRYPTED: u32 = 0x8000_0000;
/// An RTCP packet's first header word and sender, never encrypted.
const RTCP_CLEAR: usize = 8;
/// Sources of reports that are remembered. A browser has one for each section and some besides; when there are more, the one
/// that came first is forgotten.
const REPORTERS: usize = 256;

/// SRTCP indices behind the newest that are still taken, if new. (RFC 3711 §3.3.2)
const WINDOW: u32 = 64;

/// Labels of the key derivation. (RFC 3711 §4.3.2)
#[derive(Clone, Copy)]
enum Purpose {
    RtpKey = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The keys of what this end sends, and of the reports that the other end sends.
pub(crate) struct Srtp {
    rtp: Cipher,
    rtcp: Cipher,
    their_rtcp: Cipher,
    next_index: u32,
    /// Of each source that reports: each counts for itself. (RFC 3711 §3.2.3)
    replays: Vec<(u32, Replay)>,
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Srtp(…)")
    }
}

#[allow(clippy::large_enum_variant)]
enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    CounterSha1 {
        key: EncryptingKey,
        authentication: hmac::Key,
        salt: [u8; 14],
    },
}

impl Srtp {
    /// From a handshake's keys; none: a profile that isn't known here, or material that is too short for it.
    pub(crate) fn new(keys: &Keys) -> Option<Self> {
        let (key_len, salt_len) = match keys.profile {
            SrtpProfile::AES128_CM_SHA1_80 => (16, 14),
            SrtpProfile::AEAD_AES_128_GCM => (16, 12),
            SrtpProfile::AEAD_AES_256_GCM => (32, 12),
            _ => return None,
        };
        let (client_key, rest) = keys.material.split_at_checked(key_len)?;
        let (server_key, rest) = rest.split_at_checked(key_len)?;
        let (client_salt, rest) = rest.split_at_checked(salt_len)?;
        let server_salt = rest.get(..salt_len)?;
        let (client, server) = ((client_key, client_salt), (server_key, server_salt));
        let (ours, theirs) = if keys.is_client {
            (client, server)
        } else {
            (server, client)
        };
        let rtp = [Purpose::RtpKey, Purpose::RtpAuthentication, Purpose::RtpSalt];
        let rtcp = [Purpose::RtcpKey, Purpose::RtcpAuthentication, Purpose::RtcpSalt];
        Some(Self {
            rtp: Cipher::derive(keys.profile, ours, rtp)?,
            rtcp: Cipher::derive(keys.profile, ours, rtcp)?,
            their_rtcp: Cipher::derive(keys.profile, theirs, rtcp)?,
            next_index: 0,
            replays: Vec::new(),
        })
    }

    /// Protects the RTP packet at `packet[start..]`, whose header has `header` bytes; the tag is appended. `index` is
    /// its extended sequence number. False: it could not be, and must not be sent.
    pub(crate) fn protect_rtp(&self, packet: &mut Vec<u8>, start: usize, header: usize, ssrc: u32, index: u64) -> bool {
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                // 16 zero bits, the source, the rollover counter and the sequence number. (RFC 7714 §8.1)
                let nonce = gcm_nonce(salt, ssrc, index & 0xffff_ffff_ffff);
                seal(key, nonce, packet, start, start + header)
            }
            Cipher::CounterSha1 {
                key,
                authentication,
                salt,
            } => {
                let body = &mut packet[start + header..];
                if !counter(key, salt, ssrc, index, body) {
                    return false;
                }
                let mut context = hmac::Context::with_key(authentication);
                context.update(&packet[start..]);
                context.update(&((index >> 16) as u32).to_be_bytes());
                packet.extend_from_slice(&context.sign().as_ref()[..SHA1_TAG]);
                true
            }
        }
    }

    /// Protects the compound RTCP packet at `packet[start..]`, of at least 8 bytes; index and tag are appended. False: it
    /// could not be, and must not be sent.
    pub(crate) fn protect_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> bool {
        let index = self.next_index;
        // Half a century of reports; afterwards the keys would repeat.
        let (Some(head), true) = (packet.get(start..start + RTCP_CLEAR), index < ENCRYPTED) else {
            return false;
        };
        self.next_index += 1;
        let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let flagged = (ENCRYPTED | index).to_be_bytes();
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let mut associated = [0; RTCP_CLEAR + INDEX];
                associated[..RTCP_CLEAR].copy_from_slice(head);
                associated[RTCP_CLEAR..].copy_from_slice(&flagged);
                let body = &mut packet[start + RTCP_CLEAR..];
                let Ok(tag) = key.seal_in_place_separate_tag(nonce, Aad::from(associated), body) else {
                    return false;
                };
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&flagged);
                true
            }
            Cipher::CounterSha1 {
                key,
                authentication,
                salt,
            } => {
                let body = &mut packet[start + RTCP_CLEAR..];
                if !counter(key, salt, ssrc, u64::from(index), body) {
                    return false;
                }
                packet.extend_from_slice(&flagged);
                let tag = hmac::sign(authentication, &packet[start..]);
                packet.extend_from_slice(&tag.as_ref()[..SHA1_TAG]);
                true
            }
        }
    }

    /// Opens a report of the other end. None: it isn't theirs, was changed on its way, or came before.
    pub(crate) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let head: [u8; RTCP_CLEAR] = packet.get(..RTCP_CLEAR)?.try_into().ok()?;
        let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let replay = self
            .replays
            .iter()
            .find(|(known, _)| *known == ssrc)
            .map(|(_, replay)| *replay);
        let replay = replay.unwrap_or_default();
        let (opened, index) = self.open(packet, &head, ssrc, replay)?;
        self.take_index(ssrc, index);
        packet.get(..opened)
    }

    /// Decrypts in place. Gives the length of what is open now, and the index under which it came.
    fn open(&self, packet: &mut [u8], head: &[u8; RTCP_CLEAR], ssrc: u32, replay: Replay) -> Option<(usize, u32)> {
        match &self.their_rtcp {
            Cipher::Gcm { key, salt } => {
                let (body, flagged) = packet.split_at_mut_checked(packet.len().checked_sub(INDEX)?)?;
                let flagged: [u8; INDEX] = (*flagged).try_into().ok()?;
                let index = replay.fresh(flagged)?;
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let mut associated = [0; RTCP_CLEAR + INDEX];
                associated[..RTCP_CLEAR].copy_from_slice(head);
                associated[RTCP_CLEAR..].copy_from_slice(&flagged);
                let opened = key.open_in_place(nonce, Aad::from(associated), &mut body[RTCP_CLEAR..]);
                Some((RTCP_CLEAR + opened.ok()?.len(), index))
            }
            Cipher::CounterSha1 {
                key,
                authentication,
                salt,
            } => {
                let signed = packet.len().checked_sub(SHA1_TAG)?;
                let end = signed.checked_sub(INDEX).filter(|end| *end >= RTCP_CLEAR)?;
                let flagged: [u8; INDEX] = packet[end..signed].try_into().ok()?;
                let index = replay.fresh(flagged)?;
                let tag = hmac::sign(authentication, &packet[..signed]);
                constant_time::verify_slices_are_equal(&tag.as_ref()[..SHA1_TAG], &packet[signed..]).ok()?;
                counter(key, salt, ssrc, u64::from(index), &mut packet[RTCP_CLEAR..end]).then_some((end, index))
            }
        }
    }

    fn take_index(&mut self, ssrc: u32, index: u32) {
        if let Some((_, replay)) = self.replays.iter_mut().find(|(known, _)| *known == ssrc) {
            return replay.take(index);
        }
        if self.replays.len() == REPORTERS {
            self.replays.remove(0);
        }
        let mut replay = Replay::default();
        replay.take(index);
        self.replays.push((ssrc, replay));
    }
}

impl Cipher {
    fn derive(profile: SrtpProfile, (key, salt): (&[u8], &[u8]), purposes: [Purpose; 3]) -> Option<Self> {
        let [key_for, authentication_for, salt_for] = purposes;
        let mut session_key = vec![0; key.len()];
        derive(key, salt, key_for, &mut session_key)?;
        if profile == SrtpProfile::AES128_CM_SHA1_80 {
            let mut authentication = [0; 20];
            derive(key, salt, authentication_for, &mut authentication)?;
            let mut session_salt = [0; 14];
            derive(key, salt, salt_for, &mut session_salt)?;
            return Some(Self::CounterSha1 {
                key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &session_key).ok()?).ok()?,
                authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication),
                salt: session_salt,
            });
        }
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let mut session_salt = [0; 12];
        derive(key, salt, salt_for, &mut session_salt)?;
        Some(Self::Gcm {
            key: LessSafeKey::new(UnboundKey::new(algorithm, &session_key).ok()?),
            salt: session_salt,
        })
    }
}

/// A session key: the key stream of AES in counter mode that begins at the salt with the purpose's label in it.
/// (RFC 3711 §4.3.3; RFC 7714 §11)
fn derive(key: &[u8], salt: &[u8], purpose: Purpose, out: &mut [u8]) -> Option<()> {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let mut block = [0; 16];
    block[..salt.len()].copy_from_slice(salt);
    // The label stands before the 48 bits of an index that is always zero here.
    block[7] ^= purpose as u8;
    out.fill(0);
    key.less_safe_encrypt(out, EncryptionContext::Iv128(block.into()))
        .ok()?;
    Some(())
}

fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[2..6].copy_from_slice(&ssrc.to_be_bytes());
    bytes[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in bytes.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(bytes)
}

/// Encrypts from `body` on with what stands from `start` to `body` as associated data, and appends the tag.
fn seal(key: &LessSafeKey, nonce: Nonce, packet: &mut Vec<u8>, start: usize, body: usize) -> bool {
    let (head, text) = packet.split_at_mut(body);
    let Ok(tag) = key.seal_in_place_separate_tag(nonce, Aad::from(&head[start..]), text) else {
        return false;
    };
    packet.extend_from_slice(tag.as_ref());
    true
}

/// AES in counter mode, which encrypts and decrypts alike. (RFC 3711 §4.1.1)
fn counter(key: &EncryptingKey, salt: &[u8; 14], ssrc: u32, index: u64, body: &mut [u8]) -> bool {
    let mut block = [0; 16];
    block[..14].copy_from_slice(salt);
    for (byte, ssrc) in block[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= ssrc;
    }
    for (byte, index) in block[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= index;
    }
    key.less_safe_encrypt(body, EncryptionContext::Iv128(block.into()))
        .is_ok()
}

/// Which indices came.
#[derive(Debug, Clone, Copy, Default)]
struct Replay {
    newest: Option<u32>,
    /// Bit n: the one n before the newest.
    seen: u64,
}

impl Replay {
    /// The index, if it wasn't taken before.
    fn fresh(&self, flagged: [u8; INDEX]) -> Option<u32> {
        let flagged = u32::from_be_bytes(flagged);
        // Reports in clear are none of WebRTC's.
        let index = (flagged & ENCRYPTED != 0).then_some(flagged & !ENCRYPTED)?;
        let Some(newest) = self.newest else {
            return Some(index);
        };
        let is_fresh = match newest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen >> behind & 1 == 0,
        };
        is_fresh.then_some(index)
    }

    fn take(&mut self, index: u32) {
        let newest = self.newest.unwrap_or(index);
        if index >= newest {
            let ahead = index - newest;
            self.seen = if ahead < WINDOW { self.seen << ahead } else { 0 };
            self.newest = Some(index);
            self.seen |= 1;
        } else {
            self.seen |= 1 << (newest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [(SrtpProfile, usize); 3] = [
        (SrtpProfile::AES128_CM_SHA1_80, 60),
        (SrtpProfile::AEAD_AES_128_GCM, 56),
        (SrtpProfile::AEAD_AES_256_GCM, 88),
    ];

    /// Both ends of a connection.
    fn ends((profile, len): (SrtpProfile, usize)) -> (Srtp, Srtp) {
        let end = |is_client| {
            let material = (0..len).map(|it| it as u8).collect();
            Srtp::new(&Keys {
                material,
                profile,
                is_client,
            })
            .expect("keys")
        };
        (end(true), end(false))
    }

    fn report(ssrc: u32) -> Vec<u8> {
        let mut bytes = vec![0x80, 201, 0, 2];
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend(*b"text");
        bytes
    }

    #[test]
    fn a_report_is_opened_once_and_only_unchanged() {
        for profile in PROFILES {
            let (mut client, mut server) = ends(profile);
            let mut packet = report(7);
            assert!(client.protect_rtcp(&mut packet, 0));
            assert_ne!(packet[8..12], *b"text");
            for at in [0, 5, 9, packet.len() - 1] {
                let mut changed = packet.clone();
                changed[at] ^= 1;
                assert_eq!(server.open_rtcp(&mut changed), None, "{profile:?} at {at}");
            }
            for len in 0..packet.len() {
                assert_eq!(server.open_rtcp(&mut packet[..len].to_vec()), None);
            }
            assert_eq!(
                server.open_rtcp(&mut packet.clone()),
                Some(&report(7)[..]),
                "{profile:?}"
            );
            assert_eq!(server.open_rtcp(&mut packet), None, "{profile:?}: it came before");
        }
    }

    #[test]
    fn each_reporting_source_counts_for_itself_and_reports_may_overtake_one_another() {
        // As browsers do: each source's first report has the same index.
        let [mut one, mut other] = [0, 1].map(|_| ends(PROFILES[2]).0);
        let mut server = ends(PROFILES[2]).1;
        let protected = |srtp: &mut Srtp, ssrc| {
            let mut packet = report(ssrc);
            assert!(srtp.protect_rtcp(&mut packet, 0));
            packet
        };
        let mut of_one: Vec<Vec<u8>> = (0..80).map(|_| protected(&mut one, 1)).collect();
        let mut of_other: Vec<Vec<u8>> = (0..80).map(|_| protected(&mut other, 2)).collect();
        for at in [1, 0, 3, 2] {
            assert!(server.open_rtcp(&mut of_one[at].clone()).is_some());
            assert!(server.open_rtcp(&mut of_other[at].clone()).is_some());
        }
        assert!(server.open_rtcp(&mut of_one[3]).is_none());
        assert!(server.open_rtcp(&mut of_one[79]).is_some());
        assert!(server.open_rtcp(&mut of_one[10]).is_none(), "too far behind");
        assert!(server.open_rtcp(&mut of_other[10]).is_some());
    }

    #[test]
    fn what_is_sent_is_what_another_implementation_expects() {
        // RFC 3711 §B.3: key derivation.
        let key = 0xe1f9_7a0d_3e01_8be0_d64f_a32c_06de_4139_u128.to_be_bytes();
        let salt = &0x0ec6_75ad_498a_feeb_b696_0b3a_abe6_0000_u128.to_be_bytes()[..14];
        let mut out = [0; 16];
        derive(&key, salt, Purpose::RtpKey, &mut out).expect("a key");
        assert_eq!(out, 0xc61e_7a93_744f_39ee_1073_4afe_3ff7_a087_u128.to_be_bytes());
        let mut out = [0; 14];
        derive(&key, salt, Purpose::RtpSalt, &mut out).expect("a salt");
        assert_eq!(out, 0x30cb_bc08_863d_8c85_d49d_b34a_9ae1_0000_u128.to_be_bytes()[..14]);
    }
}
