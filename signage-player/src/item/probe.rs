//! A look at a file before anything opens it: empty files, and pictures whose few bytes unfold to more than there is memory
//! for (a "picture bomb"), are told apart by what they say of themselves.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use imagesize::ImageType;

use super::Fault;

/// The most pixels that a picture may have: 8K (7680 x 4320) and some more.
pub const MAX_PIXELS: u64 = 40_000_000;
/// A JPEG's size must stand in so many first bytes: previews, profiles and comments come before it.
const JPEG_HEAD: u64 = 4 << 20;

/// Looks at a file. Gives GStreamer's name of the kind of picture that it is (`image/png`), where it is one: a decoder of
/// another kind would see other pixels in it.
///
/// # Errors
/// When it can't be read, is empty, is a picture with more than [`MAX_PIXELS`] pixels, or should be a picture and is none of
/// a kind that is shown.
pub fn look(path: &Path, is_picture: bool) -> Result<Option<&'static str>, Fault> {
    let unread = |error: std::io::Error| format!("it can't be read: {error}");
    let file = File::open(path).map_err(unread)?;
    if file.metadata().is_ok_and(|file| file.len() == 0) {
        return Err("the file is empty".to_owned());
    }
    let mut file = BufReader::new(file);
    let kind = imagesize::reader_type(&mut file).ok().and_then(named);
    let Some((kind, name)) = kind else {
        return if is_picture {
            Err("it is no picture of a kind that is shown: PNG, JPEG, WebP, GIF, BMP, TIFF".to_owned())
        } else {
            Ok(None)
        };
    };
    file.rewind().map_err(unread)?;
    let size = if kind == ImageType::Jpeg {
        let mut head = Vec::new();
        file.take(JPEG_HEAD).read_to_end(&mut head).map_err(unread)?;
        imagesize::blob_size(&head)
    } else {
        imagesize::reader_size(&mut file)
    };
    let size = size.map_err(|error| format!("it doesn't say how many pixels it has ({error})"))?;
    check(size.width as u64, size.height as u64)?;
    Ok(Some(name))
}

/// Whether a picture has no more pixels than are shown.
///
/// # Errors
/// When it has.
pub(super) fn check(width: u64, height: u64) -> Result<(), Fault> {
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(format!(
            "{width}x{height} pixels are too many: at most {} million",
            MAX_PIXELS / 1_000_000
        ));
    }
    Ok(())
}

fn named(kind: ImageType) -> Option<(ImageType, &'static str)> {
    let name = match kind {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Webp => "image/webp",
        ImageType::Gif => "image/gif",
        ImageType::Bmp => "image/bmp",
        ImageType::Tiff => "image/tiff",
        _ => return None,
    };
    Some((kind, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    /// A JPEG with so many comments before its size.
    fn jpeg(comments: usize, (width, height): (u16, u16)) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend([0xff, 0xfe, 0, 4, 1, 1].repeat(comments));
        bytes.extend([0xff, 0xc2, 0, 11, 8]);
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([1, 1, 0x11, 0]);
        bytes
    }

    fn seen(bytes: &[u8], is_picture: bool) -> Result<Option<&'static str>, Fault> {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("a");
        std::fs::write(&file, bytes).expect("written");
        look(&file, is_picture)
    }

    #[test]
    fn a_picture_tells_its_kind_and_its_size() {
        assert_eq!(seen(&png(7680, 4320), true), Ok(Some("image/png")));
        assert_eq!(seen(&jpeg(1001, (4096, 2048)), true), Ok(Some("image/jpeg")));
        for bomb in [png(30_000, 20_000), jpeg(1001, (30_000, 20_000))] {
            let said = seen(&bomb, true).expect_err("a bomb");
            assert!(said.starts_with("30000x20000 pixels are too many"), "{said}");
            assert_eq!(seen(&bomb, false), Err(said), "also where a film should be");
        }
        let endless = jpeg(1 << 20, (100, 100));
        assert!(
            seen(&endless, true)
                .expect_err("its size is too far behind")
                .contains("how many pixels")
        );
    }

    #[test]
    fn any_bytes_are_looked_at_without_harm() {
        for bytes in [
            &[0xff, 0xd8][..],
            &[0xff; 64],
            &[0xff, 0xd8, 0xff, 0xe0, 0, 0],
            b"BM",
            b"II*\0\xff\xff\xff\xff",
            b"%PDF-1.7 and so on and on",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        ] {
            assert!(seen(bytes, true).is_err(), "{bytes:?}");
        }
        assert_eq!(seen(b"%PDF-1.7 and so on and on", false), Ok(None));
    }

    #[test]
    fn what_is_empty_or_gone_is_said_so() {
        assert!(seen(b"", false).expect_err("empty").contains("empty"));
        let dir = tempfile::tempdir().expect("temp");
        assert!(look(&dir.path().join("none"), false).is_err());
    }
}
