//! The media nodes, and the TURN server before them.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::check::{Checker, ConfigError};
use super::{Config, fields};

/// The media node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// The one UDP port for all media.
    pub udp: SocketAddr,
    /// The one TCP port for media, for browsers whose network lets no UDP out; none: they can't.
    #[serde(default)]
    pub tcp: Option<SocketAddr>,
    /// Addresses told to browsers (behind 1:1 NAT, the public one); none: `udp`'s own, or every address of
    /// the machine where that is unspecified.
    #[serde(default)]
    pub public_addresses: Vec<IpAddr>,
    /// Threads that carry media, each with whole rooms and ports of its own: `udp` and `tcp`, and those that follow.
    #[serde(default = "fields::workers")]
    pub workers: u16,
    /// A room with so many participants on one worker gives those who come later and only watch to the others.
    #[serde(default = "fields::spill_after")]
    pub spill_after: usize,
    /// Where signaling speaks to the node.
    pub control: SocketAddr,
    /// Further nodes on the same machine; the first is the one above.
    #[serde(default, rename = "node")]
    pub more_nodes: Vec<MediaNode>,
    /// A participant unheard for so long is gone.
    #[serde(default = "fields::silence", deserialize_with = "fields::duration")]
    pub silence: Duration,
}

/// What a further media node on the same machine has of its own; all else is as [`Media`] says.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaNode {
    /// Its UDP port.
    pub udp: SocketAddr,
    /// Its TCP port for media; none: UDP only.
    #[serde(default)]
    pub tcp: Option<SocketAddr>,
    /// Where signaling speaks to it.
    pub control: SocketAddr,
}

/// A TURN server (RFC 8656): a `turnserver` child of `madoguchi up`, or with `urls` one that others run with
/// the same secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Where it serves UDP and TCP.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// Where it serves TLS; the same address, another port. 443 passes most walls.
    #[serde(default)]
    pub tls_listen: Option<SocketAddr>,
    /// The port of TLS that browsers are told, where something in front leads it to `tls_listen`'s.
    #[serde(default)]
    pub tls_public_port: Option<u16>,
    /// Its name, also in its TLS address and certificate; none: the host of `web.public_url`.
    #[serde(default)]
    pub realm: Option<String>,
    /// Behind 1:1 NAT, the address that browsers are told.
    #[serde(default)]
    pub external_ip: Option<IpAddr>,
    /// A certificate chain (PEM); none: that of `web`.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(default)]
    pub certificate_key: Option<PathBuf>,
    /// First and last of the UDP ports from which it relays: one for each connection.
    #[serde(default = "fields::relay_ports")]
    pub relay_ports: [u16; 2],
    /// Media nodes on other machines: it relays to these and the node here, and to nobody else.
    #[serde(default)]
    pub media_nodes: Vec<IpAddr>,
    /// How long what a page was told lets it begin a connection.
    #[serde(default = "fields::credential_lifetime", deserialize_with = "fields::duration")]
    pub credential_lifetime: Duration,
    /// The addresses that browsers are told, of a TURN server that others run.
    #[serde(default)]
    pub urls: Vec<String>,
}

impl Config {
    /// The TURN server's name.
    #[must_use]
    pub fn turn_realm(&self) -> &str {
        let realm = self.turn.as_ref().and_then(|turn| turn.realm.as_deref());
        realm.unwrap_or_else(|| self.public_host())
    }

    /// The addresses of the TURN server that browsers are told (RFC 7065), the fastest first.
    #[must_use]
    pub fn turn_urls(&self) -> Vec<String> {
        let Some(turn) = &self.turn else {
            return Vec::new();
        };
        let mut urls = turn.urls.clone();
        if let Some(listen) = turn.listen {
            let told = SocketAddr::new(turn.external_ip.unwrap_or(listen.ip()), listen.port());
            urls.extend(["udp", "tcp"].map(|by| format!("turn:{told}?transport={by}")));
        }
        if let Some(listen) = turn.tls_listen {
            let host = match self.turn_realm() {
                v6 if v6.contains(':') => format!("[{v6}]"),
                name => name.to_owned(),
            };
            let port = turn.tls_public_port.unwrap_or(listen.port());
            urls.push(format!("turns:{host}:{port}?transport=tcp"));
        }
        urls
    }

