//! Where a camera's pictures come from.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use protocol::config::sharing_screen;
use protocol::ids::{InvalidId, ScreenId};

/// Schemes that are read.
const SCHEMES: [&str; 5] = ["rtsp", "rtsps", "http", "https", "file"];

/// Why an address can't be used. Never says the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A scheme that nobody here reads.
    #[error(
        "source: {0}:// isn't read: expected a film, a device such as /dev/video0, rtsp://…, http://… or screen:ID"
    )]
    Scheme(String),
    /// No screen is called so.
    #[error("source: {0}")]
    Screen(#[from] InvalidId),
    /// A user where there is nobody to ask for one.
    #[error("user: only cameras with an address (rtsp://…, http://…) ask for one")]
    User,
    /// Two users.
    #[error("user: the source names one already: take it out of the source, its password too")]
    TwoUsers,
}

/// Where pictures come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A film, played again and again.
    Film(String),
    /// `/dev/videoN`.
    Device(i32),
    /// RTSP (over TCP, OpenCV's default), or HTTP with one JPEG after the other.
    Network(String),
    /// `screen:ID`: the camera that the player of a screen on this machine shares.
    Screen(ScreenId),
}

impl std::fmt::Debug for Address {
    /// Without a network camera's address: it may carry a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Film(path) => f.debug_tuple("Film").field(path).finish(),
            Self::Device(number) => f.debug_tuple("Device").field(number).finish(),
            Self::Network(_) => f.write_str("Network(…)"),
            Self::Screen(id) => f.debug_tuple("Screen").field(id).finish(),
        }
    }
}

impl Address {
    /// As the configuration writes it.
    ///
    /// # Errors
    /// [`AddressError::Scheme`], [`AddressError::Screen`].
    pub fn new(source: &str) -> Result<Self, AddressError> {
        if let Some(screen) = sharing_screen(source)? {
            return Ok(Self::Screen(screen));
        }
        let device = source.strip_prefix("/dev/video").and_then(|number| number.parse().ok());
        Ok(match (device, source.split_once("://")) {
            (Some(number), _) => Self::Device(number),
            (None, None) => Self::Film(source.to_owned()),
            (None, Some((scheme, _))) if SCHEMES.contains(&scheme) => Self::Network(source.to_owned()),
            (None, Some((scheme, _))) => return Err(AddressError::Scheme(scheme.to_owned())),
        })
    }

    /// Whether pictures come when they come (a camera), or as fast as they are asked for (a film).
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Film(_))
    }
}

/// The source with a user and a password in it (RFC 3986 §3.2.1), as OpenCV wants them.
///
/// # Errors
/// [`AddressError::User`], [`AddressError::TwoUsers`].
pub fn with_user(source: &str, user: &str, password: &str) -> Result<String, AddressError> {
    let (scheme, rest) = source.split_once("://").ok_or(AddressError::User)?;
    if userinfo(source).is_some() {
        return Err(AddressError::TwoUsers);
    }
    let encode = |word| utf8_percent_encode(word, NON_ALPHANUMERIC);
    Ok(format!("{scheme}://{}:{}@{rest}", encode(user), encode(password)))
}

/// `user:password` of an address.
fn userinfo(source: &str) -> Option<&str> {
    let (_, rest) = source.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map(|(user, _)| user)
}

/// A text with the source and its password taken out of it, also in the forms in which libraries write them.
#[must_use]
pub fn redact(text: &str, source: &str) -> String {
    let mut text = text.to_owned();
    let mut take_out = |secret: &str| {
        if !secret.is_empty() {
            text = text.replace(secret, "…");
        }
    };
    if source.contains("://") {
        take_out(source);
    }
    if let Some(user) = userinfo(source) {
        take_out(user);
        let password = user.split_once(':').map_or("", |(_, password)| password);
        take_out(password);
        take_out(&percent_decode_str(password).decode_utf8_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_it_is() {
        assert_eq!(Address::new("/dev/video2"), Ok(Address::Device(2)));
        assert_eq!(
            Address::new("/films/hall.mp4"),
            Ok(Address::Film("/films/hall.mp4".into()))
        );
        for network in ["rtsp://camera/1", "http://camera/video.mjpg"] {
            let address = Address::new(network).expect("read");
            assert!(matches!(address, Address::Network(_)) && address.is_live());
        }
        let lobby = ScreenId::new("lobby").expect("valid");
        assert_eq!(Address::new("screen:lobby"), Ok(Address::Screen(lobby)));
        assert!(Address::new("screen:lobby").is_ok_and(|it| it.is_live()));
        let error = Address::new("screen:../lobby").expect_err("refused").to_string();
        assert!(error.starts_with("source: ") && error.contains("../lobby"), "{error}");
        let error = Address::new("ftp://office:secret@camera/1")
            .expect_err("refused")
            .to_string();
        assert!(error.contains("ftp") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_password_is_never_printed() {
        let address = Address::new("rtsp://user:secret@camera/1").expect("read");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn users_and_passwords_are_written_so_that_an_address_stays_one() {
        let source = with_user("rtsp://192.0.2.7:554/1?x=@", "窓口", "p@ss:/?#").expect("made");
        assert_eq!(
            source,
            "rtsp://%E7%AA%93%E5%8F%A3:p%40ss%3A%2F%3F%23@192.0.2.7:554/1?x=@"
        );
        assert_eq!(with_user(&source, "a", "b"), Err(AddressError::TwoUsers));
        for source in ["hall.mp4", "screen:lobby"] {
            assert_eq!(with_user(source, "a", "b"), Err(AddressError::User));
        }
    }

    #[test]
    fn what_libraries_say_carries_no_password() {
        let source = with_user("rtsp://192.0.2.7/1", "office", "p@ss word").expect("made");
        for text in [
            format!("can't open {source}"),
            "method DESCRIBE failed for office:p%40ss%20word".to_owned(),
            "bad password p@ss word given".to_owned(),
            "401 Unauthorized for p%40ss%20word".to_owned(),
        ] {
            let told = redact(&text, &source);
            assert!(!told.contains("p@ss") && !told.contains("p%40ss"), "{told}");
        }
        assert_eq!(
            redact("there is no file hall.mp4", "hall.mp4"),
            "there is no file hall.mp4"
        );
    }
}
