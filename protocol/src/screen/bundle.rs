//! A bundle: what a screen shows, to be carried to it on a memory stick.
//!
//! A folder with [`FILE`] (a [`Bundle`] as JSON), its Ed25519 signature (RFC 8032) over [`signed`], in base64, in
//! [`SIGNATURE`], and each content under its own name, or as [`place_of`] says. The signature covers the manifest, which
//! covers every content by its SHA-256.

use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::time::UnixMillis;

/// The bundle's own file.
pub const FILE: &str = "bundle.json";

/// Its signature, in base64.
pub const SIGNATURE: &str = "bundle.sig";

/// The version of [`Bundle`].
pub const VERSION: u32 = 1;

/// Goes before what is signed, so that a signature for something else is never one for a bundle.
const PURPOSE: &[u8] = b"madoguchi bundle 1\n";

/// [`FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`VERSION`].
    pub version: u32,
    /// One that is older than what a screen took last is refused.
    pub made_at: UnixMillis,
    /// What to show.
    pub manifest: Manifest,
}

/// What is signed of [`FILE`]'s bytes.
#[must_use]
pub fn signed(file: &[u8]) -> Vec<u8> {
    [PURPOSE, file].concat()
}

/// Where a content lies in a bundle whose contents' names some file system may refuse.
#[must_use]
pub fn place_of(sha256: &str) -> String {
    format!("content/{sha256}")
}
