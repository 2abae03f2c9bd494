//! SRTP and SRTCP (RFC 3711, RFC 7714): what is sent is sealed, what comes is checked and opened, in place.
//!
//! Invariant: nothing of a packet is believed, nor any state changed by it, before its tag was found right.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

/// The length of an HMAC-SHA1-80 tag in bytes. (RFC 3711 §4.2)
const HMAC_TAG: usize = 10;

/// The SRTCP index with its E bit, in bytes. (RFC 3711 §3.4)
const INDEX: usize = 4;

/// What of an RTCP packet stays in clear, in bytes.
const RTCP_HEAD: usize = 8;

/// Labels of derived keys; RTCP's are 3 more. (RFC 3711 §4.3.1)
const LABEL_KEY: u8 = 0;
const LABEL_AUTH: u8 = 1;
const LABEL_SALT: u8 = 2;
const RTCP_LABELS: u8 = 3;

/// Why keys can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// DTLS exported another number of bytes than the profile has.
    #[error("{0} bytes of key material: expected {1}")]
    Length(usize, usize),
    /// The library refused the key.
    #[error("the library refused a key")]
    Refused,
}

impl From<aws_lc_rs::error::Unspecified> for KeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Refused
    }
}

/// What was agreed on in DTLS. (RFC 5764 §4.1.2, RFC 7714 §14.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`.
    Cm128Sha1,
    /// `SRTP_AEAD_AES_128_GCM`.
    Gcm128,
    /// `SRTP_AEAD_AES_256_GCM`.
    Gcm256,
}

impl Profile {
    /// The IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cm128Sha1 => "SRTP_AES128_CM_HMAC_SHA1_80",
            Self::Gcm128 => "SRTP_AEAD_AES_128_GCM",
            Self::Gcm256 => "SRTP_AEAD_AES_256_GCM",
        }
    }

    fn key_len(self) -> usize {
        if self == Self::Gcm256 { 32 } else { 16 }
    }

    fn salt_len(self) -> usize {
        if self == Self::Cm128Sha1 { 14 } else { 12 }
    }
}

/// Both ways of one connection.
#[derive(Debug)]
pub struct Session {
    /// What was agreed on.
    pub profile: Profile,
    /// What this end sends.
    pub outbound: Outbound,
    /// What the other end sends.
    pub inbound: Inbound,
}

impl Session {
    /// From what DTLS exported; `is_client`: this end opened the handshake. (RFC 5764 §4.2)
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(profile: Profile, material: &[u8], is_client: bool) -> Result<Self, KeyError> {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let expected = 2 * (key + salt);
        if material.len() != expected {
            return Err(KeyError::Length(material.len(), expected));
        }
        let (keys, salts) = material.split_at(2 * key);
        let client = Way::new(profile, &keys[..key], &salts[..salt])?;
        let server = Way::new(profile, &keys[key..], &salts[salt..])?;
        let (out, inward) = if is_client { (client, server) } else { (server, client) };
        Ok(Self {
            profile,
            outbound: Outbound {
                way: out,
                rtcp_index: 0,
            },
            inbound: Inbound {
                way: inward,
                streams: Vec::new(),
            },
        })
    }
}

/// Seals what this end sends.
#[derive(Debug)]
pub struct Outbound {
    way: Way,
    rtcp_index: u32,
}

