//! Asking the camera worker on the same machine, over its local socket ([`protocol::setup`]).
//!
//! Invariant: what it answers is passed on and kept nowhere.

use std::io;
use std::time::Duration;

use protocol::config::Config;
use protocol::setup::{Answer, Ask, LONGEST_LINE};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// How long the worker may take to take a question.
const TAKES: Duration = Duration::from_secs(3);

/// A question that is being answered. Dropped, it is withdrawn.
#[derive(Debug)]
pub(crate) struct Answers {
    reader: BufReader<OwnedReadHalf>,
    /// Closed: the worker would take us for gone.
    _writer: OwnedWriteHalf,
}

/// Whether a worker of this office's user runs on this machine.
pub(crate) async fn is_there(config: &Config) -> bool {
    UnixStream::connect(config.vision_socket()).await.is_ok()
}

/// Asks.
///
/// # Errors
/// When no worker of this office's user runs on this machine.
pub(crate) async fn ask(config: &Config, ask: &Ask) -> io::Result<Answers> {
    let asked = async {
        let stream = UnixStream::connect(config.vision_socket()).await?;
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        let (reader, mut writer) = stream.into_split();
        writer.write_all(&line).await?;
        Ok(Answers {
            reader: BufReader::new(reader),
            _writer: writer,
        })
    };
    tokio::time::timeout(TAKES, asked).await?
}

impl Answers {
    /// The next answer; `None`: there is no other.
    ///
    /// # Errors
    /// When the worker is gone, or says what makes no sense.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Answer>> {
        let mut line = String::new();
        let mut limited = (&mut self.reader).take(LONGEST_LINE as u64);
        if limited.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&line)?))
    }
}
