//! A call as a browser makes it: joins a room of its own on a media node, and connects (ICE, DTLS) by one way.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::config::Config;
use protocol::control::{AnswerBody, NodeFrame, NodeRequest, RequestBody, VERSION};
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, NodeGrant, RoomRole, TokenKey};
use protocol::ids::{OfficeId, ParticipantId, RoomId};
use protocol::signal::PublishTrack;
use runtime::secrets::Secrets;
use store::nodes::NodeRecord;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::PATIENCE;
use super::turn_client::TurnClient;

/// A candidate of the node (RFC 8839 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) is_tcp: bool,
    pub(super) at: SocketAddr,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.at, if self.is_tcp { "TCP" } else { "UDP" })
    }
}

/// The candidates in a description.
pub(super) fn candidates(sdp: &str) -> Vec<Told> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.trim().strip_prefix("a=candidate:")?.split(' ').collect();
        let [_, _, transport, _, ip, port, ..] = words.as_slice() else {
            return None;
        };
        Some(Told {
            is_tcp: transport.eq_ignore_ascii_case("tcp"),
            at: SocketAddr::new(ip.parse().ok()?, port.parse().ok()?),
        })
    };
    let mut all: Vec<Told> = Vec::new();
    for told in sdp.lines().filter_map(parse) {
        if !all.contains(&told) {
            all.push(told);
        }
    }
    all
}

/// A control connection to a node, as signaling has one.
pub(super) struct Node {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    office: OfficeId,
    media_key: TokenKey,
    next: u64,
}

impl Node {
    pub(super) async fn open(record: &NodeRecord, config: &Config, secrets: &Secrets) -> Result<Self> {
        let grant = NodeGrant {
            instance: "doctor".to_owned(),
            node: record.id.clone(),
        };
        let now = runtime::now();
        let token = secrets.node_key()?.sign(grant, now, now.plus(PATIENCE))?;
        let mut request = format!("ws://{}/control", record.control).into_client_request()?;
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse()?);
        let (socket, _) = timeout(PATIENCE, tokio_tungstenite::connect_async(request))
            .await
            .context("no answer")??;
        let mut node = Self {
            socket,
            office: config.office.id.clone(),
            media_key: secrets.media_key()?,
            next: 1,
        };
        match node.ask(RequestBody::Hello { version: VERSION }).await? {
            AnswerBody::Welcome { .. } => Ok(node),
            other => bail!("it answers {other:?}"),
        }
    }

    async fn ask(&mut self, body: RequestBody) -> Result<AnswerBody> {
        let id = self.next;
        self.next += 1;
        let text = serde_json::to_string(&NodeRequest { id, body })?;
        self.socket.send(Message::Text(text.into())).await?;
        let answered = async {
            while let Some(message) = self.socket.next().await {
                let Message::Text(text) = message? else { continue };
                let frame: NodeFrame = serde_json::from_str(&text)?;
                if frame.id == Some(id) {
                    return Ok(frame.body);
                }
            }
            bail!("it closed the connection")
        };
        match timeout(PATIENCE, answered).await.context("no answer")?? {
            AnswerBody::Error { problem } => bail!("{}", problem.title),
            body => Ok(body),
        }
    }

    /// The addresses that the node tells browsers.
    pub(super) async fn told(&mut self) -> Result<Vec<Told>> {
        let mut rtc = Rtc::builder().build(Instant::now());
        let (room, participant, sdp) = self.publish(&mut rtc).await?;
        self.ask(RequestBody::Leave { room, participant }).await?;
        Ok(candidates(&sdp))
    }

    /// Enters a new room, describes a connection, and gives the node's answer.
    async fn publish(&mut self, rtc: &mut Rtc) -> Result<(RoomId, ParticipantId, String)> {
        let grant = MediaGrant {
            office: self.office.clone(),
            room: RoomId::random(),
            participant: ParticipantId::random(),
            role: RoomRole::Guest,
            publish: vec![MediaSource::Microphone],
            subscribe: false,
            data: DataGrant::None,
            encryption: Encryption::Off,
        };
        let (room, participant) = (grant.room.clone(), grant.participant.clone());
        let now = runtime::now();
        let token = self.media_key.sign(grant, now, now.plus(PATIENCE))?;
        let join = RequestBody::Join {
            token,
            has_connections: false,
        };
        self.ask(join).await?;
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let (offer, pending) = changes.apply().context("an offer")?;
        let publish = RequestBody::Publish {
            room: room.clone(),
            participant: participant.clone(),
            sdp: offer.to_sdp_string(),
            tracks: vec![PublishTrack {
                mid: mid.to_string(),
                source: MediaSource::Microphone,
            }],
        };
        let AnswerBody::Published { sdp } = self.ask(publish).await? else {
            bail!("it gives no answer to the offer");
        };
        let answer = SdpAnswer::from_sdp_string(&sdp)?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        Ok((room, participant, sdp))
    }

    /// Makes a call by this way and ends it.
    ///
    /// # Errors
    /// When it doesn't connect.
    pub(super) async fn call(&mut self, way: &mut Way) -> Result<()> {
        let mut rtc = Rtc::builder().build(Instant::now());
        rtc.add_local_candidate(way.candidate()?);
        let (room, participant, _) = self.publish(&mut rtc).await?;
        let connected = timeout(PATIENCE, connect(&mut rtc, way)).await;
        self.ask(RequestBody::Leave { room, participant }).await?;
        connected.context("no answer")?
    }
}