impl Outbound {
    /// Seals the RTP packet that begins at `start` of the buffer; `index` is its sequence number with
    /// rounds counted above the 16 bits. The tag is appended.
    ///
    /// # Errors
    /// [`KeyError::Refused`].
    pub fn seal_rtp(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), KeyError> {
        let (head, body) = buffer[start..].split_at_mut(header);
        match &self.way.rtp {
            Suite::Gcm { key, salt } => {
                let nonce = gcm_rtp_nonce(salt, ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*head), body)?;
                buffer.extend_from_slice(tag.as_ref());
            }
            Suite::Cm { key, salt, auth } => {
                key.less_safe_encrypt(body, cm_iv(salt, ssrc, index))?;
                let tag = hmac_tag(auth, &buffer[start..], &rounds(index).to_be_bytes());
                buffer.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Seals the RTCP packet that is the whole buffer. (RFC 7714 §9, RFC 3711 §3.4)
    ///
    /// # Errors
    /// [`KeyError::Refused`].
    pub fn seal_rtcp(&mut self, buffer: &mut Vec<u8>) -> Result<(), KeyError> {
        self.rtcp_index += 1;
        let index = self.rtcp_index;
        let ssrc = be_u32(buffer, 4);
        let trailer = (index | 1 << 31).to_be_bytes();
        let (head, body) = buffer.split_at_mut(RTCP_HEAD);
        match &self.way.rtcp {
            Suite::Gcm { key, salt } => {
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                let aad = rtcp_aad(head, trailer);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), body)?;
                buffer.extend_from_slice(tag.as_ref());
                buffer.extend_from_slice(&trailer);
            }
            Suite::Cm { key, salt, auth } => {
                key.less_safe_encrypt(body, cm_iv(salt, ssrc, index.into()))?;
                buffer.extend_from_slice(&trailer);
                let tag = hmac_tag(auth, buffer, &[]);
                buffer.extend_from_slice(&tag);
            }
        }
        Ok(())
    }
}

/// Opens what the other end sends.
#[derive(Debug)]
pub struct Inbound {
    way: Way,
    /// Of each source the highest index so far. Bounded by what the other end, authenticated, sends.
    streams: Vec<(u32, u64)>,
}

impl Inbound {
    /// Opens an RTP packet in place. Gives its payload and its index (sequence number with rounds counted);
    /// nothing when it isn't authentic.
    pub fn open_rtp<'a>(
        &mut self,
        packet: &'a mut [u8],
        header: usize,
        ssrc: u32,
        seq: u16,
    ) -> Option<(&'a mut [u8], u64)> {
        let known = self.streams.iter().position(|(it, _)| *it == ssrc);
        let index = known.map_or(u64::from(seq), |at| index_near(self.streams[at].1, seq));
        let payload = match &self.way.rtp {
            Suite::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut_checked(header)?;
                let nonce = gcm_rtp_nonce(salt, ssrc, index);
                key.open_in_place(nonce, Aad::from(&*head), body).ok()?
            }
            Suite::Cm { key, salt, auth } => {
                let (sealed, tag) = packet.split_at_mut_checked(packet.len().checked_sub(HMAC_TAG)?)?;
                if hmac_tag(auth, sealed, &rounds(index).to_be_bytes()) != *tag {
                    return None;
                }
                let body = sealed.get_mut(header..)?;
                key.less_safe_encrypt(body, cm_iv(salt, ssrc, index)).ok()?;
                body
            }
        };
        match known {
            Some(at) => self.streams[at].1 = self.streams[at].1.max(index),
            None => self.streams.push((ssrc, index)),
        }
        Some((payload, index))
    }

    /// Opens an RTCP packet in place. Gives its length in clear; nothing when it isn't authentic.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        if packet.len() < RTCP_HEAD + INDEX {
            return None;
        }
        let ssrc = be_u32(packet, 4);
        match &self.way.rtcp {
            Suite::Gcm { key, salt } => {
                let (sealed, trailer) = packet.split_at_mut(packet.len() - INDEX);
                let trailer: [u8; INDEX] = (*trailer).try_into().ok()?;
                let index = u32::from_be_bytes(trailer) & !(1 << 31);
                let (head, body) = sealed.split_at_mut(RTCP_HEAD);
                let aad = rtcp_aad(head, trailer);
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                let opened = key.open_in_place(nonce, Aad::from(aad), body).ok()?;
                Some(RTCP_HEAD + opened.len())
            }
            Suite::Cm { key, salt, auth } => {
                let (sealed, tag) = packet.split_at_mut(packet.len().checked_sub(HMAC_TAG)?);
                if hmac_tag(auth, sealed, &[]) != *tag || sealed.len() < RTCP_HEAD + INDEX {
                    return None;
                }
                let end = sealed.len() - INDEX;
                let index = be_u32(sealed, end) & !(1 << 31);
                let iv = cm_iv(salt, ssrc, index.into());
                key.less_safe_encrypt(&mut sealed[RTCP_HEAD..end], iv).ok()?;
                Some(end)
            }
        }
    }
}

