//! `judge-trace`: programs under strace for tests that aren't in Rust, and what came of it.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use test_trace::{Allowed, is_there, judge, wait_for_end};

/// Looks at what a program gives to the kernel, and whether a picture could have been among it.
#[derive(Debug, Parser)]
enum Cli {
    /// Write WRAPPER, a program that starts PROGRAM under strace
    Wrap {
        /// The program
        program: PathBuf,
        /// Where to write what is to be started instead
        wrapper: PathBuf,
        /// Folder for strace's reports
        reports: PathBuf,
    },
    /// Judge the reports in a folder when the programs have ended; ends with 1 where a picture could have left
    Judge {
        /// Folder with strace's reports
        reports: PathBuf,
        /// What the program may do, as JSON
        #[arg(long, value_name = "JSON")]
        allowed: String,
    },
}

fn main() -> Result<ExitCode> {
    match Cli::parse() {
        Cli::Wrap {
            program,
            wrapper,
            reports,
        } => {
            // Says so where nothing will be looked at.
            let _ = is_there();
            test_trace::write_wrapper(&program, &reports, &wrapper)
                .with_context(|| format!("{} can't be written", wrapper.display()))?;
        }
        Cli::Judge { reports, allowed } => {
            let allowed: Allowed = serde_json::from_str(&allowed).context("--allowed")?;
            if !is_there() {
                return Ok(ExitCode::SUCCESS);
            }
            if !wait_for_end(&reports) {
                bail!("strace runs on: is a program left behind?");
            }
            let report = judge(&reports, &allowed).with_context(|| reports.display().to_string())?;
            println!(
                "{} calls of {} starts in {:?}, bytes {:?}",
                report.calls, report.starts, report.lasted, report.bytes
            );
            for fault in &report.faults {
                println!("a picture could have left: {fault}");
            }
            if !report.faults.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
