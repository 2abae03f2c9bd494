//! A TURN client (RFC 8656, UDP allocations) over UDP, TCP or TLS: as much of one as it takes to ask a server
//! for a way and to use it.
//!
//! Invariant: what comes from the server is read with bounds; odd messages are passed over.

mod message;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use md5::{Digest as _, Md5};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use self::message::{
    ALLOCATE, CREATE_PERMISSION, DATA, DATA_INDICATION, FAILURE, HEADER, LIFETIME, Message, NONCE, REALM, REFRESH,
    REQUESTED_TRANSPORT, SEND_INDICATION, SUCCESS, USERNAME, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, parse_xor_address,
    xor_address,
};

/// Between tries over UDP, and how many there are.
const RETRY: Duration = Duration::from_millis(500);
const TRIES: u32 = 6;

/// The requested transport's number of UDP, and three reserved bytes.
const UDP: [u8; 4] = [17, 0, 0, 0];

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no answer")]
    Silent,
    /// RFC 8656 §19 and RFC 8489 §14.8 list the codes.
    #[error("refused with {code} {reason}")]
    Refused { code: u16, reason: String },
    #[error("it answers something else than TURN")]
    Odd,
}

/// A stream to a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A way for messages to a server.
pub(super) enum Pipe {
    /// A connected socket.
    Udp(UdpSocket),
    /// TCP, or TLS over it, and what was read of the next message.
    Stream(Box<dyn Stream>, Vec<u8>),
}

impl Pipe {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(bytes).await.map(drop),
            Self::Stream(stream, _) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// The next message. Can be given up at any time: nothing is lost.
    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Udp(socket) => {
                let mut bytes = vec![0; 2048];
                let len = socket.recv(&mut bytes).await?;
                bytes.truncate(len);
                Ok(bytes)
            }
            Self::Stream(stream, buffer) => loop {
                if buffer.len() >= HEADER {
                    let len = HEADER + usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
                    if buffer.len() >= len {
                        let rest = buffer.split_off(len);
                        return Ok(std::mem::replace(buffer, rest));
                    }
                }
                if stream.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            },
        }
    }
}

/// Whether a TURN server answers at an address, over UDP.
///
/// # Errors
/// When nothing answers, or something else.
pub(crate) async fn answers(at: SocketAddr) -> Result<(), TurnError> {
    let any = SocketAddr::new(if at.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() }, 0);
    let socket = UdpSocket::bind(any).await?;
    socket.connect(at).await?;
    let request = Message::new(ALLOCATE).with(REQUESTED_TRANSPORT, UDP);
    let kind = ask(&mut Pipe::Udp(socket), &request, None).await?.kind;
    if kind == ALLOCATE | FAILURE {
        Ok(())
    } else {
        Err(TurnError::Odd)
    }
}

/// An allocation on a server.
pub(super) struct TurnClient {
    pipe: Pipe,
    username: String,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: Vec<u8>,
    relayed: SocketAddr,
}

