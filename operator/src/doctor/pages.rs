//! Whether browsers reach the pages by `web.public_url`, and trust what answers there.

use std::error::Error as _;

use jiff::Timestamp;
use protocol::config::Config;
use runtime::secrets::Secrets;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{PATIENCE, Report, machine};

/// A certificate that ends sooner than this is to be renewed now.
const RENEW_DAYS: i64 = 14;

pub(super) async fn check(config: &Config, secrets: &Secrets, report: &mut Report) {
    let url = format!("{}/healthz", config.web.public_url);
    let answer = match ask(config, secrets, &url).await {
        Ok(answer) => answer,
        Err(error) => {
            let (found, todo) = in_words(&error, config);
            return report.bad("pages", found, todo);
        }
    };
    if answer.status().is_success() {
        report.good("pages", format_args!("{} answers", config.web.public_url));
    } else {
        let found = format!("{url} answers {}", answer.status());
        report.bad(
            "pages",
            found,
            "see what signaling says; another server may stand at that address",
        );
    }
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok());
    if let Some(theirs) = date.and_then(|it| jiff::fmt::rfc2822::parse(it).ok()) {
        let apart = theirs.timestamp().duration_until(Timestamp::now()).unsigned_abs();
        machine::judge_apart(apart, &config.web.public_url, report);
    }
    let info = answer.extensions().get::<reqwest::tls::TlsInfo>();
    if let Some(der) = info.and_then(reqwest::tls::TlsInfo::peer_certificate) {
        judge_certificate(der, Timestamp::now(), report);
    }
}

async fn ask(config: &Config, secrets: &Secrets, url: &str) -> reqwest::Result<reqwest::Response> {
    let mut builder = reqwest::Client::builder().timeout(PATIENCE).tls_info(true);
    if config.web.certificate.is_none()
        && let Ok(pem) = std::fs::read(secrets.ca())
    {
        // As a browser into which it was imported.
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(&pem)?]);
    }
    builder.build()?.get(url).send().await
}

/// What went wrong on the way to the pages, and what to do.
fn in_words(error: &reqwest::Error, config: &Config) -> (String, String) {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let words = causes.join(": ");
    let host = config.public_host();
    let todo = if words.contains("certificate") && words.contains("xpired") {
        "renew the certificate, and start signaling again".to_owned()
    } else if words.contains("NotValidForName") || words.contains("not valid for name") {
        format!("have a certificate made for {host}, or set web.public_url to the name it has")
    } else if words.contains("certificate") {
        "set web.certificate to the whole chain, the server's certificate first".to_owned()
    } else if words.contains("dns error") || words.contains("lookup") {
        format!("have {host} put into the DNS")
    } else if error.is_timeout() {
        format!("open TCP port {} in the firewall", config.web.listen.port())
    } else {
        "see that web.listen and web.public_url belong together, and what signaling says".to_owned()
    };
    (words, todo)
}

fn judge_certificate(der: &[u8], now: Timestamp, report: &mut Report) {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return report.unknown("certificate", "it can't be read, but browsers' rules accept it");
    };
    let end = certificate.validity().not_after.timestamp();
    let days = (end - now.as_second()).div_euclid(24 * 3600);
    let found = format!("holds for {days} days more");
    if days < RENEW_DAYS {
        report.bad("certificate", found, "renew it now, and start signaling again");
    } else {
        report.good("certificate", found);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::ToSpan as _;

    use super::super::State;
    use super::*;

    fn office(port: u16) -> Config {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let mut config = runtime::read_config_for(&demo, None).expect("sound");
        config.web.public_url = format!("https://localhost:{port}");
        config
    }

    #[test]
    fn a_certificate_that_ends_soon_is_to_be_renewed() {
        let dir = tempfile::tempdir().expect("temp");
        let secrets = Secrets::open(&dir.path().join("secrets")).expect("made");
        let files = runtime::certificate::of(&office(1), &secrets, [127, 0, 0, 1].into()).expect("made");
        let text = std::fs::read(files.chain).expect("read");
        let (_, pem) = x509_parser::pem::parse_x509_pem(&text).expect("PEM");
        let judge = |hours: i64| {
            let mut report = Report::default();
            let now = Timestamp::now().checked_add(hours.hours()).expect("time");
            judge_certificate(&pem.contents, now, &mut report);
            report.0.remove(0)
        };
        assert_eq!(judge(0).state, State::Good);
        let late = judge(24 * 390);
        assert!(late.state == State::Bad && late.found.contains("days more"), "{late:?}");
    }

    #[tokio::test]
    async fn nobody_at_the_address_and_somebody_else_there_are_told_apart() {
        let dir = tempfile::tempdir().expect("temp");
        let secrets = Secrets::open(&dir.path().join("secrets")).expect("made");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let other = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            if let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"SSH-2.0-other\r\n").await;
            }
        });
        let mut report = Report::default();
        check(&office(port), &secrets, &mut report).await;
        other.await.expect("served");
        check(&office(port), &secrets, &mut report).await;
        assert!(
            report.0.len() == 2 && report.0.iter().all(|it| it.state == State::Bad),
            "{report:?}"
        );
        assert_ne!(report.0[0].found, report.0[1].found);
        assert!(report.0[1].found.contains("refused"), "{report:?}");
    }
}
