//! Bytes as strace shows them, and what kind they are.

/// Whether all that strace shows of a call's bytes is text: UTF-8 without control characters.
pub fn is_text(content: &str) -> bool {
    let bytes = bytes_of(content);
    // The end of what is kept may cut a letter.
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("\0"),
        Err(_) => return false,
    };
    // Colours of a terminal are the one thing that a log may have beside letters.
    text.chars()
        .all(|letter| !letter.is_control() || matches!(letter, '\n' | '\u{1b}'))
}

/// The bytes that C's escapes stand for.
fn bytes_of(content: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut letters = content.bytes().peekable();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            bytes.push(letter);
            continue;
        }
        match letters.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'7') = letters.peek().copied() {
                        value = value * 8 + u32::from(digit - b'0');
                        letters.next();
                    }
                }
                bytes.push(value as u8);
            }
            Some(b'n' | b'r' | b't') => bytes.push(b'\n'),
            Some(b'v' | b'f') => bytes.push(0),
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    bytes
}

/// A PNG in base64 begins so (its signature, and a part of its first chunk's length).
const PNG: &str = "iVBORw0KGgoAAAANSUhEUg";

/// Width and height of a PNG that is in a text in base64 (PNG, third edition, 11.2.1: the 8 bytes after the first 16). A
/// picture whose size isn't shown is as large as can be.
pub fn png_in(content: &str) -> Option<[u32; 2]> {
    let begin = &content[content.find(PNG)?..];
    let sides = begin.get(..32).and_then(|begin| {
        let bytes = data_encoding::BASE64.decode(begin.as_bytes()).ok()?;
        let side = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some([side(16)?, side(20)?])
    });
    Some(sides.unwrap_or([u32::MAX; 2]))
}

/// Text for people and programs has a space, a mark or a line's end sooner; a SHA-256 has 64 digits.
const LONGEST_WORD: usize = 128;

/// Whether bytes are spelt out in a text, in base64 (RFC 4648) or as digits: so many letters of those in a row.
pub fn has_spelt_out_bytes(content: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '-' | '_' | '=');
    content
        .split(|letter| !is_letter(letter))
        .any(|word| word.len() > LONGEST_WORD)
}

/// So much of a line that a fault can be found by it.
pub fn shortened(line: &str) -> String {
    line.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_text_and_a_jpegs_begin_is_none() {
        assert!(is_text(r"counted 3 people at \347\252\223\345\217\243\n"));
        assert!(is_text(r"cut in a letter \347\252"));
        assert!(!is_text(r"\377\330\377\340\0\20JFIF"));
        assert!(!is_text(r"MDGv\1\0\0"));
    }

    #[test]
    fn bytes_that_are_spelt_out_are_told_from_words() {
        assert!(has_spelt_out_bytes(&format!("crop=\"{}\"", "/9j/4AAQ".repeat(20))));
        assert!(has_spelt_out_bytes(&"ffd8ffe0".repeat(20)));
        assert!(!has_spelt_out_bytes(&"counted 3 people, ".repeat(20)));
        assert!(!has_spelt_out_bytes(&format!("sha256 = \"{}\"", "ffd8ffe0".repeat(8))));
    }

    #[test]
    fn a_pngs_size_is_read_from_its_first_letters() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend([64_u32, 48].map(u32::to_be_bytes).concat());
        png.extend([8, 2, 0, 0, 0, 1, 2, 3]);
        let text = format!(r#"{{"png":"{}"}}"#, data_encoding::BASE64.encode(&png));
        assert_eq!(png_in(&text), Some([64, 48]));
        assert_eq!(png_in("counted 3 people"), None);
        assert_eq!(png_in(&text[..36]), Some([u32::MAX; 2]), "cut off before its size");
    }
}
