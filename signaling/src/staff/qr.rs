//! What an authenticator app reads: the secret as an `otpauth` address, and that as a QR code in SVG.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules of quiet around the code (ISO/IEC 18004 asks for 4).
const QUIET: i32 = 4;

/// The address that authenticator apps read.
pub(super) fn otpauth(office: &str, id: &str, secret: &str) -> String {
    let issuer = percent_encoded(office);
    format!("otpauth://totp/{issuer}:{id}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// A text as a QR code: an SVG element's inside, and how many units it is wide. `None`: the text is too long for one.
pub(super) fn code(text: &str) -> Option<(String, i32)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                let _ = write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
    }
    Some((path, code.size() + 2 * QUIET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_as_apps_read_it() {
        assert_eq!(
            otpauth("南区役所", "hanako", "ABC"),
            "otpauth://totp/%E5%8D%97%E5%8C%BA%E5%BD%B9%E6%89%80:hanako?secret=ABC\
             &issuer=%E5%8D%97%E5%8C%BA%E5%BD%B9%E6%89%80&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn a_code_is_square_and_quiet_around() {
        let (path, width) = code("otpauth://totp/x:y?secret=ABC").expect("short enough");
        assert!(
            width > 21 + 2 * QUIET && path.starts_with("M4,4h1v1h-1z"),
            "{width} {path}"
        );
        assert!(!path.contains("M3,") && !path.contains(",3h"));
        assert!(code(&"x".repeat(5000)).is_none());
    }
}
