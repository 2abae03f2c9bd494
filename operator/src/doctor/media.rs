//! Whether calls connect: to each address that a media node tells browsers, by UDP and by TCP, and through
//! each address of the TURN server.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use protocol::config::Config;
use protocol::ids::ParticipantId;
use runtime::secrets::Secrets;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use store::Store;
use store::nodes::NodeRecord;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::call::{Node, Told, Way, connected_udp};
use super::turn_client::{Pipe, TurnClient, TurnError};
use super::{PATIENCE, Report};

pub(super) async fn check(config: &Config, secrets: &Secrets, report: &mut Report) {
    let nodes = match nodes(config).await {
        Ok(nodes) if nodes.is_empty() => {
            return report.bad("media", "no media node has registered", "see what media-server says");
        }
        Ok(nodes) => nodes,
        Err(error) => {
            return report.unknown(
                "media",
                format_args!("without Redis nobody knows of a node ({error:#})"),
            );
        }
    };
    for record in &nodes {
        let name = format!("media {}", record.control);
        let mut node = match Node::open(record, config, secrets).await {
            Ok(node) => node,
            Err(error) => {
                let todo = "let signaling's machine reach media.control; both must have the same secrets folder";
                report.bad(&name, format!("{error:#}"), todo);
                continue;
            }
        };
        let told = match node.told().await {
            Ok(told) => told,
            Err(error) => {
                report.bad(&name, format!("{error:#}"), "see what media-server says");
                continue;
            }
        };
        for one in &told {
            direct(&mut node, *one, report).await;
        }
        if !told.iter().any(|it| it.is_tcp) {
            report.unknown("media by TCP", "media.tcp is not set: who has no UDP needs TURN");
        }
        if let Some(first) = told.iter().find(|it| !it.is_tcp) {
            turn(&mut node, first.at, config, secrets, report).await;
        }
    }
}

async fn nodes(config: &Config) -> Result<Vec<NodeRecord>> {
    let asked = async {
        let store = Store::connect(config).await?;
        store::nodes::alive(&store.live).await
    };
    Ok(timeout(PATIENCE, asked).await.context("no answer")??)
}

async fn direct(node: &mut Node, told: Told, report: &mut Report) {
    let name = if told.is_tcp { "media by TCP" } else { "media by UDP" };
    let called = match Way::direct(told).await {
        Ok(mut way) => node.call(&mut way).await,
        Err(error) => Err(error),
    };
    match called {
        Ok(()) => report.good(name, format_args!("a call connects to {told}")),
        Err(error) => report.bad(
            name,
            format_args!("no call connects to {told}: {error:#}"),
            format_args!(
                "open {told} in the firewall; behind a NAT, set media.public_addresses to the address that is led here"
            ),
        ),
    }
}

async fn turn(node: &mut Node, media: SocketAddr, config: &Config, secrets: &Secrets, report: &mut Report) {
    if config.turn.is_none() {
        return report.unknown(
            "TURN",
            "none is set: who has neither UDP nor media.tcp's port can't call",
        );
    }
    let secret = match secrets.turn_secret() {
        Ok(secret) => secret,
        Err(error) => return report.bad("TURN", format!("{error:#}"), "make turn.key readable"),
    };
    for server in secret.servers(config, &ParticipantId::random(), runtime::now()) {
        for url in &server.urls {
            let found = relayed(
                node,
                media,
                url,
                (&server.username, &server.credential),
                config,
                secrets,
            )
            .await;
            match found {
                Ok(()) => report.good("TURN", format_args!("a call connects by {url}")),
                Err(fault) => report.bad("TURN", format_args!("{url}: {}", fault.found), fault.todo),
            }
        }
    }
}

struct Fault {
    found: String,
    todo: &'static str,
}

impl Fault {
    fn of(found: impl std::fmt::Display, todo: &'static str) -> Self {
        Self {
            found: found.to_string(),
            todo,
        }
    }
}

