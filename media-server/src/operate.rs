//! What an operator asks of running nodes: which there are, and that one drains.
//!
//! Invariant: a node is spoken to by its own control WebSocket, with a token for this very node, and counts as ended
//! only when it isn't there any more: its port is closed, or somebody else's.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::config::Config;
use protocol::control::{AnswerBody, NodeFrame, NodeRequest, RequestBody, VERSION};
use protocol::grants::{NodeGrant, TokenKey};
use protocol::ids::NodeId;
use runtime::secrets::Secrets;
use store::Store;
use store::nodes::{self, NodeRecord};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a node may take to answer.
const ANSWERED_IN: Duration = Duration::from_secs(5);

/// How often a draining node is asked how it is.
const LOOK: Duration = Duration::from_millis(500);

/// How long after its deadline a node may take for its goodbyes, and how long it may be out of reach.
const PATIENCE: Duration = Duration::from_secs(30);

/// A token is for one connection.
const TOKEN_LASTS: Duration = Duration::from_secs(60);

/// Which node an operator means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By its number in the configuration, from 1.
    Number(usize),
    /// By its id.
    Id(NodeId),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => NodeId::new(text).map(Self::Id).map_err(|error| error.to_string()),
        }
    }
}

/// Tells `say` a line for each living node.
///
/// # Errors
/// When Redis doesn't answer.
pub async fn list(config: &Config, mut say: impl FnMut(String)) -> Result<()> {
    let alive = alive(config).await?;
    say(format!(
        "{:<26}  {:<21}  {:<8}  {:>6}  {:>12}  new rooms",
        "node", "control", "version", "load", "participants"
    ));
    for node in &alive {
        say(format!(
            "{:<26}  {:<21}  {:<8}  {:>4} %  {:>12}  {}",
            node.id,
            node.control,
            node.version,
            node.load_permille / 10,
            node.participants,
            if node.draining { "no, draining" } else { "yes" },
        ));
    }
    Ok(())
}

/// Has a node drain within `within`, and waits until it has ended. `say` is told how it goes.
///
/// # Errors
/// When no such node is alive, it can't be spoken to, or it hasn't ended long after its time.
pub async fn drain(
    config: &Config,
    which: Option<&Which>,
    within: Duration,
    mut say: impl FnMut(String),
) -> Result<()> {
    let alive = alive(config).await?;
    let node = pick(config, which, &alive)?;
    if !alive.iter().any(|other| other.id != node.id && !other.draining) {
        say("no other node takes new rooms: who comes now waits until one is there".to_owned());
    }
    let key = Secrets::open(&config.paths.secrets)?.node_key()?;
    let mut link = match Link::open(node, &key).await? {
        Some(link) => link,
        None => bail!(
            "node {} at {} lets nobody in with the keys of paths.secrets, or is gone already",
            node.id,
            node.control
        ),
    };
    let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let mut status = link.ask(RequestBody::Drain { within_ms }).await?;
    let patience = Instant::now() + within + PATIENCE;
    let mut said = None;
    loop {
        let AnswerBody::Status {
            rooms,
            participants,
            ends_in_ms,
        } = status
        else {
            bail!(
                "node {} doesn't understand: is it of an older release? It said {status:?}",
                node.id
            );
        };
        if said != Some((rooms, participants)) {
            let left = Duration::from_millis(ends_in_ms.unwrap_or(0)).as_secs();
            say(format!(
                "node {} drains: {rooms} room(s), {participants} participant(s), at most {left} s more",
                node.id
            ));
            said = Some((rooms, participants));
        }
        if Instant::now() > patience {
            bail!(
                "node {} hasn't ended {} s after its deadline",
                node.id,
                PATIENCE.as_secs()
            );
        }
        status = match next_status(&mut link, node, &key).await? {
            Some(status) => status,
            None => break,
        };
    }
    say(format!("node {} has ended", node.id));
    Ok(())
}

async fn alive(config: &Config) -> Result<Vec<NodeRecord>> {
    let store = Store::connect(config).await.context("redis.live")?;
    nodes::alive(&store.live)
        .await
        .context("which nodes there are is known to Redis only")
}

fn pick<'a>(config: &Config, which: Option<&Which>, alive: &'a [NodeRecord]) -> Result<&'a NodeRecord> {
    let count = config.media_nodes();
    let number = match which {
        Some(Which::Id(id)) => {
            let found = alive.iter().find(|node| node.id == *id);
            return found.with_context(|| format!("no node {id} is alive: `media-server nodes` lists those that are"));
        }
        Some(Which::Number(number)) => *number,
        None if count == 1 => 1,
        None => bail!("the configuration names {count} media nodes: say which by --node 1 to {count}"),
    };
    let own = config
        .clone()
        .for_media_node(number)
        .with_context(|| format!("--node {number}: the configuration names {count} media node(s)"))?;
    let found = alive.iter().find(|node| node.control == own.media.control);
    found.with_context(|| format!("node {number} ({}) isn't alive", own.media.control))
}

/// How a node is a moment later, by a new connection when this one broke. `None`: it is gone.
async fn next_status(link: &mut Link, node: &NodeRecord, key: &TokenKey) -> Result<Option<AnswerBody>> {
    let until = Instant::now() + PATIENCE;
    loop {
        tokio::time::sleep(LOOK).await;
        let why = match link.ask(RequestBody::Status).await {
            Ok(status) => return Ok(Some(status)),
            Err(why) => why,
        };
        match Link::open(node, key).await {
            Ok(Some(back)) => *link = back,
            Ok(None) => return Ok(None),
            Err(_) => {}
        }
        if Instant::now() > until {
            return Err(why.context(format!("whether node {} has ended isn't known", node.id)));
        }
    }
}

/// A control connection of an operator.
struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Link {
    /// `None`: nobody is there any more, or somebody else.
    async fn open(node: &NodeRecord, key: &TokenKey) -> Result<Option<Self>> {
        let grant = NodeGrant {
            instance: format!("operator-{}", std::process::id()),
            node: node.id.clone(),
        };
        let now = runtime::now();
        let token = key.sign(grant, now, now.plus(TOKEN_LASTS))?;
        let mut request = format!("ws://{}/control", node.control).into_client_request()?;
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse()?);
        let opened = timeout(ANSWERED_IN, connect_async(request));
        let socket = match opened
            .await
            .with_context(|| format!("{} doesn't answer", node.control))?
        {
            Ok((socket, _)) => socket,
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(None),
            // The token names the only node it is good for: somebody else lives there now, or our key is another.
            Err(Error::Http(response)) if response.status() == 401 => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} can't be spoken to", node.control)),
        };
        let mut link = Self { socket, next_id: 0 };
        match link.ask(RequestBody::Hello { version: VERSION }).await? {
            AnswerBody::Welcome { node: id } if id == node.id => Ok(Some(link)),
            AnswerBody::Welcome { .. } => Ok(None),
            other => bail!("{} didn't say welcome but {other:?}", node.control),
        }
    }

    async fn ask(&mut self, body: RequestBody) -> Result<AnswerBody> {
        self.next_id += 1;
        let id = self.next_id;
        let text = serde_json::to_string(&NodeRequest { id, body })?;
        let asking = async {
            self.socket.send(Message::text(text)).await?;
            while let Some(message) = self.socket.next().await {
                let Message::Text(text) = message? else { continue };
                let frame: NodeFrame = serde_json::from_str(&text)?;
                if frame.id == Some(id) {
                    return Ok(frame.body);
                }
            }
            bail!("it closed the connection")
        };
        timeout(ANSWERED_IN, asking).await.context("it doesn't answer")?
    }
}
