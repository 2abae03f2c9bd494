//! Reads what is stored again, slowly, and finds what the disk has lost: memory cards forget.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use protocol::screen::Content;
use sha2::{Digest as _, Sha256};

/// So much is read at once …
const BLOCK: usize = 1 << 20;
/// … and then rested, so that the picture's own reading comes first: some 20 MB a second at most.
const REST: Duration = Duration::from_millis(50);

/// The SHA-256 of a file, in lower-case hexadecimal digits. `rest` is called after each block, and may sleep.
///
/// # Errors
/// When it can't be read.
pub fn hash_of(path: &Path, mut rest: impl FnMut()) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; BLOCK];
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok(data_encoding::HEXLOWER.encode(&hasher.finalize()));
        }
        hasher.update(&block[..count]);
        rest();
    }
}

/// Whether a stored content is still what it should be. Takes its time.
///
/// # Errors
/// When it can't be read.
pub fn is_sound(path: &Path, content: &Content) -> io::Result<bool> {
    Ok(hash_of(path, || std::thread::sleep(REST))? == content.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_found() {
        let dir = tempfile::tempdir().expect("temp");
        let path = dir.path().join("a");
        let mut bytes = vec![7; 3_000_000];
        std::fs::write(&path, &bytes).expect("written");
        let content = Content {
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)),
            size: 3_000_000,
            media_type: "image/png".into(),
        };
        assert!(is_sound(&path, &content).expect("read"));
        bytes[2_999_999] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert!(!is_sound(&path, &content).expect("read"));
    }
}
