//! The local certificate: an authority of the office's own (`ca.pem`), and a server certificate signed by
//! it for the names and addresses by which this machine is reached. A real certificate is a line in the
//! configuration.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::{ToSpan, Zoned};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use protocol::config::Config;

use crate::secrets::Secrets;

/// Where a server's certificate chain and key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// PEM, the server's first.
    pub chain: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// The configured certificate, or a local one for all names by which this machine is reached. `listen` is
/// the address where pages are served.
///
/// # Errors
/// When the local one can't be made.
pub fn of(config: &Config, secrets: &Secrets, listen: IpAddr) -> Result<Files> {
    if let (Some(chain), Some(key)) = (&config.web.certificate, &config.web.certificate_key) {
        return Ok(Files {
            chain: chain.clone(),
            key: key.clone(),
        });
    }
    let mut hosts = BTreeSet::from(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    hosts.insert(config.public_host().to_owned());
    hosts.insert(config.turn_realm().to_owned());
    if !listen.is_unspecified() {
        hosts.insert(listen.to_string());
    }
    local(secrets, &hosts, &Zoned::now()).context("the local certificate")
}

/// A server certificate for `hosts` (names or addresses), made when missing, when it lacks a host, or when
/// it ends within 30 days. Browsers accept at most 398 days (CA/Browser Forum baseline 6.3.2).
///
/// # Errors
/// When the files can't be written, or a host is neither a name nor an address.
pub fn local(secrets: &Secrets, hosts: &BTreeSet<String>, now: &Zoned) -> Result<Files> {
    let files = Files {
        chain: secrets.dir().join("server.pem"),
        key: secrets.dir().join("server.key"),
    };
    let memo = secrets.dir().join("server.hosts");
    let wanted = hosts.iter().cloned().collect::<Vec<_>>().join("\n");
    let is_current = || -> Option<bool> {
        let text = fs::read_to_string(&memo).ok()?;
        let (until, covered) = text.split_once('\n')?;
        let until: jiff::Timestamp = until.parse().ok()?;
        let still = now
            .timestamp()
            .checked_add(jiff::SignedDuration::from_hours(30 * 24))
            .ok()?
            < until;
        Some(still && covered == wanted && files.chain.exists() && files.key.exists() && secrets.ca().exists())
    };
    if is_current() == Some(true) {
        return Ok(files);
    }
    let (ca_pem, issuer) = authority(secrets, now)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Madoguchi");
    for host in hosts {
        params.subject_alt_names.push(match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(
                host.as_str()
                    .try_into()
                    .with_context(|| format!("{host:?} is not a host"))?,
            ),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let until = set_validity(&mut params, now, 397)?;
    let certificate = params.signed_by(&key, &issuer)?;
    crate::write_file(&files.key, key.serialize_pem().as_bytes(), true)?;
    crate::write_file(&files.chain, format!("{}{ca_pem}", certificate.pem()).as_bytes(), false)?;
    crate::write_file(&memo, format!("{until}\n{wanted}").as_bytes(), false)?;
    Ok(files)
}

fn authority(secrets: &Secrets, now: &Zoned) -> Result<(String, Issuer<'static, KeyPair>)> {
    let (pem_path, key_path) = (secrets.ca(), secrets.dir().join("ca.key"));
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Madoguchi local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    if let (Ok(pem), Ok(key)) = (fs::read_to_string(&pem_path), fs::read_to_string(&key_path)) {
        // Name and key are all that an issuer puts into what it signs; both are what they were.
        return Ok((pem, Issuer::new(params, KeyPair::from_pem(&key).context("ca.key")?)));
    }
    let key = KeyPair::generate()?;
    set_validity(&mut params, now, 3650)?;
    let pem = params.self_signed(&key)?.pem();
    crate::write_file(&key_path, key.serialize_pem().as_bytes(), true)?;
    crate::write_file(&pem_path, pem.as_bytes(), false)?;
    Ok((pem, Issuer::new(params, key)))
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// From yesterday (clocks differ) for so many days. Gives the end.
fn set_validity(params: &mut CertificateParams, now: &Zoned, days: i64) -> Result<jiff::Timestamp> {
    let date = |zoned: &Zoned| {
        let utc = zoned.with_time_zone(jiff::tz::TimeZone::UTC);
        rcgen::date_time_ymd(
            i32::from(utc.year()),
            utc.month().unsigned_abs(),
            utc.day().unsigned_abs(),
        )
    };
    let until = now.checked_add(days.days())?;
    params.not_before = date(&now.checked_sub(1.day())?);
    params.not_after = date(&until);
    Ok(until.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(of: &[&str]) -> BTreeSet<String> {
        of.iter().map(|host| (*host).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_kept_until_it_must_change() {
        let dir = tempfile::tempdir().expect("temp");
        let secrets = Secrets::open(&dir.path().join("s")).expect("opens");
        let now: Zoned = "2026-11-23T09:00[Asia/Tokyo]".parse().expect("time");
        let read = |files: &Files| fs::read_to_string(&files.chain).expect("there");
        let first = read(&local(&secrets, &hosts(&["localhost", "127.0.0.1"]), &now).expect("made"));
        assert_eq!(
            read(&local(&secrets, &hosts(&["localhost", "127.0.0.1"]), &now).expect("kept")),
            first
        );
        let ca = fs::read_to_string(secrets.ca()).expect("there");
        let more = read(&local(&secrets, &hosts(&["localhost", "192.168.0.5"]), &now).expect("made anew"));
        assert_ne!(more, first);
        assert_eq!(
            fs::read_to_string(secrets.ca()).expect("there"),
            ca,
            "the authority that people trust stays"
        );
        let late = now.checked_add(370.days()).expect("time");
        assert_ne!(
            read(&local(&secrets, &hosts(&["localhost", "192.168.0.5"]), &late).expect("renewed")),
            more
        );
    }
}