impl TurnClient {
    /// Asks for an address to be relayed by.
    pub(super) async fn allocate(mut pipe: Pipe, username: &str, credential: &str) -> Result<Self, TurnError> {
        let first = Message::new(ALLOCATE).with(REQUESTED_TRANSPORT, UDP);
        // The first is refused with what it takes to sign the second (RFC 8489 §9.2).
        let challenge = match ask(&mut pipe, &first, None).await? {
            answer if answer.kind == ALLOCATE | FAILURE => answer,
            _ => return Err(TurnError::Odd),
        };
        let (Some(realm), Some(nonce)) = (challenge.get(REALM), challenge.get(NONCE)) else {
            return Err(challenge.error());
        };
        let secret = [username.as_bytes(), b":", realm, b":", credential.as_bytes()].concat();
        let mut client = Self {
            pipe,
            username: username.to_owned(),
            realm: realm.to_vec(),
            nonce: nonce.to_vec(),
            key: Md5::digest(secret).to_vec(),
            relayed: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let answer = client
            .request(|| Message::new(ALLOCATE).with(REQUESTED_TRANSPORT, UDP))
            .await?;
        let relayed = answer.get(XOR_RELAYED_ADDRESS).ok_or(TurnError::Odd)?;
        client.relayed = parse_xor_address(relayed, &answer.id).ok_or(TurnError::Odd)?;
        Ok(client)
    }

    /// The address that peers see.
    pub(super) fn relayed(&self) -> SocketAddr {
        self.relayed
    }

    /// Asks to exchange datagrams with a peer.
    pub(super) async fn permit(&mut self, peer: SocketAddr) -> Result<(), TurnError> {
        let ask = || {
            let message = Message::new(CREATE_PERMISSION);
            let peer = xor_address(peer, &message.id);
            message.with(XOR_PEER_ADDRESS, peer)
        };
        self.request(ask).await.map(drop)
    }

    /// Makes the allocation last so many seconds from now; 0 ends it.
    pub(super) async fn refresh(&mut self, seconds: u32) -> Result<(), TurnError> {
        let ask = || Message::new(REFRESH).with(LIFETIME, seconds.to_be_bytes());
        self.request(ask).await.map(drop)
    }

    /// Sends a datagram to a permitted peer.
    pub(super) async fn send(&mut self, peer: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let message = Message::new(SEND_INDICATION);
        let peer = xor_address(peer, &message.id);
        let message = message.with(XOR_PEER_ADDRESS, peer).with(DATA, bytes);
        self.pipe.send(&message.encode(None)).await
    }

    /// The next datagram of a permitted peer. Can be given up at any time.
    pub(super) async fn receive(&mut self) -> io::Result<(SocketAddr, Vec<u8>)> {
        loop {
            let Some(message) = Message::parse(&self.pipe.receive().await?) else {
                continue;
            };
            if message.kind != DATA_INDICATION {
                continue;
            }
            let peer = message.get(XOR_PEER_ADDRESS);
            if let (Some(peer), Some(data)) = (
                peer.and_then(|it| parse_xor_address(it, &message.id)),
                message.get(DATA),
            ) {
                return Ok((peer, data.to_vec()));
            }
        }
    }

    async fn request(&mut self, make: impl Fn() -> Message) -> Result<Message, TurnError> {
        for is_last in [false, true] {
            let message = make()
                .with(USERNAME, self.username.as_bytes())
                .with(REALM, self.realm.clone())
                .with(NONCE, self.nonce.clone());
            let answer = ask(&mut self.pipe, &message, Some(&self.key)).await?;
            if answer.kind == message.kind | SUCCESS {
                return Ok(answer);
            }
            let error = answer.error();
            match (&error, answer.get(NONCE)) {
                // A stale nonce comes with a fresh one.
                (TurnError::Refused { code: 438, .. }, Some(nonce)) if !is_last => self.nonce = nonce.to_vec(),
                _ => return Err(error),
            }
        }
        Err(TurnError::Odd)
    }
}

/// Sends a request until its answer comes.
async fn ask(pipe: &mut Pipe, message: &Message, key: Option<&[u8]>) -> Result<Message, TurnError> {
    let bytes = message.encode(key);
    let is_udp = matches!(pipe, Pipe::Udp(_));
    for attempt in 0..TRIES {
        if attempt == 0 || is_udp {
            pipe.send(&bytes).await?;
        }
        let answer = timeout(RETRY, async {
            loop {
                match Message::parse(&pipe.receive().await?) {
                    Some(answer) if answer.id == message.id => return Ok(answer),
                    _ => {}
                }
            }
        });
        match answer.await {
            Ok(answer) => return answer,
            Err(_) => continue,
        }
    }
    Err(TurnError::Silent)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::path::Path;

    use protocol::config::Config;
    use protocol::turn::TurnSecret;
    use runtime::secrets::Secrets;

    use super::*;

    /// A real coturn on the loopback, with the configuration that `madoguchi up` makes.
    struct Server {
        at: SocketAddr,
        secret: TurnSecret,
        child: tokio::process::Child,
        _dir: tempfile::TempDir,
    }

    impl Server {
        /// None where coturn isn't installed.
        async fn start() -> Option<Self> {
            Self::start_for(|_| {}).await
        }

        async fn start_for(change: impl FnOnce(&mut Config)) -> Option<Self> {
            let dir = tempfile::tempdir().expect("temp");
            let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
            let at = port.expect("address");
            let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
            let text = std::fs::read_to_string(&demo).expect("the demo is there");
            let text = format!("{text}\n[turn]\nlisten = \"{at}\"\nrelay_ports = [50200, 50299]\n");
            let mut config = Config::parse(&demo, &text).expect("sound").resolve(dir.path());
            config.paths.run = dir.path().to_owned();
            change(&mut config);
            let secrets = Secrets::open(&dir.path().join("secrets")).expect("made");
            let part = match crate::turn::part(&config, &secrets) {
                Ok(part) => part.expect("asked for"),
                Err(error) => {
                    println!("SKIPPED: {error}");
                    return None;
                }
            };
            let child = tokio::process::Command::new(part.program)
                .args(part.arguments)
                .stdout(std::process::Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("starts");
            // TCP's port is open before UDP's is.
            while answers(at).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Some(Self {
                at,
                secret: secrets.turn_secret().expect("made"),
                child,
                _dir: dir,
            })
        }

        async fn udp(&self) -> Pipe {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
            socket.connect(self.at).await.expect("connect");
            Pipe::Udp(socket)
        }

        async fn tcp(&self) -> Pipe {
            let stream = tokio::net::TcpStream::connect(self.at).await.expect("connects");
            Pipe::Stream(Box::new(stream), Vec::new())
        }

        fn credentials(&self, seconds_from_now: i64) -> (String, String) {
            let end = runtime::now().0.saturating_add_signed(seconds_from_now * 1000);
            self.secret.credentials("somebody", protocol::time::UnixMillis(end))
        }

        async fn end(mut self) {
            self.child.kill().await.expect("ends");
        }
    }

    #[track_caller]
    fn refused<T>(result: Result<T, TurnError>) -> u16 {
        match result {
            Err(TurnError::Refused { code, .. }) => code,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("not refused"),
        }
    }

    #[tokio::test]
    async fn datagrams_reach_a_media_node_and_come_back_by_udp_and_by_tcp() {
        let Some(server) = Server::start().await else { return };
        let node = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let peer = node.local_addr().expect("address");
        let (username, credential) = server.credentials(60);
        for pipe in [server.udp().await, server.tcp().await] {
            let mut client = TurnClient::allocate(pipe, &username, &credential).await.expect("a way");
            client.permit(peer).await.expect("a media node");
            client.send(peer, b"there").await.expect("sent");
            let mut bytes = [0; 64];
            let (len, from) = node.recv_from(&mut bytes).await.expect("comes");
            assert_eq!((&bytes[..len], from), (&b"there"[..], client.relayed()));
            node.send_to(b"and back", from).await.expect("sent");
            assert_eq!(client.receive().await.expect("comes"), (peer, b"and back".to_vec()));
            client.refresh(0).await.expect("ended");
        }
        server.end().await;
    }

    #[tokio::test]
    async fn a_node_behind_a_nat_is_reached_by_its_public_address() {
        let public = IpAddr::from([203, 0, 113, 10]);
        let Some(server) = Server::start_for(|config| config.media.public_addresses = vec![public]).await else {
            return;
        };
        let node = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let peer = SocketAddr::new(public, node.local_addr().expect("address").port());
        let (username, credential) = server.credentials(60);
        let pipe = server.udp().await;
        let mut client = TurnClient::allocate(pipe, &username, &credential).await.expect("a way");
        client.permit(peer).await.expect("a media node");
        client.send(peer, b"there").await.expect("sent");
        let mut bytes = [0; 64];
        let (len, from) = node.recv_from(&mut bytes).await.expect("comes");
        assert_eq!(&bytes[..len], b"there");
        node.send_to(b"and back", from).await.expect("sent");
        assert_eq!(client.receive().await.expect("comes"), (peer, b"and back".to_vec()));
        server.end().await;
    }

    #[tokio::test]
    async fn who_has_no_credential_or_an_old_or_a_forged_one_is_refused() {
        let Some(server) = Server::start().await else { return };
        let (username, credential) = server.credentials(60);
        let (old_name, old) = server.credentials(-60);
        let (later, _) = server.credentials(7200);
        for (username, credential) in [(&username, "guess"), (&old_name, &old), (&later, &credential)] {
            let pipe = server.udp().await;
            assert_eq!(refused(TurnClient::allocate(pipe, username, credential).await), 401);
        }
        server.end().await;
    }

    #[tokio::test]
    async fn what_is_no_media_node_is_not_reached_through_it() {
        let Some(server) = Server::start().await else { return };
        let (username, credential) = server.credentials(60);
        let mut client = TurnClient::allocate(server.udp().await, &username, &credential)
            .await
            .expect("a way");
        for elsewhere in [
            "127.0.0.2:53",
            "10.0.0.1:161",
            "192.168.1.1:53",
            "169.254.169.254:80",
            "8.8.8.8:53",
        ] {
            let peer = elsewhere.parse().expect("address");
            assert_eq!(refused(client.permit(peer).await), 403, "{elsewhere}");
        }
        server.end().await;
    }

    #[tokio::test]
    async fn a_connection_that_has_begun_outlives_its_credential() {
        let Some(server) = Server::start().await else { return };
        let (username, credential) = server.credentials(1);
        let mut client = TurnClient::allocate(server.udp().await, &username, &credential)
            .await
            .expect("a way");
        tokio::time::sleep(Duration::from_millis(2500)).await;
        client.refresh(600).await.expect("goes on");
        let pipe = server.udp().await;
        assert_eq!(
            refused(TurnClient::allocate(pipe, &username, &credential).await),
            401,
            "no new one begins"
        );
        server.end().await;
    }
}
