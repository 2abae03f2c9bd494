//! Where a visitor really is, when a reverse proxy stands in front. Pure.
//!
//! Invariant: only what a trusted proxy has written is believed; what the visitor has written themselves stands further
//! left, and is never reached.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;
use protocol::config::ForwardedBy;

/// The address of whoever speaks, seen from here: `peer`, or, where that is a trusted proxy, the last one in the header
/// that isn't. A header that can't be read says nothing beyond the proxy that passed it on.
pub(crate) fn visitor_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], by: ForwardedBy) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut address = peer.to_canonical();
    if !is_trusted(address) {
        return address;
    }
    let hops = match by {
        ForwardedBy::XForwardedFor => x_forwarded_for(headers),
        ForwardedBy::Forwarded => forwarded(headers),
    };
    for hop in hops.into_iter().rev() {
        let Some(hop) = hop else { break };
        address = hop.to_canonical();
        if !is_trusted(address) {
            break;
        }
    }
    address
}

/// The addresses in all `X-Forwarded-For`, in their order; `None` for what isn't one.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers, "x-forwarded-for").into_iter().map(node).collect()
}

/// The `for=` of all `Forwarded` (RFC 7239), in their order; `None` for what names nobody.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let of_element = |element: &str| {
        let pair = element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
        })?;
        node(pair.trim_matches('"'))
    };
    elements(headers, "forwarded").into_iter().map(of_element).collect()
}

fn elements<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        // What isn't ASCII names nobody, and hides nobody behind it either.
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect()
}

/// An address, with a port or without.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, name: &'static str, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().expect("header"));
        }
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().expect("network"));
        let by = match name {
            "forwarded" => ForwardedBy::Forwarded,
            _ => ForwardedBy::XForwardedFor,
        };
        visitor_address(peer.parse().expect("address"), &headers, &trusted, by).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let by = |peer, values| address(peer, "x-forwarded-for", values);
        assert_eq!(by("198.51.100.1", &["203.0.113.7"]), "198.51.100.1");
        assert_eq!(by("10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(by("::ffff:10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(by("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_the_visitor_writes_themselves_is_never_reached() {
        let by = |values| address("10.0.0.1", "x-forwarded-for", values);
        assert_eq!(by(&["127.0.0.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(by(&["127.0.0.1", "203.0.113.7, 10.9.9.9"]), "203.0.113.7");
        assert_eq!(by(&["10.1.1.1, 10.2.2.2"]), "10.1.1.1", "a visitor inside the house");
        assert_eq!(
            by(&["1.2.3.4, unknown, 10.2.2.2"]),
            "10.2.2.2",
            "no further than can be read"
        );
        assert_eq!(by(&["1.2.3.4, "]), "10.0.0.1");
    }

    #[test]
    fn ports_and_ipv6_are_read_as_proxies_write_them() {
        let by = |value| address("10.0.0.1", "x-forwarded-for", &[value]);
        assert_eq!(by("203.0.113.7:4711"), "203.0.113.7");
        assert_eq!(by("[2001:470::1]:4711"), "2001:470::1");
        assert_eq!(by("2001:470::1"), "2001:470::1");
    }

    #[test]
    fn rfc_7239_is_read_where_the_proxy_writes_that() {
        let by = |values| address("10.0.0.1", "forwarded", values);
        assert_eq!(by(&["for=203.0.113.7;proto=https;by=10.0.0.1"]), "203.0.113.7");
        assert_eq!(
            by(&["for=1.2.3.4, For=\"[2001:470::1]:4711\", for=10.2.2.2"]),
            "2001:470::1"
        );
        assert_eq!(by(&["for=203.0.113.7", "for=_hidden"]), "10.0.0.1");
        // The other header is the visitor's own then.
        assert_eq!(address("10.0.0.1", "x-forwarded-for", &[""]), "10.0.0.1");
    }
}
