//! Addresses of live pictures.

use std::fmt;

/// The longest address, in bytes.
pub const MAX_ADDRESS: usize = 1000;

/// How one begins: RTSP (RFC 2326, RFC 7826), or WHEP (draft-ietf-wish-whep).
pub const SCHEMES: [&str; 3] = ["rtsp://", "rtsps://", WHEP];
const WHEP: &str = "https://";

/// What is wrong with an address. Never says the address itself, which may carry a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFault {
    /// It begins with none of [`SCHEMES`].
    Scheme,
    /// It names no host, or has blanks in it.
    Malformed,
    /// It is longer than [`MAX_ADDRESS`].
    Long,
    /// It carries a user or a password, and may not here.
    Password,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => write!(f, "its address begins with none of {SCHEMES:?}"),
            Self::Malformed => f.write_str("its address has no host, or blanks in it"),
            Self::Long => write!(f, "its address is longer than {MAX_ADDRESS} bytes"),
            Self::Password => f.write_str(
                "a password has no place in a WHEP address: the office's own broadcasts know the screen by its token",
            ),
        }
    }
}

/// Whether a live picture can be fetched from an address. `is_secret_kept`: it stays with who may know its password; even so,
/// only RTSP has passwords in addresses.
///
/// # Errors
/// [`AddressFault`].
pub fn check_address(url: &str, is_secret_kept: bool) -> Result<(), AddressFault> {
    let scheme = SCHEMES.iter().find(|scheme| url.starts_with(**scheme));
    let scheme = scheme.ok_or(AddressFault::Scheme)?;
    if url.len() > MAX_ADDRESS {
        return Err(AddressFault::Long);
    }
    let authority = url[scheme.len()..].split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_host = !host.is_empty() && !host.starts_with(':');
    if !is_host || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AddressFault::Malformed);
    }
    if authority.contains('@') && (!is_secret_kept || *scheme == WHEP) {
        return Err(AddressFault::Password);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_no_password_where_others_read_it() {
        for good in [
            "rtsp://192.0.2.1/stream",
            "rtsps://camera.example:322/a@b",
            "https://office.example/whep/abc",
            "https://[2001:db8::1]:8443/whep/abc",
        ] {
            assert_eq!(check_address(good, false), Ok(()), "{good}");
        }
        let long = format!("rtsp://a/{}", "x".repeat(MAX_ADDRESS));
        for (bad, fault) in [
            ("http://office.example/whep", AddressFault::Scheme),
            ("HTTPS://office.example/whep", AddressFault::Scheme),
            ("", AddressFault::Scheme),
            ("rtsp://", AddressFault::Malformed),
            ("rtsp://:554/a", AddressFault::Malformed),
            ("rtsp:///a", AddressFault::Malformed),
            ("rtsp://user:pass@/a", AddressFault::Malformed),
            ("https://office.example/a b", AddressFault::Malformed),
            ("https://office.example/a\n", AddressFault::Malformed),
            (long.as_str(), AddressFault::Long),
            ("rtsp://user:pass@192.0.2.1/", AddressFault::Password),
            ("https://user@office.example/", AddressFault::Password),
        ] {
            assert_eq!(check_address(bad, false), Err(fault), "{bad}");
        }
        assert_eq!(check_address("rtsp://user:p@ss@192.0.2.1/", true), Ok(()));
        assert_eq!(
            check_address("https://user:p@office.example/", true),
            Err(AddressFault::Password)
        );
    }
}
