//! A browser's side: HTTPS with cookies, forms, and the live WebSocket.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use protocol::signal::{ClientBody, ClientFrame, Identity, ServerBody, ServerFrame, VERSION};
use reqwest::{Certificate, Method, RequestBuilder, Response, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::LIMIT;
use super::office::ORIGIN;

#[derive(Clone)]
pub struct Browser {
    pub client: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
    /// The session's token of the last staff page.
    pub csrf: String,
    address: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
}

impl Browser {
    pub fn new(address: SocketAddr, ca: &[u8]) -> Self {
        let client = reqwest::Client::builder()
            .tls_certs_only([Certificate::from_pem(ca).unwrap()])
            .redirect(redirect::Policy::none())
            .timeout(LIMIT)
            .build()
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            client,
            cookies: BTreeMap::new(),
            csrf: String::new(),
            address,
            tls: Arc::new(tls),
        }
    }

    fn cookie_header(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("https://{}{path}", self.address));
        if self.cookies.is_empty() {
            request
        } else {
            request.header("cookie", self.cookie_header())
        }
    }

    pub async fn send(&mut self, request: RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    pub async fn get(&mut self, path: &str) -> Response {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    pub async fn text(&mut self, path: &str) -> (u16, String) {
        let response = self.get(path).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let encode = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
                    other => format!("%{other:02X}"),
                })
                .collect()
        };
        let body = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect::<Vec<_>>()
            .join("&");
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request).await
    }

    /// Sends a form of the page that was looked at last, with its token.
    pub async fn submit(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let csrf = csrf_of(page);
        let fields: Vec<(&str, &str)> = [("csrf", csrf.as_str())]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        let response = self.post_form(path, &fields).await;
        let to = response.headers().get("location");
        let to = to.map_or(String::new(), |to| to.to_str().unwrap().to_owned());
        (response.status().as_u16(), to, response.text().await.unwrap())
    }

    /// Logs in as the page does. Returns the status.
    pub async fn log_in(&mut self, id: &str, password: &str) -> u16 {
        assert_eq!(self.get("/staff/login").await.status(), 200);
        let csrf = self.cookies["__Host-csrf"].clone();
        let response = self
            .post_form("/staff/login", &[("csrf", &csrf), ("id", id), ("password", password)])
            .await;
        let status = response.status().as_u16();
        if status == 303 {
            let (_, page) = self.text("/staff").await;
            self.csrf = csrf_of(&page);
        }
        status
    }

    /// Makes a consultation. Returns its id and its link's path.
    pub async fn create(&mut self, section: &str) -> (String, String) {
        let request = self
            .request(Method::POST, "/api/consultations")
            .header("x-csrf-token", &self.csrf)
            .header("origin", ORIGIN)
            .header("content-type", "application/json")
            .body(format!("{{\"section\":\"{section}\"}}"));
        let response = self.send(request).await;
        assert_eq!(response.status(), 201);
        let created: serde_json::Value = response.json().await.unwrap();
        let url = created["url"].as_str().unwrap();
        let path = url.strip_prefix(ORIGIN).unwrap().to_owned();
        (created["id"].as_str().unwrap().to_owned(), path)
    }

    /// Opens a WebSocket.
    pub async fn socket(&self, path: &str, headers: &[(&str, &str)]) -> Result<Live, u16> {
        let mut request = format!("wss://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        if !self.cookies.is_empty() {
            request
                .headers_mut()
                .insert("cookie", self.cookie_header().parse().unwrap());
        }
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        match connect_async_tls_with_config(request, None, true, Some(connector)).await {
            Ok((socket, _)) => Ok(Live {
                socket,
                next_id: 0,
                news: VecDeque::new(),
            }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens the live socket and says hello. Retries nothing.
    pub async fn live(&self, identity: Identity) -> Live {
        let mut live = self.socket("/ws", &[("origin", ORIGIN)]).await.unwrap();
        let answer = live.ask(hello(identity)).await;
        assert!(matches!(answer, ServerBody::Welcome { .. }), "{answer:?}");
        live
    }

    pub async fn resident(&self, path: &str) -> Live {
        let code = path.strip_prefix("/c/").unwrap().to_owned();
        self.live(Identity::Resident { code }).await
    }
}

pub fn hello(identity: Identity) -> ClientBody {
    ClientBody::Hello {
        version: VERSION,
        identity,
    }
}

/// The token in a page, wherever the page puts it: 26 characters beside the word csrf.
pub fn csrf_of(page: &str) -> String {
    page.match_indices("csrf")
        .filter_map(|(at, _)| {
            let rest = &page[at..];
            let rest = &rest[..rest.find('>')?];
            rest.split('"').find(|text| text.len() == 26).map(str::to_owned)
        })
        .next()
        .expect("the page has its token")
}

pub struct Live {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    /// News that came while an answer was waited for.
    news: VecDeque<ServerBody>,
}

impl Live {
    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next text frame, or the code with which the socket closed.
    pub async fn next_text(&mut self) -> Result<String, u16> {
        // Pings don't count.
        let limit = tokio::time::Instant::now() + LIMIT;
        loop {
            let message = tokio::time::timeout_at(limit, self.socket.next())
                .await
                .expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    async fn next_frame(&mut self) -> Result<ServerFrame, u16> {
        let text = self.next_text().await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    pub async fn send(&mut self, body: ClientBody) -> u64 {
        self.next_id += 1;
        let frame = ClientFrame {
            id: Some(self.next_id),
            body,
        };
        self.send_text(&serde_json::to_string(&frame).unwrap()).await;
        self.next_id
    }

    /// Sends without a number, to a server that may have closed already.
    pub async fn send_anyway(&mut self, body: ClientBody) {
        let text = serde_json::to_string(&ClientFrame { id: None, body }).unwrap();
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, body: ClientBody) -> ServerBody {
        let id = self.send(body).await;
        self.answer(id).await
    }

    pub async fn answer(&mut self, id: u64) -> ServerBody {
        loop {
            let frame = self
                .next_frame()
                .await
                .unwrap_or_else(|code| panic!("closed with {code}"));
            match frame.id {
                Some(answered) if answered == id => return frame.body,
                Some(other) => panic!("an answer to {other}, not to {id}"),
                None => self.news.push_back(frame.body),
            }
        }
    }

    /// Whether news came while answers were waited for.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// The next news that `pick` takes; others before it are dropped.
    pub async fn news<T>(&mut self, what: &str, mut pick: impl FnMut(ServerBody) -> Option<T>) -> T {
        loop {
            let body = match self.news.pop_front() {
                Some(body) => body,
                None => {
                    let frame = self.next_frame().await;
                    let frame = frame.unwrap_or_else(|code| panic!("closed with {code} before {what}"));
                    assert_eq!(frame.id, None, "an answer that nobody waits for: {frame:?}");
                    frame.body
                }
            };
            if let Some(found) = pick(body) {
                return found;
            }
        }
    }

    pub async fn phase(&mut self, phase: protocol::signal::Phase) -> protocol::signal::Consultation {
        self.news(&format!("{phase:?}"), |body| match body {
            ServerBody::Consultation { consultation } if consultation.phase == phase => Some(consultation),
            ServerBody::Consultations { consultations, .. } => consultations.into_iter().find(|it| it.phase == phase),
            _ => None,
        })
        .await
    }

    /// Waits to be called in; gives the token.
    pub async fn admitted(&mut self) -> String {
        self.news("admitted", |body| match body {
            ServerBody::Admitted { token, .. } => Some(token),
            _ => None,
        })
        .await
    }

    /// The code with which the server closes the socket.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next_text().await {
                return code;
            }
        }
    }
}
