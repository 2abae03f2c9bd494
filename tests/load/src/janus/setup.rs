//! Janus's settings and where its parts are.
//!
//! Invariant: nothing is set but what the head of [`super`] names.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Its media ports.
pub const MEDIA_PORTS: std::ops::RangeInclusive<u16> = 20_000..=39_999;

/// How it is set up, apart from what the module's head says.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The program.
    pub program: PathBuf,
    /// The network interface for media.
    pub interface: String,
    /// `event_loops`: threads that all handles share; none: a thread for each, as it ships.
    pub event_loops: Option<usize>,
}

impl Setup {
    /// Writes a folder of configuration with nothing but what is needed; the API listens at `port`.
    ///
    /// # Errors
    /// When Janus isn't installed, or the folder can't be written.
    pub fn configure(&self, dir: &Path, port: u16) -> anyhow::Result<()> {
        let installed = installed()?;
        for (folder, library) in [
            ("plugins", "libjanus_videoroom.so"),
            ("transports", "libjanus_websockets.so"),
        ] {
            std::fs::create_dir(dir.join(folder))?;
            let from = installed.join(folder).join(library);
            std::os::unix::fs::symlink(&from, dir.join(folder).join(library))
                .with_context(|| format!("{} can't be linked", from.display()))?;
        }
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(vec!["janus.invalid".to_owned()])?.self_signed(&key)?;
        std::fs::write(dir.join("cert.pem"), certificate.pem())?;
        std::fs::write(dir.join("key.pem"), key.serialize_pem())?;
        let at = dir.display();
        let loops = self
            .event_loops
            .map_or(String::new(), |it| format!("event_loops = {it}\n"));
        let (first, last) = (MEDIA_PORTS.start(), MEDIA_PORTS.end());
        let interface = &self.interface;
        std::fs::write(
            dir.join("janus.jcfg"),
            format!(
                "general: {{\nconfigs_folder = \"{at}\"\nplugins_folder = \"{at}/plugins\"\n\
             transports_folder = \"{at}/transports\"\nevents_folder = \"{at}/none\"\nloggers_folder = \"{at}/none\"\n\
             debug_level = 3\n{loops}}}\n\
             certificates: {{\ncert_pem = \"{at}/cert.pem\"\ncert_key = \"{at}/key.pem\"\n}}\n\
             media: {{\nrtp_port_range = \"{first}-{last}\"\n}}\n\
             nat: {{\nnice_debug = false\nice_enforce_list = \"{interface}\"\n}}\n"
            ),
        )?;
        std::fs::write(
            dir.join("janus.transport.websockets.jcfg"),
            format!(
                "general: {{\njson = \"compact\"\nws = true\nws_port = {port}\nws_ip = \"127.0.0.1\"\nwss = false\n}}\n\
             admin: {{\nadmin_ws = false\nadmin_wss = false\n}}\n"
            ),
        )?;
        std::fs::write(dir.join("janus.plugin.videoroom.jcfg"), "general: {\n}\n")?;
        Ok(())
    }
}

/// Where Debian puts Janus's parts: `/usr/lib/<triplet>/janus`.
fn installed() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?.filter_map(|it| Some(it.ok()?.path().join("janus")));
    let mut found = folders.filter(|it| it.join("plugins").is_dir());
    found
        .next()
        .context("Janus isn't installed: expected /usr/lib/*/janus, as Debian's package `janus` has it")
}
