//! Runs a program with a time limit and takes what it writes.
//!
//! Invariant: when [`run`] returns, the program has ended and was waited for.

use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The most that is read of what a program writes to its standard output: five minutes of 48 kHz sound.
const MAX_OUTPUT: u64 = 5 * 60 * 48_000 * 2;
/// The most that is kept of what it complains about.
const MAX_COMPLAINT: u64 = 4096;

/// Why a program gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It can't be started (not installed?), fed or read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It took longer than its limit and was ended.
    #[error("took longer than {0:?}")]
    TooSlow(Duration),
    /// It ended with an error of its own.
    #[error("{status}: {complaint}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        complaint: String,
    },
}

/// Runs `command` with `input` on its standard input and returns its standard output.
///
/// `input` must be small (a few kilobytes): it is written before anything is read.
pub(crate) fn run(command: &mut Command, input: &[u8], limit: Duration) -> Result<Vec<u8>, ChildError> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let outcome = converse(&mut child, input, limit);
    if outcome.is_err() {
        // It may have ended by itself meanwhile; then there is nothing left to end.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let (output, complaint) = outcome?;
    if !status.success() {
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        return Err(ChildError::Failed { status, complaint });
    }
    Ok(output)
}

/// Feeds the program and reads until it closes both its outputs, which it does at the latest when it ends.
fn converse(child: &mut std::process::Child, input: &[u8], limit: Duration) -> Result<(Vec<u8>, Vec<u8>), ChildError> {
    // One message a stream, and each has its own channel: they never wait.
    let (output, complaint) = (
        drain(child.stdout.take(), MAX_OUTPUT),
        drain(child.stderr.take(), MAX_COMPLAINT),
    );
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input) {
            // A program may end without reading; its status tells why.
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(e.into()),
            _ => {}
        }
    }
    let slow = |_| ChildError::TooSlow(limit);
    let output = output.recv_timeout(limit).map_err(slow)??;
    let complaint = complaint.recv_timeout(limit).map_err(slow)??;
    Ok((output, complaint))
}

/// Reads a stream to its end in a thread of its own, keeping the first `most` bytes. The thread ends with the stream.
fn drain(stream: Option<impl Read + Send + 'static>, most: u64) -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let result = match stream {
            None => Ok(0),
            Some(mut stream) => {
                let kept = stream.by_ref().take(most).read_to_end(&mut bytes);
                kept.and_then(|_| std::io::copy(&mut stream, &mut std::io::sink()).map(|_| 0))
            }
        };
        // Nobody waits any more when the limit has passed.
        let _ = sender.send(result.map(|_| bytes));
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn output_comes_back() {
        let out = run(&mut Command::new("cat"), "こんにちは".as_bytes(), LONG).expect("cat");
        assert_eq!(out, "こんにちは".as_bytes());
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let error = run(Command::new("sleep").arg("1000"), b"", Duration::from_millis(50)).expect_err("too slow");
        assert!(matches!(error, ChildError::TooSlow(_)), "{error}");
    }

    #[test]
    fn failures_say_why() {
        let missing = run(&mut Command::new("/no/such/program"), b"", LONG).expect_err("missing");
        assert!(matches!(missing, ChildError::Io(_)), "{missing}");
        let failed = run(
            Command::new("sh").args(["-c", "echo broken >&2; exit 3"]),
            b"text",
            LONG,
        )
        .expect_err("3");
        assert!(
            failed.to_string().contains("broken") && failed.to_string().contains('3'),
            "{failed}"
        );
    }
}
