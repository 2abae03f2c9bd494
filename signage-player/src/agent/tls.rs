//! Whom the screen trusts: the system's authorities, and the office's own; and requests to the office's server.

use std::path::Path;

use anyhow::{Context, Result};
use reqwest::ClientBuilder;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// A client for requests to `server`, without limits of time of its own.
///
/// # Errors
/// As [`config`].
pub fn client(server: &str, authority: &Path) -> Result<ClientBuilder> {
    let client = reqwest::Client::builder().no_proxy();
    Ok(if server.starts_with("https:") {
        client.tls_backend_preconfigured(config(authority)?)
    } else {
        client
    })
}

/// A client's TLS configuration. An authority that isn't there (yet) is no error.
///
/// # Errors
/// When the office's authority is there but can't be read.
pub fn config(authority: &Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // A system without authorities, or with broken ones, still has the office's own.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if authority.exists() {
        let named = || format!("the office's authority {}", authority.display());
        for certificate in CertificateDer::pem_file_iter(authority).with_context(named)? {
            roots.add(certificate.with_context(named)?).with_context(named)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
