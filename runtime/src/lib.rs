//! What every program does at its start and its end: reads the configuration, opens its log, finds its
//! keys, and stops when told. The exit codes are the same everywhere.

#![forbid(unsafe_code)]

pub mod certificate;
pub mod secrets;
pub mod shutdown;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use protocol::config::{Config, ConfigError};
use tracing_subscriber::EnvFilter;

pub use shutdown::Shutdown;

/// Exit code: the configuration or the command line is wrong; starting again won't help.
pub const EXIT_CONFIG: u8 = 2;

/// Exit code: a watchdog ended the program; starting again will help.
pub const EXIT_STALLED: u8 = 75;

/// Opens the log on standard error. `RUST_LOG` chooses what is told (default: `info`).
pub fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second start in one process (tests) keeps the first log.
    let _ = builder.with_ansi(is_terminal).with_target(false).try_init();
}

/// Reads, checks and completes a configuration file.
///
/// # Errors
/// [`ConfigError`] with file, line, field and what was expected.
pub fn read_config(file: &Path) -> Result<Config, ConfigError> {
    read_config_for(
        file,
        std::env::var(LAN_VARIABLE)
            .ok()
            .and_then(|address| address.parse().ok()),
    )
}

/// The same, opened to the network at `lan` where that is given, whatever [`LAN_VARIABLE`] says.
///
/// # Errors
/// As [`read_config`].
pub fn read_config_for(file: &Path, lan: Option<IpAddr>) -> Result<Config, ConfigError> {
    let fail = |message: String| ConfigError {
        file: file.to_owned(),
        line: None,
        field: "(file)".to_owned(),
        message,
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        fail(format!(
            "can't be read ({error}): expected a TOML file such as configs/demo.toml"
        ))
    })?;
    let whole = std::path::absolute(file).map_err(|error| fail(error.to_string()))?;
    let base = whole.parent().map_or_else(PathBuf::new, Path::to_owned);
    let config = Config::parse(file, &text)?.resolve(&base);
    Ok(match lan {
        Some(address) => open_to(config, address),
        None => config,
    })
}

/// The variable by which `madoguchi up --lan` tells the parts the machine's address on the network.
pub const LAN_VARIABLE: &str = "MADOGUCHI_LAN";

/// The same office, reachable at `address` instead of on this machine only.
fn open_to(mut config: Config, address: IpAddr) -> Config {
    let anywhere = if address.is_ipv4() {
        IpAddr::from([0, 0, 0, 0])
    } else {
        IpAddr::from([0u16; 8])
    };
    let host = if address.is_ipv4() {
        address.to_string()
    } else {
        format!("[{address}]")
    };
    config.web.public_url = format!("https://{host}:{}", config.web.listen.port());
    config.web.listen.set_ip(anywhere);
    config.media.udp.set_ip(anywhere);
    if let Some(tcp) = &mut config.media.tcp {
        tcp.set_ip(anywhere);
    }
    for node in &mut config.media.more_nodes {
        node.udp.set_ip(anywhere);
        if let Some(tcp) = &mut node.tcp {
            tcp.set_ip(anywhere);
        }
    }
    if let Some(turn) = &mut config.turn {
        let own = [&mut turn.listen, &mut turn.tls_listen];
        own.into_iter().flatten().for_each(|at| at.set_ip(address));
    }
    config.media.public_addresses = vec![
        address,
        if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            address
        },
    ];
    config
}

/// Reads a configuration for a program's `main`; on a fault says it and ends with [`EXIT_CONFIG`].
#[must_use]
pub fn config_or_exit(file: &Path) -> Config {
    match read_config(file) {
        Ok(config) => config,
        Err(error) => exit_config(&error),
    }
}

/// Ends the program because of its configuration.
pub fn exit_config(error: &dyn std::fmt::Display) -> ! {
    eprintln!("{error}");
    std::process::exit(i32::from(EXIT_CONFIG))
}

/// Now, by the system's clock. Only programs' edges read it; cores take it as an argument.
#[must_use]
pub fn now() -> protocol::time::UnixMillis {
    std::time::SystemTime::now().into()
}

/// Writes a file whole or not at all: under another name, synced, then renamed, and the folder synced, so that it is
/// there after a power cut. Readable by its owner only when `is_secret`.
///
/// # Errors
/// When the folder can't be written.
pub fn write_file(path: &Path, bytes: &[u8], is_secret: bool) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let mode = if is_secret { 0o600 } else { 0o644 };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&part)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| std::fs::rename(&part, path)) {
        // A full disk should not also keep half a file.
        let _ = std::fs::remove_file(&part);
        return Err(error);
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = read_config(Path::new("nowhere/office.toml"))
            .expect_err("missing")
            .to_string();
        assert!(
            error.starts_with("nowhere/office.toml: (file): can't be read"),
            "{error}"
        );
    }

    #[test]
    fn an_office_on_the_network_is_told_by_its_address() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let config = open_to(read_config(&demo).expect("read"), [192, 168, 1, 5].into());
        assert_eq!(config.web.public_url, "https://192.168.1.5:8443");
        assert!(config.web.listen.ip().is_unspecified() && config.media.udp.ip().is_unspecified());
        assert_eq!(config.media.public_addresses[0], IpAddr::from([192, 168, 1, 5]));
    }

    #[test]
    fn the_example_of_an_office_in_production_is_sound() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/office.toml");
        let config = read_config_for(&file, None).expect("configs/office.toml is read");
        assert_eq!(config.turn_urls()[2], "turns:turn.example.jp:443?transport=tcp");
    }

    #[test]
    fn the_demo_is_sound() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let config = read_config(&demo).expect("configs/demo.toml is read");
        assert!(config.paths.rigs.is_absolute());
    }
}
