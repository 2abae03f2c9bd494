//! A look at a file before anything opens it: empty files, and pictures whose few bytes unfold to more than
//! there is memory for (a "picture bomb"), are told apart by their first bytes.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::Fault;

/// The most pixels that a picture may have: 8K (7680 x 4320) and some more.
pub const MAX_PIXELS: u64 = 40_000_000;

/// Looks at a file.
///
/// # Errors
/// When it can't be read, is empty, or is a picture with more than [`MAX_PIXELS`] pixels.
pub fn look(path: &Path, is_picture: bool) -> Result<(), Fault> {
    let file = File::open(path).map_err(|error| format!("it can't be read: {error}"))?;
    if file.metadata().is_ok_and(|file| file.len() == 0) {
        return Err("the file is empty".to_owned());
    }
    if !is_picture {
        return Ok(());
    }
    // What isn't understood here is left to the decoder to refuse.
    match size(BufReader::new(file)) {
        Some((width, height)) if u64::from(width) * u64::from(height) > MAX_PIXELS => Err(format!(
            "{width}x{height} pixels are too many: at most {} million",
            MAX_PIXELS / 1_000_000
        )),
        _ => Ok(()),
    }
}

/// Width and height of a PNG (ISO/IEC 15948 §11.2.2) or JPEG (ITU-T T.81 §B.2.2).
fn size(mut file: impl Read + Seek) -> Option<(u32, u32)> {
    let mut head = [0; 24];
    file.read_exact(&mut head).ok()?;
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
        return Some((number(16)?, number(20)?));
    }
    if !head.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    file.seek(SeekFrom::Start(2)).ok()?;
    // A JPEG has some ten segments before its frame; one with thousands is none that we show.
    for _ in 0..1000 {
        let mut marker = [0; 4];
        file.read_exact(&mut marker).ok()?;
        let length = u16::from_be_bytes([marker[2], marker[3]]);
        if marker[0] != 0xff || length < 2 {
            return None;
        }
        let is_frame = matches!(marker[1], 0xc0..=0xcf) && !matches!(marker[1], 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            let mut frame = [0; 5];
            file.read_exact(&mut frame).ok()?;
            let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
            return Some((side(frame[3], frame[4]), side(frame[1], frame[2])));
        }
        file.seek(SeekFrom::Current(i64::from(length) - 2)).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    #[test]
    fn a_picture_tells_its_size_by_its_first_bytes() {
        assert_eq!(size(Cursor::new(png(30_000, 20_000))), Some((30_000, 20_000)));
        let jpeg = [
            &[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1][..],
            &[0xff, 0xc2, 0, 11, 8, 0x10, 0x00, 0x20, 0x00, 1, 1, 0x11, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(size(Cursor::new(jpeg)), Some((8192, 4096)));
    }

    #[test]
    fn any_bytes_are_looked_at_without_harm() {
        for bytes in [
            &b""[..],
            &[0xff, 0xd8],
            &[0xff; 64],
            &[0xff, 0xd8, 0xff, 0xe0, 0, 0],
            b"%PDF-1.7 and so on and on",
        ] {
            assert_eq!(size(Cursor::new(bytes.to_vec())), None);
        }
    }

    #[test]
    fn bombs_and_empty_files_are_refused() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("a.png");
        std::fs::write(&file, png(60_000, 60_000)).expect("written");
        assert!(look(&file, true).expect_err("a bomb").contains("60000x60000"));
        std::fs::write(&file, png(7680, 4320)).expect("written");
        assert_eq!(look(&file, true), Ok(()));
        std::fs::write(&file, b"").expect("written");
        assert!(look(&file, false).expect_err("empty").contains("empty"));
        assert!(look(&dir.path().join("none"), false).is_err());
    }
}