/// How a call's datagrams go to one address of a node.
pub(super) enum Way {
    Udp {
        socket: UdpSocket,
        server: SocketAddr,
    },
    Tcp {
        stream: TcpStream,
        /// What was read of the next frame.
        buffer: Vec<u8>,
        server: SocketAddr,
    },
    Relay {
        turn: Box<TurnClient>,
        server: SocketAddr,
    },
}

impl Way {
    pub(super) async fn direct(told: Told) -> Result<Self> {
        if told.is_tcp {
            let stream = timeout(PATIENCE, TcpStream::connect(told.at))
                .await
                .context("no answer")??;
            return Ok(Self::Tcp {
                stream,
                buffer: Vec::new(),
                server: told.at,
            });
        }
        Ok(Self::Udp {
            socket: connected_udp(told.at).await?,
            server: told.at,
        })
    }

    fn server(&self) -> SocketAddr {
        match self {
            Self::Udp { server, .. } | Self::Tcp { server, .. } | Self::Relay { server, .. } => *server,
        }
    }

    fn protocol(&self) -> Protocol {
        match self {
            Self::Tcp { .. } => Protocol::Tcp,
            Self::Udp { .. } | Self::Relay { .. } => Protocol::Udp,
        }
    }

    /// The address by which the node sees us, as far as we know it.
    fn own(&self) -> Result<SocketAddr> {
        Ok(match self {
            Self::Udp { socket, .. } => socket.local_addr()?,
            Self::Tcp { stream, .. } => stream.local_addr()?,
            Self::Relay { turn, .. } => turn.relayed(),
        })
    }

    fn candidate(&self) -> Result<Candidate> {
        let own = self.own()?;
        let candidate = match self {
            Self::Udp { .. } => Candidate::builder().udp().host(own).build(),
            Self::Tcp { .. } => Candidate::builder().tcp().host(own).tcptype(TcpType::Active).build(),
            Self::Relay { .. } => Candidate::relayed(own, own, Protocol::Udp),
        };
        Ok(candidate?)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Udp { socket, .. } => {
                // A refusal of an earlier datagram; the next one is tried all the same.
                let _ = socket.send(bytes).await;
            }
            Self::Tcp { stream, .. } => {
                let frame = [&u16::try_from(bytes.len())?.to_be_bytes()[..], bytes].concat();
                stream.write_all(&frame).await?;
            }
            Self::Relay { turn, server } => turn.send(*server, bytes).await?,
        }
        Ok(())
    }

    /// The next datagram of the node. Can be given up at any time.
    async fn receive(&mut self) -> Result<Vec<u8>> {
        match self {
            Self::Udp { socket, .. } => loop {
                let mut bytes = vec![0; 2048];
                if let Ok(len) = socket.recv(&mut bytes).await {
                    bytes.truncate(len);
                    return Ok(bytes);
                }
                // Refused: nobody is there (yet).
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            },
            Self::Tcp { stream, buffer, .. } => loop {
                if let [high, low, rest @ ..] = buffer.as_slice() {
                    let len = usize::from(u16::from_be_bytes([*high, *low]));
                    if let Some(frame) = rest.get(..len) {
                        let frame = frame.to_vec();
                        buffer.drain(..2 + len);
                        return Ok(frame);
                    }
                }
                if stream.read_buf(buffer).await? == 0 {
                    bail!("the node closed the connection");
                }
            },
            Self::Relay { turn, server } => loop {
                let (from, bytes) = turn.receive().await?;
                if from == *server {
                    return Ok(bytes);
                }
            },
        }
    }
}

/// A socket from which datagrams go to one address, and from the machine's own address that leads there.
pub(super) async fn connected_udp(to: SocketAddr) -> Result<UdpSocket> {
    let any: SocketAddr = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse()?;
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Works until media could flow.
async fn connect(rtc: &mut Rtc, way: &mut Way) -> Result<()> {
    let (own, server, proto) = (way.own()?, way.server(), way.protocol());
    loop {
        let wake = loop {
            match rtc.poll_output()? {
                Output::Timeout(at) => break at,
                Output::Event(Event::Connected) => return Ok(()),
                Output::Event(_) => {}
                Output::Transmit(transmit) if transmit.destination == server && transmit.proto == proto => {
                    way.send(&transmit.contents).await?;
                }
                // Another address of the node: not by this way.
                Output::Transmit(_) => {}
            }
        };
        let bytes = tokio::select! {
            bytes = way.receive() => bytes?,
            () = tokio::time::sleep_until(wake.into()) => {
                rtc.handle_input(Input::Timeout(Instant::now()))?;
                continue;
            }
        };
        if let Ok(contents) = bytes.as_slice().try_into() {
            let receive = Receive {
                proto,
                source: server,
                destination: own,
                contents,
            };
            rtc.handle_input(Input::Receive(Instant::now(), receive))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_found_once_each() {
        let sdp = "v=0\r\na=candidate:1 1 udp 2130706175 192.0.2.1 7882 typ host ufrag x\r\n\
                   a=candidate:2 1 tcp 1518214911 192.0.2.1 7882 typ host tcptype passive\r\n\
                   a=candidate:1 1 udp 2130706175 192.0.2.1 7882 typ host ufrag x\r\n\
                   a=candidate:3 1 udp nonsense\r\na=end-of-candidates\r\n";
        let at = "192.0.2.1:7882".parse().expect("address");
        assert_eq!(candidates(sdp), [Told { is_tcp: false, at }, Told { is_tcp: true, at }]);
    }
}