async fn relayed(
    node: &mut Node,
    media: SocketAddr,
    url: &str,
    (username, credential): (&str, &str),
    config: &Config,
    secrets: &Secrets,
) -> Result<(), Fault> {
    let Some(target) = Target::parse(url) else {
        return Err(Fault::of("not a TURN address", "write turn.urls as RFC 7065 has it"));
    };
    let pipe = timeout(PATIENCE, open(&target, config, secrets)).await;
    let pipe = pipe.context("no answer").and_then(|it| it).map_err(|error| {
        let todo = if target.is_tls {
            "see that the certificate holds for turn.realm, and open the port in the firewall"
        } else {
            "open the port in the firewall; see what the part `turn` says"
        };
        Fault::of(format!("{error:#}"), todo)
    })?;
    let mut turn = TurnClient::allocate(pipe, username, credential)
        .await
        .map_err(|error| {
            let todo = match &error {
                TurnError::Refused { code: 401, .. } => {
                    "let the TURN server and turn.key have the same secret, and both clocks be right"
                }
                TurnError::Refused { code: 486 | 508, .. } => {
                    "widen turn.relay_ports: too many connections are relayed"
                }
                TurnError::Silent => "open the port in the firewall; see what the part `turn` says",
                _ => "see what the TURN server says",
            };
            Fault::of(error, todo)
        })?;
    turn.permit(media).await.map_err(|error| {
        let found = format!("it does not relay to {media}: {error}");
        Fault::of(
            found,
            "add the node's address to media.public_addresses or turn.media_nodes",
        )
    })?;
    let mut way = Way::Relay {
        turn: Box::new(turn),
        server: media,
    };
    let called = node.call(&mut way).await;
    if let Way::Relay { turn, .. } = &mut way {
        // It ends by itself too.
        let _ = turn.refresh(0).await;
    }
    called.map_err(|error| {
        let found = format!("it relays, but no call connects to {media}: {error:#}");
        Fault::of(
            found,
            "let the TURN server's machine reach the node's UDP port, and be reached from it",
        )
    })
}

/// What a TURN address says (RFC 7065).
#[derive(Debug, PartialEq, Eq)]
struct Target {
    is_tls: bool,
    is_udp: bool,
    host: String,
    port: u16,
}

impl Target {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let is_tls = match scheme {
            "turn" => false,
            "turns" => true,
            _ => return None,
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = match place.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((v6, rest)) => (v6, rest.strip_prefix(':')),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if is_tls => 5349,
            None => 3478,
        };
        Some(Self {
            is_tls,
            is_udp: !is_tls && query != "transport=tcp",
            host: host.to_owned(),
            port,
        })
    }
}

async fn open(target: &Target, config: &Config, secrets: &Secrets) -> Result<Pipe> {
    let mut found = tokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .with_context(|| format!("{} is not in the DNS", target.host))?;
    let at = found
        .next()
        .with_context(|| format!("{} has no address", target.host))?;
    if target.is_udp {
        return Ok(Pipe::Udp(connected_udp(at).await?));
    }
    let stream = TcpStream::connect(at).await?;
    if !target.is_tls {
        return Ok(Pipe::Stream(Box::new(stream), Vec::new()));
    }
    let name = ServerName::try_from(target.host.clone())?;
    let stream = TlsConnector::from(Arc::new(trust(config, secrets)?))
        .connect(name, stream)
        .await?;
    Ok(Pipe::Stream(Box::new(stream), Vec::new()))
}

/// Whom a browser trusts: the system's authorities, and the office's own where it has one.
fn trust(config: &Config, secrets: &Secrets) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if config.web.certificate.is_none() {
        for certificate in CertificateDer::pem_file_iter(secrets.ca())? {
            roots.add(certificate?)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_addresses_are_read() {
        let target = |is_tls, is_udp, host: &str, port| {
            let host = host.to_owned();
            Some(Target {
                is_tls,
                is_udp,
                host,
                port,
            })
        };
        assert_eq!(
            Target::parse("turn:192.0.2.9:3478?transport=udp"),
            target(false, true, "192.0.2.9", 3478)
        );
        assert_eq!(
            Target::parse("turn:a.example?transport=tcp"),
            target(false, false, "a.example", 3478)
        );
        assert_eq!(
            Target::parse("turns:[2001:db8::1]:443?transport=tcp"),
            target(true, false, "2001:db8::1", 443)
        );
        assert_eq!(Target::parse("turns:a.example"), target(true, false, "a.example", 5349));
        assert_eq!(Target::parse("stun:a.example"), None);
        assert_eq!(Target::parse("turn:a.example:port"), None);
    }
}
