//! `madoguchi doctor`: looks at an office from the outside in, and says what to do about each fault.
//!
//! Invariant: it changes nothing. The calls that it makes are in rooms of its own, and end.

mod call;
mod machine;
mod media;
mod pages;
pub(crate) mod turn_client;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use nix::fcntl::{Flock, FlockArg};
use protocol::config::Config;
use runtime::secrets::Secrets;
use serde::Serialize;

use crate::files;

/// How long anything that is asked may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// As it should be.
    Good,
    /// Something is to be done.
    Bad,
    /// Can't be told from here, or isn't wanted.
    Unknown,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: String,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Good => "✓",
            State::Bad => "✗",
            State::Unknown => "–",
        };
        write!(f, "{mark} {:<16} {}", self.check, self.found)?;
        if let Some(todo) = &self.todo {
            write!(f, "\n  {:<16} → {todo}", "")?;
        }
        Ok(())
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Report(Vec<Finding>);

impl Report {
    fn good(&mut self, check: &str, found: impl fmt::Display) {
        self.add(check, State::Good, found, None);
    }

    fn bad(&mut self, check: &str, found: impl fmt::Display, todo: impl fmt::Display) {
        self.add(check, State::Bad, found, Some(todo.to_string()));
    }

    fn unknown(&mut self, check: &str, found: impl fmt::Display) {
        self.add(check, State::Unknown, found, None);
    }

    fn add(&mut self, check: &str, state: State, found: impl fmt::Display, todo: Option<String>) {
        self.0.push(Finding {
            check: check.to_owned(),
            state,
            found: found.to_string(),
            todo,
        });
    }

    fn is_well(&self) -> bool {
        self.0.iter().all(|it| it.state != State::Bad)
    }
}

/// Checks everything and says it; with `is_json` as one JSON array. Success: there is nothing to do.
///
/// # Errors
/// When what was found can't be written as JSON.
pub async fn run(file: &Path, lan: Option<IpAddr>, is_json: bool) -> Result<ExitCode> {
    let report = examine(file, lan).await;
    if is_json {
        println!("{}", serde_json::to_string_pretty(&report.0)?);
    } else {
        report.0.iter().for_each(|it| println!("{it}"));
    }
    Ok(if report.is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn examine(file: &Path, lan: Option<IpAddr>) -> Report {
    let mut report = Report::default();
    let read = runtime::read_config_for(file, lan);
    let config = match read.and_then(|config| files::check(file, &config).map(|()| config)) {
        Ok(config) => config,
        Err(error) => {
            report.bad(
                "configuration",
                error,
                "set it right: everything else follows from it (docs/configuration.md)",
            );
            return report;
        }
    };
    report.good("configuration", format_args!("{} is sound", file.display()));
    let secrets = match Secrets::open(&config.paths.secrets) {
        Ok(secrets) => secrets,
        Err(error) => {
            report.bad(
                "secrets",
                format!("{error:#}"),
                "let the office's user alone own and read that folder",
            );
            return report;
        }
    };
    machine::disk(&config, &mut report);
    machine::clock(&mut report).await;
    if is_running(&config) {
        pages::check(&config, &secrets, &mut report).await;
        machine::redis(&config, &mut report).await;
        media::check(&config, &secrets, &mut report).await;
    } else {
        report.bad("office", "it does not run", "start it: ./madoguchi up");
        machine::ports(&config, &mut report);
    }
    machine::cameras(&config, &mut report).await;
    machine::words_and_voice(&config, &mut report).await;
    report
}

/// Whether `madoguchi up` holds the office's lock.
fn is_running(config: &Config) -> bool {
    let Ok(file) = std::fs::File::open(config.paths.run.join("office.lock")) else {
        return false;
    };
    Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_to_be_done_and_is_well_without_it() {
        let mut report = Report::default();
        report.good("disk", "12 GB free");
        report.unknown("clock", "no timedatectl");
        assert!(report.is_well());
        report.bad("pages", "nothing answers", "start it");
        assert!(!report.is_well());
        let words: Vec<String> = report.0.iter().map(ToString::to_string).collect();
        assert_eq!(words[0], "✓ disk             12 GB free");
        assert_eq!(
            words[2],
            "✗ pages            nothing answers\n                   → start it"
        );
        let json = serde_json::to_value(&report.0).expect("json");
        assert_eq!(json[2]["state"], "bad");
        assert_eq!(json[2]["todo"], "start it");
        assert!(json[0].get("todo").is_none());
    }

    #[tokio::test]
    async fn a_broken_configuration_is_the_only_finding() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("office.toml");
        std::fs::write(&file, "[office]\nid = 5\n").expect("written");
        let report = examine(&file, None).await;
        assert_eq!(report.0.len(), 1);
        assert!(
            report.0[0].found.contains("office.toml:2: office.id"),
            "{}",
            report.0[0].found
        );
    }
}
