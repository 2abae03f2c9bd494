//! Hands the keys of a connection's handshake (DTLS-SRTP, RFC 5764 §4.2) to whoever built the connection.
//!
//! Invariant: a slot is filled at most once, when its own connection's handshake is done, and by nobody else. Nothing else
//! of the connection is changed, but that data of streams that aren't to be used isn't passed on ([`streams`]).
//!
//! str0m makes its DTLS by a provider that may be exchanged; [`Tap`] is the usual one with an ear on it.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use super::{rsa, streams};

/// What every network carries. (RFC 8200 §5, less IPv6 and UDP headers)
const USUAL_MTU: usize = 1200;

/// What a handshake agreed on.
#[derive(Clone)]
pub struct Keys {
    /// Client's key, server's key, client's salt, server's salt. (RFC 5764 §4.2)
    pub(crate) material: Vec<u8>,
    /// The cipher.
    pub(crate) profile: SrtpProfile,
    /// Whether this end is the handshake's client.
    pub(crate) is_client: bool,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// Where a connection's keys will lie.
pub(super) type Slot = Arc<OnceLock<Keys>>;

thread_local! {
    /// Of the connection that this thread built last.
    static LAST: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

/// The usual provider, with the tap.
pub(super) fn provider() -> CryptoProvider {
    static TAP: Tap = Tap { takes_rsa: false };
    CryptoProvider {
        dtls_provider: &TAP,
        ..from_feature_flags()
    }
}

/// One whose handshakes take RSA certificates too: [`rsa`].
pub(super) fn provider_for_all() -> CryptoProvider {
    static TAP: Tap = Tap { takes_rsa: true };
    CryptoProvider {
        dtls_provider: &TAP,
        ..from_feature_flags()
    }
}

/// The slot of the connection that this thread has just built.
pub(super) fn take_slot() -> Slot {
    LAST.take().unwrap_or_default()
}

#[derive(Debug)]
struct Tap {
    takes_rsa: bool,
}

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = if self.takes_rsa {
            rsa::open(cert, mtu.unwrap_or(USUAL_MTU), now)?
        } else {
            from_feature_flags().dtls_provider.new_dtls(cert, now, version, mtu)?
        };
        let slot = Slot::default();
        LAST.set(Some(Arc::clone(&slot)));
        Ok(Box::new(Tapped { inner, slot }))
    }
}

#[derive(Debug)]
struct Tapped {
    inner: Box<dyn DtlsInstance>,
    slot: Slot,
}

impl DtlsInstance for Tapped {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buf);
        if let DtlsOutput::ApplicationData(packet) = &output
            && streams::is_beyond(packet)
        {
            // Too short for a packet: as if it had got lost.
            return DtlsOutput::ApplicationData(&[]);
        }
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            // Filled already: the first handshake's keys stay.
            let _ = self.slot.set(Keys {
                material: material.to_vec(),
                profile: *profile,
                is_client: self.inner.is_active(),
            });
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
