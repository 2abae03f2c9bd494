//! The office's TURN server: Debian's coturn as a private child, its configuration made anew at each start.
//!
//! Invariant: it relays to media nodes and to nobody else. Without that, whoever is given a credential could
//! reach the office's own network through it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use protocol::config::{Config, Turn};
use protocol::turn::TurnSecret;
use runtime::certificate::Files;
use runtime::secrets::Secrets;

use crate::part::Part;

/// Its name among the parts.
pub const NAME: &str = "turn";

/// Allocations of one participant at once: two connections, by each of three ways, on some interfaces.
const ALLOCATIONS_OF_ONE: u32 = 32;

/// Bytes a second of one connection each way: 10 Mbit/s, more than any call takes.
const BYTES_PER_SECOND: u32 = 1_250_000;

/// The part; none where the office has no TURN server, or one that others run.
///
/// # Errors
/// When coturn isn't installed, or the configuration can't be written.
pub fn part(config: &Config, secrets: &Secrets) -> Result<Option<Part>> {
    let Some(turn) = config.turn.as_ref().filter(|turn| turn.urls.is_empty()) else {
        return Ok(None);
    };
    let Some(program) = find("turnserver") else {
        bail!("[turn] asks for coturn, which is not installed: `apt-get install coturn`, or take [turn] out");
    };
    let dir = config.paths.run.join(NAME);
    std::fs::create_dir_all(&dir).with_context(|| format!("{} can't be made", dir.display()))?;
    let certificate = match (&turn.certificate, &turn.certificate_key) {
        _ if turn.tls_listen.is_none() => None,
        (Some(chain), Some(key)) => Some(Files {
            chain: chain.clone(),
            key: key.clone(),
        }),
        _ => Some(runtime::certificate::of(config, secrets, config.web.listen.ip())?),
    };
    let text = configuration(config, turn, &secrets.turn_secret()?, certificate.as_ref(), &dir)?;
    let file = dir.join("turnserver.conf");
    runtime::write_file(&file, text.as_bytes(), true)
        .with_context(|| format!("{} can't be written", file.display()))?;
    Ok(Some(Part {
        name: NAME.to_owned(),
        program,
        arguments: vec!["-c".into(), file.into()],
        environment: Vec::new(),
        log: None,
        leftovers: Vec::new(),
    }))
}

/// A program by its name, where a shell would find it.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|it| it.is_file())
}

/// coturn's configuration file (turnserver(1)).
fn configuration(
    config: &Config,
    turn: &Turn,
    secret: &TurnSecret,
    certificate: Option<&Files>,
    dir: &Path,
) -> Result<String> {
    let listens = [turn.listen, turn.tls_listen];
    let Some(ip) = listens.iter().flatten().map(|it| it.ip()).next() else {
        bail!("turn: neither listen nor tls_listen is there");
    };
    let mut out = String::from("# Made by `madoguchi up` at each start: changes are lost.\n");
    let mut set = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a String can't fail.
        let _ = writeln!(out, "{key}={value}");
    };
    set("listening-ip", &ip);
    set("relay-ip", &ip);
    // Also for the node: what is for its public address goes straight to it, not out to the NAT and back.
    let own = turn.external_ip.map(|external| (external, ip));
    for (external, internal) in own.into_iter().chain(config.media_nat().filter(|it| Some(*it) != own)) {
        set("external-ip", &format_args!("{external}/{internal}"));
    }
    if let Some(listen) = turn.listen {
        set("listening-port", &listen.port());
    }
    if let (Some(listen), Some(files)) = (turn.tls_listen, certificate) {
        set("tls-listening-port", &listen.port());
        set("cert", &files.chain.display());
        set("pkey", &files.key.display());
    }
    set("realm", &config.turn_realm());
    set("server-name", &config.turn_realm());
    set("static-auth-secret", &secret.as_str());
    set("min-port", &turn.relay_ports[0]);
    set("max-port", &turn.relay_ports[1]);
    for everybody in ["0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
        set("denied-peer-ip", &everybody);
    }
    let nodes: Vec<_> = config
        .media_addresses()
        .into_iter()
        .chain(turn.media_nodes.clone())
        .collect();
    for node in &nodes {
        set("allowed-peer-ip", node);
    }
    set("user-quota", &ALLOCATIONS_OF_ONE);
    set(
        "total-quota",
        &(u32::from(turn.relay_ports[1] - turn.relay_ports[0]) + 1),
    );
    set("max-bps", &BYTES_PER_SECOND);
    set("stale-nonce", &600);
    set("pidfile", &dir.join("turnserver.pid").display());
    set("userdb", &dir.join("turnserver.db").display());
    // Without "verbose" it names no user and no address.
    set("log-file", &"stdout");
    let mut switches = vec!["use-auth-secret", "fingerprint", "simple-log", "no-cli", "no-tcp-relay"];
    switches.extend([
        "no-multicast-peers",
        "no-rfc5780",
        "no-software-attribute",
        "no-dtls",
        "no-tlsv1",
        "no-tlsv1_1",
    ]);
    if turn.listen.is_none() {
        switches.extend(["no-udp", "no-tcp"]);
    }
    if turn.tls_listen.is_none() {
        switches.push("no-tls");
    }
    // Only where the node itself is on the loopback: an office that is open to this machine alone.
    if nodes.iter().any(std::net::IpAddr::is_loopback) {
        switches.push("allow-loopback-peers");
    }
    switches.iter().for_each(|it| {
        let _ = writeln!(out, "{it}");
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(turn: &str) -> Config {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let text = std::fs::read_to_string(&demo).expect("the demo is there");
        Config::parse(&demo, &format!("{text}\n[turn]\n{turn}\n")).expect("sound")
    }

    fn conf(turn: &str) -> String {
        let config = office(turn);
        let files = Files {
            chain: "chain.pem".into(),
            key: "key.pem".into(),
        };
        let turn = config.turn.as_ref().expect("there");
        configuration(
            &config,
            turn,
            &TurnSecret::new(b"secret"),
            Some(&files),
            Path::new("/run"),
        )
        .expect("written")
    }

    #[test]
    fn it_relays_to_media_nodes_and_to_nobody_else() {
        let conf = conf("listen = \"192.0.2.9:3478\"\nmedia_nodes = [\"192.0.2.30\"]");
        let lines: Vec<&str> = conf.lines().collect();
        let allowed: Vec<&&str> = lines.iter().filter(|it| it.starts_with("allowed-peer-ip")).collect();
        assert_eq!(allowed, [&"allowed-peer-ip=127.0.0.1", &"allowed-peer-ip=192.0.2.30"]);
        for line in [
            "denied-peer-ip=0.0.0.0-255.255.255.255",
            "denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "no-tcp-relay",
            "no-cli",
            "use-auth-secret",
            "static-auth-secret=secret",
            "no-tls",
            "total-quota=1000",
        ] {
            assert!(lines.contains(&line), "{line} in\n{conf}");
        }
    }

    #[test]
    fn tls_alone_opens_nothing_else() {
        let conf = conf("tls_listen = \"192.0.2.9:443\"\nexternal_ip = \"203.0.113.9\"");
        let lines: Vec<&str> = conf.lines().collect();
        for line in [
            "tls-listening-port=443",
            "no-udp",
            "no-tcp",
            "external-ip=203.0.113.9/192.0.2.9",
            "cert=chain.pem",
            "pkey=key.pem",
        ] {
            assert!(lines.contains(&line), "{line} in\n{conf}");
        }
        assert!(!lines.contains(&"no-tls"));
    }
}
