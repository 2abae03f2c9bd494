//! Learns the keys that DTLS agreed on (RFC 5764): str0m does ICE and DTLS, the bench does SRTP itself, many
//! times cheaper than a whole engine could.
//!
//! Invariant: keys are only taken on the thread that drives the connection, right after it was driven.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::Instant;

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider};

use crate::srtp::Profile;

/// What a handshake agreed on.
#[derive(Debug)]
pub struct Agreed {
    /// How packets are protected.
    pub profile: Profile,
    /// The exported bytes.
    pub material: Vec<u8>,
    /// Whether this end opened the handshake.
    pub is_client: bool,
}

thread_local! {
    static AGREED: RefCell<Option<Agreed>> = const { RefCell::new(None) };
}

/// What the connection that was driven last has agreed on, if it was just then.
pub fn take() -> Option<Agreed> {
    AGREED.with(RefCell::take)
}

/// str0m's own provider, but for a look at the keys.
pub fn provider() -> CryptoProvider {
    static TAP: OnceLock<Tap> = OnceLock::new();
    let inner = str0m::crypto::from_feature_flags();
    CryptoProvider {
        dtls_provider: TAP.get_or_init(|| Tap(inner.dtls_provider)),
        ..inner
    }
}

#[derive(Debug)]
struct Tap(&'static dyn DtlsProvider);

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.0.new_dtls(cert, now, version, mtu)?;
        Ok(Box::new(TappedInstance(inner)))
    }
}

#[derive(Debug)]
struct TappedInstance(Box<dyn DtlsInstance>);

impl DtlsInstance for TappedInstance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let is_client = self.0.is_active();
        let output = self.0.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let profile = match *profile {
                SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Cm128Sha1),
                SrtpProfile::AEAD_AES_128_GCM => Some(Profile::Gcm128),
                SrtpProfile::AEAD_AES_256_GCM => Some(Profile::Gcm256),
                #[allow(unreachable_patterns)]
                _ => None,
            };
            let agreed = profile.map(|profile| Agreed {
                profile,
                material: material.to_vec(),
                is_client,
            });
            AGREED.with(|it| *it.borrow_mut() = agreed);
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
