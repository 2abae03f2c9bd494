//! What the operator is told when the office is open.

use std::fmt::Write as _;

use protocol::config::Config;
use runtime::secrets::Secrets;

/// The addresses to open, the demo logins, how to look at the screens, where booths' links lie, how to trust the certificate.
pub fn text(config: &Config, secrets: &Secrets) -> String {
    let url = &config.web.public_url;
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(out, "\n  {} is open.  Ctrl-C ends everything.\n", config.office.name.ja);
    let _ = writeln!(out, "  For residents   {url}/");
    let _ = writeln!(out, "  For staff       {url}/staff");
    let logins = std::fs::read_to_string(secrets.dir().join("demo-logins.txt")).unwrap_or_default();
    for (id, password) in logins.lines().filter_map(|line| line.split_once(' ')) {
        let _ = writeln!(out, "                  login {id}  password {password}");
    }
    for screen in &config.screens {
        let id = &screen.id;
        let _ = writeln!(
            out,
            "  Screen {id:<8} ./madoguchi snapshot {id} out.png   shows what it shows now"
        );
    }
    for booth in &config.booths {
        let (id, link) = (&booth.id, secrets.booth_link(&booth.id));
        let _ = writeln!(out, "  Booth {id:<9} open once, in the booth's browser, the link in");
        let _ = writeln!(out, "                  {}", link.display());
    }
    if config.web.certificate.is_none() {
        let _ = writeln!(
            out,
            "\n  The certificate is a local one. To trust it, add the authority"
        );
        let _ = writeln!(out, "  {}", secrets.ca().display());
        let _ = writeln!(
            out,
            "  to the browser (Settings > Privacy > Certificates > Authorities > Import)."
        );
    }
    if config.web.listen.ip().is_loopback() {
        let _ = writeln!(
            out,
            "\n  Only this machine can reach it. For others on the network: ./madoguchi up --lan"
        );
    }
    out
}
