//! A capture process, as its parent holds it. It ends when its owner lets go of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::fcntl::{FcntlArg, fcntl};

use super::address::redact;
use super::wire::Order;

/// The pipe holds so much, so that a picture goes through in few steps. (The kernel's limit for everybody.)
const PIPE_BYTES: i32 = 1 << 20;

/// How FFmpeg behind OpenCV reads a network camera, unless the environment says otherwise: RTSP over TCP, because of
/// UDP half of the pictures would be broken; and two seconds' look are enough to know a stream.
const READING: (&str, &str) = (
    "OPENCV_FFMPEG_CAPTURE_OPTIONS",
    "rtsp_transport;tcp|analyzeduration;2000000|fpsprobesize;2",
);

/// Of a line that the libraries in it write, so much is kept.
const LONGEST_WORDS: usize = 200;

/// A running capture process. At its end it is killed, and waited for: two never read one camera.
#[derive(Debug)]
pub struct Process {
    child: Child,
    words: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `program capture CAMERA` and tells it what to read. Gives also what it says.
    ///
    /// # Errors
    /// When it can't be started or told.
    pub fn start(program: &Path, camera: &str, order: &Order) -> std::io::Result<(Self, ChildStdout)> {
        let reading = std::env::var_os(READING.0).unwrap_or_else(|| READING.1.into());
        let mut child = Command::new(program)
            .env(READING.0, reading)
            .arg0("vision")
            .args(["capture", camera])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Self {
            child,
            words: Arc::default(),
        };
        let (Some(mut input), Some(output), Some(errors)) = (input, output, errors) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        // Less is enough, only slower.
        let _ = fcntl(&output, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        input.write_all(&line)?;
        let (words, source) = (Arc::clone(&process.words), order.source.clone());
        thread::Builder::new().name("words".to_owned()).spawn(move || {
            listen(BufReader::new(errors), &words, &source);
        })?;
        Ok((process, output))
    }

    /// What the libraries in it said last, in brackets, without the address; often why a camera refused.
    pub fn last_words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        match words.as_str() {
            "" => String::new(),
            words => format!(" ({words})"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already. One that waits in the kernel ends when the kernel lets it, and is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps the last line that says something; it ends with the process.
fn listen(mut errors: impl std::io::BufRead, words: &Mutex<String>, source: &str) {
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end is taken in parts.
        match std::io::Read::take(&mut errors, 10_000).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let said = redact(plain(&String::from_utf8_lossy(&line)), source);
                if !said.is_empty() {
                    let end = said.floor_char_boundary(LONGEST_WORDS);
                    said[..end].clone_into(&mut words.lock().unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }
}

/// A line of FFmpeg's without the object that says it: `[rtsp @ 0x5581] …`.
fn plain(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((who, said)) if who.contains(" @ ") => said,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_say_why_and_keep_the_password() {
        let words = Mutex::default();
        let said =
            "[rtsp @ 0x55] method OPTIONS\n\n[tcp @ 0x7f] rtsp://office:secret@192.0.2.7/1: 401 Unauthorized\n\n";
        listen(said.as_bytes(), &words, "rtsp://office:secret@192.0.2.7/1");
        assert_eq!(*words.lock().expect("whole"), "…: 401 Unauthorized");
    }

    #[test]
    fn a_flood_of_words_takes_no_memory() {
        let words = Mutex::default();
        listen(vec![b'x'; 1_000_000].as_slice(), &words, "");
        assert_eq!(words.lock().expect("whole").len(), LONGEST_WORDS);
    }
}
