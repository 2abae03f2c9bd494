//! Reads and makes signed bundles ([`protocol::screen::bundle`]).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::BASE64;
use protocol::screen::bundle::{Bundle, SIGNATURE, VERSION, place_of, signed};
use protocol::screen::{Content, Manifest, is_sha256};
use protocol::time::UnixMillis;

pub use protocol::screen::bundle::FILE;

use super::{Found, Listed, inside, plain};
use crate::cache::scrub::hash_of;

/// A bundle's file larger than this is not read, in bytes.
pub const MAX_FILE: u64 = 8 << 20;
/// Reads a bundle that one of the keys has signed. `newest`: when the one that was taken last was made.
///
/// # Errors
/// When it isn't signed by any of them, can't be read, or is older than what was taken last.
pub fn open(folder: &Path, keys: &[Vec<u8>], newest: Option<u64>) -> Result<Found> {
    if keys.is_empty() {
        bail!(
            "it is a bundle, and this screen knows no key: pair it with its server, or set player.stick_keys in the configuration"
        );
    }
    let file = folder.join(FILE);
    if fs::metadata(&file)?.len() > MAX_FILE {
        bail!("{FILE} is larger than {MAX_FILE} bytes");
    }
    let bytes = fs::read(&file).context(FILE)?;
    let text = fs::read_to_string(folder.join(SIGNATURE)).context("bundle.sig can't be read")?;
    let signature = BASE64
        .decode(text.trim().as_bytes())
        .context("bundle.sig is not base64")?;
    let message = signed(&bytes);
    let is_signed = |key: &Vec<u8>| {
        UnparsedPublicKey::new(&ED25519, key)
            .verify(&message, &signature)
            .is_ok()
    };
    if !keys.iter().any(is_signed) {
        bail!("it is not signed with a key of this screen's");
    }
    let bundle: Bundle = serde_json::from_slice(&bytes).context(FILE)?;
    if bundle.version != VERSION {
        bail!(
            "{FILE}: version {} is not known here, expected {VERSION}",
            bundle.version
        );
    }
    if newest.is_some_and(|newest| bundle.made_at.0 < newest) {
        bail!("it is older than what came before: somebody may have put an old stick in");
    }
    bundle.manifest.layout.check_to_play()?;
    let (mut files, mut faults) = (std::collections::BTreeMap::new(), Vec::new());
    for (name, content) in bundle.manifest.contents {
        let by_hash =
            Some(folder.join(place_of(&content.sha256))).filter(|path| is_sha256(&content.sha256) && path.is_file());
        match by_hash.or_else(|| inside(folder, &name)) {
            Some(path) => {
                let listed = Listed {
                    path,
                    media_type: content.media_type,
                    sha256: Some(content.sha256),
                };
                files.insert(name, listed);
            }
            None => faults.push(format!("{name}: it leads out of the folder")),
        }
    }
    Ok(Found {
        layout: bundle.manifest.layout,
        files,
        faults,
        made_at: Some(bundle.made_at.0),
    })
}

/// Makes a plain folder a bundle, signed with the key in a file that [`make_key`] wrote. Gives what it left out.
///
/// # Errors
/// When the folder or the key can't be read, or the folder can't be written.
pub fn make(folder: &Path, key: &Path, size: Option<(u32, u32)>, now: UnixMillis) -> Result<Vec<String>> {
    let folder = fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
    let text = fs::read_to_string(key).with_context(|| key.display().to_string())?;
    let pair = BASE64.decode(text.trim().as_bytes()).ok();
    let pair = pair.and_then(|bytes| Ed25519KeyPair::from_pkcs8(&bytes).ok());
    let pair = pair.with_context(|| format!("{} is no key of `signage-player key`", key.display()))?;
    let found = plain::open(&folder, size)?;
    let mut faults = found.faults;
    let mut contents = std::collections::BTreeMap::new();
    for (name, listed) in found.files {
        let read = hash_of(&listed.path, || {}).and_then(|sha256| Ok((sha256, fs::metadata(&listed.path)?.len())));
        match read {
            Ok((sha256, size)) => {
                let media_type = listed.media_type;
                contents.insert(
                    name,
                    Content {
                        sha256,
                        size,
                        media_type,
                    },
                );
            }
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    let bundle = Bundle {
        version: VERSION,
        made_at: now,
        manifest: Manifest {
            layout: found.layout,
            contents,
            group: None,
            bundle_key: None,
        },
    };
    let bytes = serde_json::to_vec_pretty(&bundle)?;
    let signature = BASE64.encode(pair.sign(&signed(&bytes)).as_ref());
    runtime::write_file(&folder.join(FILE), &bytes, false).context(FILE)?;
    runtime::write_file(&folder.join(SIGNATURE), signature.as_bytes(), false).context(SIGNATURE)?;
    Ok(faults)
}

/// Makes a key pair: the secret half goes to a new file that its owner only reads, the public half is given, in base64.
///
/// # Errors
/// When the file is there already or can't be written.
pub fn make_key(file: &Path) -> Result<String> {
    if file.exists() {
        bail!("{} is there already: a key that is overwritten is lost", file.display());
    }
    let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok();
    let secret = secret.context("no key can be made")?;
    let pair = Ed25519KeyPair::from_pkcs8(secret.as_ref())
        .ok()
        .context("no key can be made")?;
    let text = BASE64.encode(secret.as_ref());
    runtime::write_file(file, text.as_bytes(), true).with_context(|| file.display().to_string())?;
    Ok(BASE64.encode(pair.public_key().as_ref()))
}