    /// The addresses of the media node here as browsers are told them, and its own. None where it serves
    /// every address of the machine: then nobody has named them.
    #[must_use]
    pub fn media_addresses(&self) -> Vec<IpAddr> {
        let own = Some(self.media.udp.ip()).filter(|ip| !ip.is_unspecified());
        let mut all: Vec<IpAddr> = self.media.public_addresses.iter().copied().chain(own).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Where a 1:1 NAT stands before the media node here: its public address and its own.
    #[must_use]
    pub fn media_nat(&self) -> Option<(IpAddr, IpAddr)> {
        let own = self.media.udp.ip();
        match self.media.public_addresses.as_slice() {
            [public] if *public != own && !own.is_unspecified() => Some((*public, own)),
            _ => None,
        }
    }

    /// How many media nodes this machine has.
    #[must_use]
    pub fn media_nodes(&self) -> usize {
        1 + self.media.more_nodes.len()
    }

    /// The same configuration as media node `number` (from 1) reads it: its own addresses in `media`, and no further
    /// nodes. `None`: there is no such node.
    #[must_use]
    pub fn for_media_node(mut self, number: usize) -> Option<Self> {
        let more = std::mem::take(&mut self.media.more_nodes);
        if number != 1 {
            let own = more.get(number.checked_sub(2)?)?;
            self.media.udp = own.udp;
            self.media.tcp = own.tcp;
            self.media.control = own.control;
        }
        Some(self)
    }
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    check_nodes(config, checker)?;
    check_turn(config, checker)
}

/// Two nodes on one address would take turns at failing; so would a node whose control is its own port for media.
fn check_nodes(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let media = &config.media;
    if !(1..=64).contains(&media.workers) {
        let message = format!("{} is outside 1 to 64", media.workers);
        return checker.fail(None, "media.workers", message);
    }
    if media.spill_after == 0 {
        let message = "0 participants: expected at least 1".to_owned();
        return checker.fail(None, "media.spill_after", message);
    }
    let first = (media.udp, media.tcp, media.control);
    let more = media.more_nodes.iter().map(|node| (node.udp, node.tcp, node.control));
    let (mut udp, mut tcp) = (HashSet::new(), HashSet::new());
    for (number, node) in std::iter::once(first).chain(more).enumerate() {
        let table = if number == 0 { "media" } else { "media.node" };
        take_addresses(checker, &format!("{table}.udp"), node.0, media.workers, &mut udp)?;
        if let Some(address) = node.1 {
            take_addresses(checker, &format!("{table}.tcp"), address, media.workers, &mut tcp)?;
        }
        take_addresses(checker, &format!("{table}.control"), node.2, 1, &mut tcp)?;
    }
    Ok(())
}

/// Takes `count` ports from an address on, each worker's own.
fn take_addresses(
    checker: &Checker<'_>,
    field: &str,
    from: SocketAddr,
    count: u16,
    taken: &mut HashSet<SocketAddr>,
) -> Result<(), ConfigError> {
    // Port 0: the system chooses free ones.
    if from.port() == 0 {
        return Ok(());
    }
    let Some(last) = from.port().checked_add(count - 1) else {
        let message = format!("{count} ports from {} on: there are no more than 65535", from.port());
        return checker.fail(None, "media.workers", message);
    };
    for port in from.port()..=last {
        let address = SocketAddr::new(from.ip(), port);
        if !taken.insert(address) {
            let message = format!("{address} stands twice, expected each media node on addresses of its own");
            return checker.fail(None, field, message);
        }
    }
    Ok(())
}

fn check_turn(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let Some(turn) = &config.turn else {
        return Ok(());
    };
    let own: Vec<SocketAddr> = [turn.listen, turn.tls_listen].into_iter().flatten().collect();
    if own.is_empty() == turn.urls.is_empty() {
        let message =
            "expected listen or tls_listen for a server of the office's own, or urls for another's".to_owned();
        return checker.fail(None, "turn", message);
    }
    if let Some(url) = turn
        .urls
        .iter()
        .find(|it| !it.starts_with("turn:") && !it.starts_with("turns:"))
    {
        let message = format!("{url:?}: expected an address such as \"turns:turn.example.jp:443?transport=tcp\"");
        return checker.fail(None, "turn.urls", message);
    }
    if let Some(at) = own.iter().find(|it| it.ip().is_unspecified()) {
        let message = format!("{at}: expected one address of the machine, which browsers are told");
        return checker.fail(None, "turn.listen", message);
    }
    if own
        .windows(2)
        .any(|it| it[0].ip() != it[1].ip() || it[0].port() == it[1].port())
    {
        let message = "expected the address of listen and another port".to_owned();
        return checker.fail(None, "turn.tls_listen", message);
    }
    if turn.certificate.is_some() != turn.certificate_key.is_some() {
        let message = "certificate and certificate_key stand together: expected both or neither".to_owned();
        return checker.fail(None, "turn.certificate", message);
    }
    let [first, last] = turn.relay_ports;
    if first < 1024 || last < first {
        let message = format!("[{first}, {last}]: expected first and last, from 1024 to 65535");
        return checker.fail(None, "turn.relay_ports", message);
    }
    // The TURN server must know to whom it may relay.
    if !own.is_empty() && config.media_addresses().is_empty() && turn.media_nodes.is_empty() {
        let message = "expected the node's addresses here, since media.udp names none".to_owned();
        return checker.fail(None, "media.public_addresses", message);
    }
    Ok(())
}
