//! What every response and every request of a browser must keep to: headers, origin, cookies, tokens.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, SameSite};
use subtle::ConstantTimeEq as _;

/// Everything a page doesn't need is off; what a call needs is for our own pages only.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), \
    fullscreen=(self), clipboard-write=(self), screen-wake-lock=(self), picture-in-picture=(self), \
    speaker-selection=(self), accelerometer=(), browsing-topics=(), clipboard-read=(), \
    compute-pressure=(), encrypted-media=(), geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), \
    local-fonts=(), magnetometer=(), midi=(), otp-credentials=(), payment=(), \
    publickey-credentials-create=(), publickey-credentials-get=(), serial=(), storage-access=(), usb=(), \
    window-management=(), xr-spatial-tracking=()";

/// For pages with a form: with `no-referrer` browsers hide the `Origin` of our own forms too (Fetch,
/// "append a request Origin header"). Such pages have no secret in their address.
pub(crate) const FORM_PAGE: (HeaderName, HeaderValue) =
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));

/// The headers of every response, made once.
pub(crate) struct Headers {
    all: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    /// For pages that browsers reach at `public_url`. `provider`: the other server to which logging out may lead on.
    pub(crate) fn new(public_url: &str, provider: Option<&str>) -> Self {
        let provider = provider
            .and_then(origin_of)
            .map_or(String::new(), |origin| format!(" {origin}"));
        let host = authority_of(public_url).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self' wss://{host}; media-src 'self' blob: mediastream:; base-uri 'none'; \
             form-action 'self'{provider}; frame-ancestors 'none'"
        );
        let mut all: Vec<(HeaderName, HeaderValue)> = [
            (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            // A resident's link is a secret: nobody is told where its reader came from.
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("permissions-policy"), PERMISSIONS),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ]
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
        // A host that is no header value (which the configuration's check rules out) leaves the strict rest.
        let policy = HeaderValue::try_from(policy)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        all.push((header::CONTENT_SECURITY_POLICY, policy));
        Self { all }
    }
}

/// Sets the headers where a handler hasn't set its own.
pub(crate) async fn set_headers(State(headers): State<Arc<Headers>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in &headers.all {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

fn authority_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.authority().map(|authority| authority.as_str().to_ascii_lowercase())
}

/// Whether a request comes from one of our own pages: `Origin` names the public URL, or the very host
/// that was asked. A request without an `Origin` is not from a page's script in another place, but
/// WebSockets always have one (RFC 6455 §4.1), so `is_required` there.
pub(crate) fn is_own_origin(headers: &HeaderMap, uri: &Uri, public_url: &str, is_required: bool) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return !is_required;
    };
    let Some(origin) = origin.to_str().ok().filter(|origin| origin.starts_with("https://")) else {
        return false;
    };
    let Some(from) = authority_of(origin) else {
        return false;
    };
    // HTTP/2 has the host in the URI, HTTP/1.1 in its own header.
    let host = uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| headers.get(header::HOST)?.to_str().ok())
        .map(str::to_ascii_lowercase);
    Some(&from) == authority_of(public_url).as_ref() || Some(from) == host
}

/// A cookie that only our own host sets and reads, over HTTPS only, and no script. Its name begins with
/// `__Host-`. Without a lifetime it ends with the browser.
pub(crate) fn cookie(name: &'static str, value: &str, lifetime: Option<Duration>) -> Cookie<'static> {
    let mut cookie = Cookie::build((name, value.to_owned()))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build();
    if let Some(lifetime) = lifetime {
        cookie.set_max_age(lifetime.try_into().ok());
    }
    cookie
}

/// Whether two secrets are the same, in a time that doesn't tell where they differ. Empty ones never are.
pub(crate) fn is_same_secret(a: &str, b: &str) -> bool {
    !a.is_empty() && bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(origin: Option<&str>, host: &str, is_required: bool) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("header"));
        }
        headers.insert(header::HOST, host.parse().expect("header"));
        let uri = Uri::from_static("/ws");
        is_own_origin(&headers, &uri, "https://madoguchi.example.jp", is_required)
    }

    #[test]
    fn only_our_own_pages_are_our_own() {
        assert!(is_own(Some("https://madoguchi.example.jp"), "10.0.0.1:8443", true));
        assert!(is_own(Some("https://10.0.0.1:8443"), "10.0.0.1:8443", true));
        assert!(is_own(None, "10.0.0.1:8443", false));
        for origin in [
            None,
            Some("null"),
            Some("http://madoguchi.example.jp"),
            Some("https://madoguchi.example.jp.evil.example"),
            Some("https://madoguchi.example.jp:444"),
            Some("https://evil.example"),
        ] {
            assert!(!is_own(origin, "10.0.0.1:8443", true), "{origin:?}");
        }
    }

    #[test]
    fn cookies_keep_to_the_host_prefix() {
        let text = cookie("__Host-x", "v", None).to_string();
        for part in ["__Host-x=v", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Domain"));
    }

    #[test]
    fn an_empty_secret_matches_nothing() {
        assert!(is_same_secret("abc", "abc"));
        assert!(!is_same_secret("abc", "abd") && !is_same_secret("abc", "ab") && !is_same_secret("", ""));
    }
}
