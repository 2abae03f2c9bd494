//! DTLS 1.2 (RFC 6347) by OpenSSL, for ends whose certificate may be an RSA one. The usual implementation knows ECDSA only, as
//! browsers and OBS use it; GStreamer's certificates are RSA.
//!
//! Invariant: this end is the server of its handshake and says nothing before the other end did; what the handshake agreed on is
//! told once, the other end's certificate before the keys, so that a wrong one ends the connection before anything is opened.
//!
//! OpenSSL itself reads a clock to tell when a lost flight is to be sent again; when it is asked is told from outside, as everywhere.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use openssl::pkey::PKey;
use openssl::ssl::{
    HandshakeError, MidHandshakeSslStream, ShutdownState, Ssl, SslContext, SslMethod, SslOptions, SslStream,
    SslVerifyMode,
};
use openssl::x509::X509;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, KeyingMaterial, ProtocolVersion, SrtpProfile,
};

/// Forward secrecy and authenticated encryption only.
const CIPHERS: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// The label under which keys for SRTP are exported. (RFC 5764 §4.2)
const LABEL: &str = "EXTRACTOR-dtls_srtp";

/// How often OpenSSL is asked whether a flight has to be sent again.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Nothing is due.
const NEVER: Duration = Duration::from_secs(3600);

/// A datagram's records at most; longer ones aren't DTLS over anybody's network.
const LARGEST_DATAGRAM: usize = 16 * 1024;

/// Flights have a few datagrams. Full: the datagram is lost, and sent again.
const MOST_DATAGRAMS: usize = 32;

/// Another end of DTLS. `mtu` in bytes.
///
/// # Errors
/// The certificate or its key can't be read.
pub(super) fn open(certificate: &DtlsCert, mtu: usize, now: Instant) -> Result<Box<dyn DtlsInstance>, CryptoError> {
    let ssl = describe(certificate, mtu).map_err(|error| CryptoError::Other(format!("OpenSSL: {error}")))?;
    Ok(Box::new(Server {
        state: State::Waiting(Some((ssl, Wire::default()))),
        news: VecDeque::new(),
        is_closing: false,
        now,
    }))
}

fn describe(certificate: &DtlsCert, mtu: usize) -> Result<Ssl, openssl::error::ErrorStack> {
    let mut context = SslContext::builder(SslMethod::dtls_server())?;
    context.set_cipher_list(CIPHERS)?;
    context.set_options(SslOptions::NO_DTLSV1 | SslOptions::NO_QUERY_MTU | SslOptions::NO_RENEGOTIATION);
    context.set_certificate(X509::from_der(&certificate.certificate)?.as_ref())?;
    context.set_private_key(PKey::private_key_from_der(&certificate.private_key)?.as_ref())?;
    let profiles: Vec<_> = SrtpProfile::ALL.iter().map(|it| name_of(*it)).collect();
    context.set_tlsext_use_srtp(&profiles.join(":"))?;
    // It is its own authority: whose it is, the fingerprint in the SDP says, which is compared when it is told.
    context.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, |_, _| true);
    let mut ssl = Ssl::new(&context.build())?;
    ssl.set_mtu(u32::try_from(mtu).unwrap_or(1200))?;
    Ok(ssl)
}

/// How OpenSSL calls a profile.
fn name_of(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::AEAD_AES_256_GCM => "SRTP_AEAD_AES_256_GCM",
        SrtpProfile::AEAD_AES_128_GCM => "SRTP_AEAD_AES_128_GCM",
        _ => "SRTP_AES128_CM_SHA1_80",
    }
}

/// What is between the two ends: datagrams that came and haven't been read, and that haven't left yet.
#[derive(Debug, Default)]
struct Wire {
    came: VecDeque<Vec<u8>>,
    leaving: VecDeque<Vec<u8>>,
}

impl io::Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let datagram = self.came.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let length = datagram.len().min(into.len());
        into[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl io::Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        if self.leaving.len() < MOST_DATAGRAMS {
            self.leaving.push_back(datagram.to_vec());
        }
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum State {
    /// Nothing came yet. Empty: for the moment of a step.
    Waiting(Option<(Ssl, Wire)>),
    Shaking(MidHandshakeSslStream<Wire>),
    Done(SslStream<Wire>),
    /// What is left to be sent: an alert.
    Failed(Wire),
}

/// What is to be told of a finished handshake, in this order.
enum News {
    Certificate(Vec<u8>),
    Connected,
    Keys(Vec<u8>, SrtpProfile),
    Data(Vec<u8>),
    Closed,
}

struct Server {
    state: State,
    news: VecDeque<News>,
    is_closing: bool,
    /// The newest time that was told.
    now: Instant,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.state {
            State::Waiting(waiting) => waiting.as_mut().map(|(_, wire)| wire),
            State::Shaking(shaking) => Some(shaking.get_mut()),
            State::Done(stream) => Some(stream.get_mut()),
            State::Failed(wire) => Some(wire),
        }
    }

    /// Goes on with the handshake as far as it goes.
    fn shake(&mut self) -> Result<(), DtlsImplError> {
        let before = std::mem::replace(&mut self.state, State::Waiting(None));
        let step = match before {
            State::Waiting(Some((ssl, wire))) => ssl.accept(wire),
            State::Shaking(shaking) => shaking.handshake(),
            other => {
                self.state = other;
                return Ok(());
            }
        };
        match step {
            Ok(stream) => {
                let agreed = agreed(&stream);
                self.state = State::Done(stream);
                let (certificate, keys, profile) = agreed.map_err(refused)?;
                self.news.push_back(News::Certificate(certificate));
                self.news.push_back(News::Connected);
                self.news.push_back(News::Keys(keys, profile));
                Ok(())
            }
            Err(HandshakeError::WouldBlock(shaking)) => {
                self.state = State::Shaking(shaking);
                Ok(())
            }
            Err(HandshakeError::Failure(mut shaking)) => {
                self.state = State::Failed(std::mem::take(shaking.get_mut()));
                Err(refused(io::Error::other(shaking.into_error())))
            }
            Err(HandshakeError::SetupFailure(error)) => Err(refused(error.into())),
        }
    }

    /// Reads what came since the handshake.
    fn read(&mut self) {
        let State::Done(stream) = &mut self.state else { return };
        let mut bytes = vec![0; LARGEST_DATAGRAM];
        // Each datagram that came gives some data, an alert, or nothing.
        while let Ok(length) = stream.ssl_read(&mut bytes) {
            if length == 0 {
                break;
            }
            self.news.push_back(News::Data(bytes[..length].to_vec()));
        }
        if stream.get_shutdown().contains(ShutdownState::RECEIVED) && !self.is_closing {
            self.is_closing = true;
            // Only answers what was said.
            let _ = stream.shutdown();
            self.news.push_back(News::Closed);
        }
    }

    fn is_shaking(&self) -> bool {
        matches!(self.state, State::Shaking(_))
    }
}

