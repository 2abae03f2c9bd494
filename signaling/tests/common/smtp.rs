//! A mail server that speaks SMTP (RFC 5321) over a socket, keeps what it takes, and refuses what it is told to. With a
//! certificate it takes mail only over TLS (STARTTLS, RFC 3207, or from the first byte) and from who logs in (RFC 4954).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

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
    /// Who logged in, as it was said.
    logins: Vec<String>,
}

/// How it keeps mail private, and whom it takes it from.
#[derive(Clone)]
pub struct Guard {
    acceptor: TlsAcceptor,
    is_from_first_byte: bool,
    user: &'static str,
    password: &'static str,
}

impl Guard {
    /// With a certificate and its key (PEM).
    pub fn new(chain: &Path, key: &Path, is_from_first_byte: bool) -> Self {
        let chain = CertificateDer::pem_file_iter(chain)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            is_from_first_byte,
            user: "madoguchi",
            password: "pass word 1",
        }
    }

    /// As the client says it (RFC 4616).
    fn plain(&self) -> String {
        data_encoding::BASE64.encode(format!("\0{}\0{}", self.user, self.password).as_bytes())
    }
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
        Self::start_guarded(port, None).await
    }

    /// One that takes mail as the guard says only.
    pub async fn start_guarded(port: u16, guard: Option<Guard>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that goes away in the middle is its own affair.
                tokio::spawn(welcome(stream, Arc::clone(&shared), guard.clone()));
            }
        });
        Self { address, book, serving }
    }

    pub fn taken(&self) -> Vec<Mail> {
        self.book.lock().unwrap().taken.clone()
    }

    /// Who has logged in, right or wrong.
    pub fn logins(&self) -> Vec<String> {
        self.book.lock().unwrap().logins.clone()
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

async fn welcome(stream: TcpStream, book: Arc<Mutex<Book>>, guard: Option<Guard>) -> std::io::Result<()> {
    let greeting = "220 mail.example.jp ESMTP\r\n";
    match guard {
        None => converse(stream, book, None, greeting).await,
        Some(guard) if guard.is_from_first_byte => {
            let stream = guard.acceptor.accept(stream).await?;
            converse(stream, book, Some(&guard), greeting).await
        }
        Some(guard) => {
            let stream = starttls(stream).await?;
            let stream = guard.acceptor.accept(stream).await?;
            converse(stream, book, Some(&guard), "").await
        }
    }
}

/// Talks until the client has begun TLS; nothing else is to be had before.
async fn starttls(stream: TcpStream) -> std::io::Result<TcpStream> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example.jp ESMTP\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let answer = match line.trim_end() {
            "STARTTLS" => "220 2.0.0 go on\r\n",
            line if line.starts_with("EHLO") => "250-mail.example.jp\r\n250 STARTTLS\r\n",
            _ => "530 5.7.0 STARTTLS first\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
        if line.trim_end() == "STARTTLS" {
            break;
        }
        line.clear();
    }
    Ok(stream.into_inner())
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    book: Arc<Mutex<Book>>,
    guard: Option<&Guard>,
    greeting: &str,
) -> std::io::Result<()> {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    let (mut from, mut to) = (String::new(), String::new());
    let mut may_send = guard.is_none();
    write.write_all(greeting.as_bytes()).await?;
    while let Some(line) = lines.next_line().await? {
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        let address = || {
            let inner = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            inner.map_or_else(String::new, |(address, _)| address.to_owned())
        };
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" if guard.is_some() => "250-mail.example.jp\r\n250-AUTH PLAIN\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "EHLO" => "250-mail.example.jp\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "AUTH" => {
                let said = rest.strip_prefix("PLAIN ").unwrap_or_default();
                may_send = guard.is_some_and(|guard| guard.plain() == said);
                book.lock().unwrap().logins.push(said.to_owned());
                if may_send {
                    "235 2.7.0 welcome"
                } else {
                    "535 5.7.8 wrong"
                }
            }
            "MAIL" if !may_send => "530 5.7.0 log in first",
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
