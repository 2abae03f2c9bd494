//! A mail server that speaks SMTP (RFC 5321) over a socket, keeps what it takes, and refuses what it is told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A letter as it came.
#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: String,
    /// Headers and body, lines ended by CR LF, dots unstuffed.
    pub data: String,
}

#[derive(Default)]
struct Book {
    taken: Vec<Mail>,
    /// What the next recipients are answered; nothing: 250.
    refusals: VecDeque<&'static str>,
    tries: usize,
}

/// The server; ends with the value.
pub struct SmtpServer {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    serving: JoinHandle<()>,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl SmtpServer {
    /// Serves at a port; 0: any.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that goes away in the middle is its own affair.
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        Self { address, book, serving }
    }

    pub fn taken(&self) -> Vec<Mail> {
        self.book.lock().unwrap().taken.clone()
    }

    /// How many recipients were named to it.
    pub fn tries(&self) -> usize {
        self.book.lock().unwrap().tries
    }

    /// Answers so to the next recipient.
    pub fn refuse(&self, answer: &'static str) {
        self.book.lock().unwrap().refusals.push_back(answer);
    }
}

async fn converse(stream: TcpStream, book: Arc<Mutex<Book>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut from, mut to) = (String::new(), String::new());
    write.write_all(b"220 mail.example.jp ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        let address = || {
            let inner = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            inner.map_or_else(String::new, |(address, _)| address.to_owned())
        };
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mail.example.jp\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "MAIL" => {
                from = address();
                "250 2.1.0 ok"
            }
            "RCPT" => {
                to = address();
                let mut book = book.lock().unwrap();
                book.tries += 1;
                book.refusals.pop_front().unwrap_or("250 2.1.5 ok")
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut data = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    data.push_str("\r\n");
                }
                book.lock().unwrap().taken.push(Mail {
                    from: from.clone(),
                    to: to.clone(),
                    data,
                });
                "250 2.0.0 taken"
            }
            "QUIT" => {
                write.write_all(b"221 2.0.0 bye\r\n").await?;
                return Ok(());
            }
            "RSET" | "NOOP" => "250 ok",
            _ => "502 5.5.1 unknown",
        };
        write.write_all(answer.as_bytes()).await?;
        write.write_all(b"\r\n").await?;
    }
    Ok(())
}

/// A part of a mail: its headers, unfolded, and its body as it is meant.
#[derive(Debug)]
pub struct Part {
    pub headers: String,
    pub body: String,
}

/// All parts of a mail that aren't made of parts.
pub fn parts(data: &str) -> Vec<Part> {
    let (headers, body) = data.split_once("\r\n\r\n").unwrap_or((data, ""));
    let headers = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
    let boundary = headers
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("content-type: multipart/"));
    if let Some(boundary) = boundary.and_then(|line| line.split_once("boundary=\"")) {
        let boundary = format!("--{}", boundary.1.split_once('"').unwrap().0);
        let inner = body.split(&boundary).skip(1).filter(|part| !part.starts_with("--"));
        return inner.flat_map(|part| parts(part.trim_start_matches("\r\n"))).collect();
    }
    let encoding = headers
        .lines()
        .find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    let body = match encoding.map(str::trim) {
        Some("base64") => {
            let packed: String = body.split_whitespace().collect();
            String::from_utf8(data_encoding::BASE64.decode(packed.as_bytes()).unwrap()).unwrap()
        }
        Some("quoted-printable") => unquoted(body),
        _ => body.to_owned(),
    };
    vec![Part { headers, body }]
}

/// RFC 2045 §6.7.
fn unquoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let joined = text.replace("=\r\n", "");
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' {
            let hex = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A header's value with its encoded words (RFC 2047) read.
pub fn header(data: &str, name: &str) -> String {
    let (headers, _) = data.split_once("\r\n\r\n").unwrap();
    let unfolded = headers.replace("\r\n ", " ");
    let value = unfolded
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")))
        .unwrap();
    let mut out = String::new();
    let mut was_encoded = false;
    for word in value.split(' ') {
        match word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")) {
            Some(packed) => {
                // Spaces between encoded words are none (§6.2).
                if !out.is_empty() && !was_encoded {
                    out.push(' ');
                }
                let bytes = data_encoding::BASE64.decode(packed.as_bytes()).unwrap();
                out.push_str(std::str::from_utf8(&bytes).unwrap());
                was_encoded = true;
            }
            None => {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(word);
                was_encoded = false;
            }
        }
    }
    out
}