/// The other end's certificate (DER), the keys and the cipher.
fn agreed(stream: &SslStream<Wire>) -> io::Result<(Vec<u8>, Vec<u8>, SrtpProfile)> {
    let ssl = stream.ssl();
    let certificate = ssl
        .peer_certificate()
        .ok_or_else(|| io::Error::other("no certificate"))?;
    let chosen = ssl
        .selected_srtp_profile()
        .ok_or_else(|| io::Error::other("no SRTP profile in common"))?
        .name();
    let mut profiles = SrtpProfile::ALL.iter().copied();
    let profile = profiles
        .find(|it| name_of(*it) == chosen)
        .ok_or_else(|| io::Error::other("a profile that nobody offered"))?;
    let mut keys = vec![0; profile.keying_material_len()];
    ssl.export_keying_material(&mut keys, LABEL, None)?;
    Ok((certificate.to_der()?, keys, profile))
}

/// The error type of the other implementation has no place for words: they go to the log.
#[allow(clippy::needless_pass_by_value)] // As `map_err` takes it.
fn refused(error: io::Error) -> DtlsImplError {
    tracing::debug!(%error, "a handshake failed");
    DtlsImplError::ConnectionClosed
}

impl DtlsInstance for Server {
    fn set_active(&mut self, active: bool) {
        // Whoever calls offers both, and the answer is always "passive": see `Peer::accept_offer`.
        if active {
            tracing::warn!("a handshake was to be begun from here: it never will be");
        }
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if packet.is_empty() {
            return Ok(());
        }
        if let Some(wire) = self.wire().filter(|it| it.came.len() < MOST_DATAGRAMS) {
            wire.came.push_back(packet.to_vec());
        }
        self.shake()?;
        self.read();
        Ok(())
    }

    fn poll_output<'a>(&mut self, into: &'a mut [u8]) -> DtlsOutput<'a> {
        if let Some(datagram) = self.wire().and_then(|it| it.leaving.pop_front()) {
            return match fill(into, &datagram) {
                Some(bytes) => DtlsOutput::Packet(bytes),
                None => DtlsOutput::BufferTooSmall { needed: datagram.len() },
            };
        }
        match self.news.pop_front() {
            Some(News::Certificate(der)) => match fill(into, &der) {
                Some(bytes) => DtlsOutput::PeerCert(bytes),
                None => DtlsOutput::BufferTooSmall { needed: der.len() },
            },
            Some(News::Connected) => DtlsOutput::Connected,
            Some(News::Keys(keys, profile)) => DtlsOutput::KeyingMaterial(KeyingMaterial::new(&keys), profile),
            Some(News::Data(data)) => match fill(into, &data) {
                Some(bytes) => DtlsOutput::ApplicationData(bytes),
                None => DtlsOutput::ApplicationData(&[]),
            },
            Some(News::Closed) => DtlsOutput::CloseNotify,
            None => {
                let wait = if self.is_shaking() { ASK_EVERY } else { NEVER };
                DtlsOutput::Timeout(self.now + wait)
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        if self.is_shaking() { self.shake() } else { Ok(()) }
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        let State::Done(stream) = &mut self.state else {
            return Ok(0);
        };
        stream.ssl_write(data).map_err(|error| refused(io::Error::other(error)))
    }

    fn is_active(&self) -> bool {
        false
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        matches!(self.state, State::Done(_)).then_some(ProtocolVersion::DTLS1_2)
    }

    fn is_closing(&self) -> bool {
        self.is_closing
    }

    fn is_closed(&self) -> bool {
        let is_sent = match &self.state {
            State::Done(stream) => stream.get_ref().leaving.is_empty(),
            State::Failed(wire) => wire.leaving.is_empty(),
            State::Waiting(_) | State::Shaking(_) => true,
        };
        self.is_closing && is_sent
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        if let State::Done(stream) = &mut self.state {
            // Said at most once; that it isn't answered is nobody's trouble.
            let _ = stream.shutdown();
        }
        self.is_closing = true;
        Ok(())
    }
}

/// The bytes in the buffer, where they fit.
fn fill<'a>(into: &'a mut [u8], bytes: &[u8]) -> Option<&'a [u8]> {
    let into = into.get_mut(..bytes.len())?;
    into.copy_from_slice(bytes);
    Some(into)
}
