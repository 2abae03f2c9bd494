//! A test's own look at the programs that it starts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::allowed::Allowed;
use crate::judge::{Report, judge};
use crate::run;

/// Programs under strace. When it is dropped, and nothing else has failed, it judges what they did and fails the test with
/// what it found: so it is dropped after the programs have ended, or are about to. Where there is no strace it does nothing.
#[derive(Debug)]
pub struct Trace {
    /// What the programs may do. It is asked for at the end, so it may be changed while they run.
    pub allowed: Allowed,
    folder: Option<TempDir>,
}

impl Trace {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(allowed: Allowed) -> Self {
        let folder = run::is_there().then(|| tempfile::tempdir().expect("a folder for strace's reports"));
        Self { allowed, folder }
    }

    /// A program to be started instead of `program`: it becomes it, under strace. Without strace it is the program itself.
    #[must_use]
    pub fn of(&self, program: impl AsRef<Path>) -> PathBuf {
        let program = program.as_ref();
        let Some(folder) = &self.folder else {
            return program.to_owned();
        };
        let name = program.file_name().expect("a program's name");
        let wrapper = folder.path().join(name);
        write_wrapper(program, folder.path(), &wrapper).expect("written");
        wrapper
    }

    /// Waits for the end of the programs, judges what they did. `None`: there is no strace.
    ///
    /// # Panics
    /// With what a picture could have left by; and when a program doesn't end.
    pub fn end(mut self) -> Option<Report> {
        let report = self.report()?;
        assert!(report.faults.is_empty(), "a picture could have left: {report:#?}");
        Some(report)
    }

    /// The same, and leaves it to the caller what to make of faults.
    ///
    /// # Panics
    /// When a program doesn't end.
    pub fn report(&mut self) -> Option<Report> {
        let folder = self.folder.take()?;
        assert!(
            run::wait_for_end(folder.path()),
            "strace runs on: is a program left behind?"
        );
        Some(judge(folder.path(), &self.allowed).expect("the reports"))
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(report) = self.report() {
            assert!(report.faults.is_empty(), "a picture could have left: {report:#?}");
        }
    }
}

/// Writes a program that starts `program` under strace with reports in `folder`, each start's apart.
///
/// # Errors
/// When it can't be written, or a path has a quote.
pub fn write_wrapper(program: &Path, folder: &Path, wrapper: &Path) -> std::io::Result<()> {
    let to = folder.join("start-@");
    let command = run::command(program, &to);
    let mut line = "exec".to_owned();
    for word in std::iter::once(command.get_program()).chain(command.get_args()) {
        let word = word.to_str().filter(|word| !word.contains('\''));
        let word = word.ok_or_else(|| std::io::Error::other("expected paths without quotes"))?;
        line += &format!(" '{word}'");
    }
    // The shell's own number, which the program keeps.
    let line = line.replace("start-@'", "start-'$$");
    std::fs::write(wrapper, format!("#!/bin/sh\n{line} \"$@\"\n"))?;
    std::fs::set_permissions(wrapper, std::fs::Permissions::from_mode(0o755))
}