/// The keys of one direction.
#[derive(Debug)]
struct Way {
    rtp: Suite,
    rtcp: Suite,
}

impl Way {
    fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            rtp: Suite::derive(profile, key, salt, 0)?,
            rtcp: Suite::derive(profile, key, salt, RTCP_LABELS)?,
        })
    }
}

/// A derived key and what belongs to it. The large one is the one that is used: boxing it would cost each packet a
/// look elsewhere.
#[allow(clippy::large_enum_variant)]
enum Suite {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    Cm {
        key: EncryptingKey,
        salt: [u8; 14],
        auth: hmac::Key,
    },
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gcm { .. } => "Gcm(…)",
            Self::Cm { .. } => "Cm(…)",
        })
    }
}

impl Suite {
    fn derive(profile: Profile, key: &[u8], salt: &[u8], labels: u8) -> Result<Self, KeyError> {
        let mut session = vec![0; profile.key_len()];
        derive(key, salt, LABEL_KEY + labels, &mut session)?;
        if profile == Profile::Cm128Sha1 {
            let (mut session_salt, mut auth) = ([0; 14], [0; 20]);
            derive(key, salt, LABEL_SALT + labels, &mut session_salt)?;
            derive(key, salt, LABEL_AUTH + labels, &mut auth)?;
            return Ok(Self::Cm {
                key: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &session)?)?,
                salt: session_salt,
                auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth),
            });
        }
        let mut session_salt = [0; 12];
        derive(key, salt, LABEL_SALT + labels, &mut session_salt)?;
        let algorithm = if profile == Profile::Gcm256 {
            &AES_256_GCM
        } else {
            &AES_128_GCM
        };
        Ok(Self::Gcm {
            key: LessSafeKey::new(UnboundKey::new(algorithm, &session)?),
            salt: session_salt,
        })
    }
}

/// AES-CM key derivation with a derivation rate of zero. (RFC 3711 §4.3.3, RFC 6188 §3 for 256 bits)
fn derive(key: &[u8], salt: &[u8], label: u8, out: &mut [u8]) -> Result<(), KeyError> {
    let mut iv = [0; 16];
    iv[..salt.len()].copy_from_slice(salt);
    iv[7] ^= label;
    out.fill(0);
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let cipher = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key)?)?;
    cipher.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv)))?;
    Ok(())
}

/// How often the 16 bits went round: RFC 3711's ROC.
fn rounds(index: u64) -> u32 {
    // An index has 48 bits.
    (index >> 16) as u32
}

/// The index of a sequence number that is nearest to the highest one. (RFC 3711 §3.3.1)
fn index_near(highest: u64, seq: u16) -> u64 {
    let distance = seq.wrapping_sub(highest as u16).cast_signed();
    highest.checked_add_signed(distance.into()).unwrap_or(u64::from(seq))
}

fn gcm_rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut iv = *salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[6..12], &index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(iv)
}

fn gcm_rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
    let mut iv = *salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[8..12], &index.to_be_bytes());
    Nonce::assume_unique_for_key(iv)
}

fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> EncryptionContext {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    EncryptionContext::Iv128(FixedLength::from(iv))
}

fn rtcp_aad(head: &[u8], trailer: [u8; INDEX]) -> [u8; RTCP_HEAD + INDEX] {
    let mut aad = [0; RTCP_HEAD + INDEX];
    aad[..RTCP_HEAD].copy_from_slice(head);
    aad[RTCP_HEAD..].copy_from_slice(&trailer);
    aad
}

fn hmac_tag(key: &hmac::Key, content: &[u8], more: &[u8]) -> [u8; HMAC_TAG] {
    let mut context = hmac::Context::with_key(key);
    context.update(content);
    context.update(more);
    let mut tag = [0; HMAC_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..HMAC_TAG]);
    tag
}

fn xor(into: &mut [u8], with: &[u8]) {
    for (a, b) in into.iter_mut().zip(with) {
        *a ^= b;
    }
}

fn be_u32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .iter()
        .take(4)
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests;
