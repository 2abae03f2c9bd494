//! What the types can't check of people: sections that aren't there, an address that isn't one.

use super::{Checker, ConfigError};
use crate::config::Config;

pub(crate) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    for staff in &config.demo_staff {
        for section in staff.section.get_ref() {
            if config.section(section).is_none() {
                let message = format!("there is no [[section]] with id {:?}", section.as_str());
                return checker.fail(Some(staff.section.span()), "demo_staff.section", message);
            }
        }
    }
    let Some(oidc) = &config.oidc else {
        return Ok(());
    };
    let host = |rest: &str| rest.split(['/', ':']).next().unwrap_or_default().to_owned();
    let is_here = oidc
        .issuer
        .strip_prefix("http://")
        .map(host)
        .is_some_and(|host| host == "localhost" || host == "127.0.0.1");
    if !oidc.issuer.starts_with("https://") && !is_here {
        let message = format!(
            "{:?}: expected https://…, or http:// on this machine (localhost)",
            oidc.issuer
        );
        return checker.fail(None, "oidc.issuer", message);
    }
    for group in &oidc.groups {
        if let Some(section) = group.sections.iter().find(|section| config.section(section).is_none()) {
            let message = format!("there is no [[section]] with id {:?}", section.as_str());
            return checker.fail(None, "oidc.group.sections", message);
        }
    }
    Ok(())
}
