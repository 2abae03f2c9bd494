//! Our own media server: a child process without Redis, spoken to as signaling does (`protocol::control`).
//!
//! Invariant: every request gets its answer taken; one that is refused ends the bench, with the reason.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use protocol::control::{AnswerBody, NodeFrame, NodeRequest, RequestBody, VERSION};
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, NodeGrant, RoomRole, TokenKey};
use protocol::ids::{NodeId, OfficeId, ParticipantId, RoomId};
use protocol::signal::PublishTrack;
use runtime::secrets::Secrets;

use crate::conference::{Conference, Member, Members, Seat};
use crate::crowd::Crowd;
use crate::net::drops_of;
use crate::process::{Process, free_port};
use crate::sdp;
use crate::wire::Wire;

/// How long the server may take until it answers.
const START: Duration = Duration::from_secs(20);

/// How long the bench's tokens hold.
const TOKENS: Duration = Duration::from_secs(3600);

/// How long a request of metrics may take.
const METRICS: Duration = Duration::from_secs(10);

const OFFICE: &str = "bench";

/// The server and its members.
#[derive(Debug)]
pub struct Office {
    process: Process,
    media_port: u16,
    version: String,
    media_key: TokenKey,
    wire: Wire,
    members: Members,
    asked: HashMap<u64, (usize, Asked)>,
    next: u64,
    /// Configuration, keys and log, as long as the server runs.
    _dir: tempfile::TempDir,
}

/// What an answer is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Join,
    Publish,
    Other,
}

impl Office {
    /// Starts a server of this program; its media port is at `at`.
    ///
    /// # Errors
    /// When it doesn't start; its log is in the error.
    pub fn open(program: &Path, at: Ipv4Addr) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (control_port, media_port) = (free_port()?, free_port()?);
        let config = dir.path().join("bench.toml");
        std::fs::write(&config, configuration(control_port, SocketAddr::from((at, media_port))))?;
        let secrets = Secrets::open(&dir.path().join("secrets"))?;
        let (media_key, node_key) = (secrets.media_key()?, secrets.node_key()?);
        let log = dir.path().join("log");
        let mut command = Command::new(program);
        command.arg("--config").arg(&config).env("RUST_LOG", "warn");
        let mut process = Process::start(&command, &log)?;
        let control = SocketAddr::from((Ipv4Addr::LOCALHOST, control_port));
        let (node, version) = wait_for(control, &mut process, &log)?;
        let grant = NodeGrant {
            instance: "load".to_owned(),
            node,
        };
        let now = runtime::now();
        let token = format!("Bearer {}", node_key.sign(grant, now, now.plus(TOKENS))?);
        let wire = Wire::open(control, "/control", ("authorization", &token))?;
        let mut office = Self {
            process,
            media_port,
            version,
            media_key,
            wire,
            members: Members::new(),
            asked: HashMap::new(),
            next: 0,
            _dir: dir,
        };
        office.ask(0, Asked::Other, RequestBody::Hello { version: VERSION })?;
        Ok(office)
    }

    fn ask(&mut self, who: usize, asked: Asked, body: RequestBody) -> anyhow::Result<()> {
        self.next += 1;
        self.asked.insert(self.next, (who, asked));
        self.wire.send(&NodeRequest { id: self.next, body })
    }

    fn take(&mut self, crowd: &mut Crowd, frame: NodeFrame) -> anyhow::Result<()> {
        let asked = frame.id.and_then(|id| self.asked.remove(&id));
        match (frame.body, asked) {
            (AnswerBody::Error { problem }, asked) => {
                let (who, what) = asked.unwrap_or((0, Asked::Other));
                // Who left in between isn't missed.
                if self.members.contains_key(&who) {
                    bail!("the server refused {what:?} of p{who}: {problem:?}");
                }
                Ok(())
            }
            (AnswerBody::Joined { .. }, Some((who, Asked::Join))) => self.publish(crowd, who),
            (AnswerBody::Published { sdp }, Some((who, Asked::Publish))) => {
                let up = self.members.get(&who).and_then(|it| it.up);
                if let Some((link, mut tools)) = up.and_then(|it| crowd.with(it)) {
                    link.take_answer(&sdp, Instant::now(), &mut tools)?;
                }
                Ok(())
            }
            (
                AnswerBody::Offer {
                    participant,
                    revision,
                    sdp,
                    tracks,
                    ..
                },
                None,
            ) => {
                let others: Vec<(usize, bool)> = tracks
                    .iter()
                    .filter_map(|it| Some((number(&it.participant)?, it.source.is_video())))
                    .collect();
                self.answer(crowd, &participant, revision, &sdp, &others)
            }
            (
                AnswerBody::Out {
                    participant, reason, ..
                },
                None,
            ) => {
                if number(&participant).is_some_and(|it| self.members.contains_key(&it)) {
                    bail!("{participant} was put out: {reason:?}");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Offers what a member publishes.
    fn publish(&mut self, crowd: &mut Crowd, who: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.get_mut(&who) else {
            return Ok(());
        };
        let Some(publishes) = member.seat.publishes else {
            return Ok(());
        };
        let Some((link, mut tools)) = member.up.and_then(|it| crowd.with(it)) else {
            return Ok(());
        };
        let sdp = link.offer(publishes.audio, Instant::now(), &mut tools)?;
        let named = sdp::sections(&sdp).into_iter().map(|it| PublishTrack {
            mid: it.mid,
            source: if it.is_video {
                MediaSource::Camera
            } else {
                MediaSource::Microphone
            },
        });
        let body = RequestBody::Publish {
            room: room(member.seat.room)?,
            participant: participant(who)?,
            tracks: named.collect(),
            sdp,
        };
        self.ask(who, Asked::Publish, body)
    }

    /// Answers a member's offer, which tells what is to come.
    fn answer(
        &mut self,
        crowd: &mut Crowd,
        id: &ParticipantId,
        revision: u32,
        sdp: &str,
        others: &[(usize, bool)],
    ) -> anyhow::Result<()> {
        let Some(who) = number(id) else { return Ok(()) };
        let publishers: Vec<(u32, bool)> = others
            .iter()
            .filter_map(|(other, is_video)| Some((self.members.get(other)?.publisher?, *is_video)))
            .collect();
        let Some(member) = self.members.get_mut(&who) else {
            return Ok(());
        };
        let down = match member.down {
            Some(down) => down,
            None => *member.down.insert(crowd.open()?),
        };
        let Some((link, mut tools)) = crowd.with(down) else {
            return Ok(());
        };
        link.receiver.expect(&publishers);
        let body = RequestBody::Answer {
            room: room(member.seat.room)?,
            participant: id.clone(),
            revision,
            sdp: link.answer(sdp, Instant::now(), &mut tools)?,
        };
        self.ask(who, Asked::Other, body)
    }
}

impl Conference for Office {
    fn join(&mut self, crowd: &mut Crowd, who: usize, seat: Seat) -> anyhow::Result<()> {
        let publish = seat.publishes.map_or(Vec::new(), |it| {
            let audio = it.audio.then_some(MediaSource::Microphone);
            std::iter::once(MediaSource::Camera).chain(audio).collect()
        });
        let grant = MediaGrant {
            office: OfficeId::new(OFFICE)?,
            room: room(seat.room)?,
            participant: participant(who)?,
            role: RoomRole::Guest,
            publish,
            subscribe: seat.subscribes,
            data: DataGrant::None,
            encryption: Encryption::Off,
        };
        let now = runtime::now();
        let token = self.media_key.sign(grant, now, now.plus(TOKENS))?;
        let mut member = Member {
            seat,
            up: None,
            down: None,
            publisher: None,
        };
        if seat.publishes.is_some() {
            let (link, publisher) = crowd.open_publisher()?;
            member.up = Some(link);
            member.publisher = Some(publisher);
        }
        self.members.insert(who, member);
        let body = RequestBody::Join {
            token,
            has_connections: false,
        };
        self.ask(who, Asked::Join, body)
    }

    fn leave(&mut self, crowd: &mut Crowd, who: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.remove(&who) else {
            return Ok(());
        };
        for link in member.up.into_iter().chain(member.down) {
            crowd.close(link);
        }
        let body = RequestBody::Leave {
            room: room(member.seat.room)?,
            participant: participant(who)?,
        };
        self.ask(who, Asked::Other, body)
    }

    fn poll(&mut self, crowd: &mut Crowd) -> anyhow::Result<()> {
        while let Some(frame) = self.wire.poll()? {
            self.take(crowd, frame)?;
        }
        Ok(())
    }

    fn members(&self) -> &Members {
        &self.members
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn server_drops(&self) -> Option<u64> {
        Some(drops_of(self.media_port))
    }

    fn name(&self) -> String {
        format!("media-server {}", self.version)
    }
}

fn configuration(control: u16, media: SocketAddr) -> String {
    format!(
        "[office]\nid = \"{OFFICE}\"\nname = {{ ja = \"計測\" }}\ntelephone = \"000-000-0000\"\n\
         [paths]\nrun = \"run\"\nsecrets = \"secrets\"\ncontent = \"content\"\nrigs = \"rigs\"\n\
         [web]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://localhost\"\n\
         [media]\nudp = \"{media}\"\ncontrol = \"127.0.0.1:{control}\"\n"
    )
}

/// Waits until the server tells its name and version.
fn wait_for(control: SocketAddr, process: &mut Process, log: &PathBuf) -> anyhow::Result<(NodeId, String)> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline && process.is_alive() {
        if let Ok(text) = metrics(control) {
            let line = text.lines().find(|it| it.starts_with("media_node_info{"));
            let line = line.context("the server doesn't tell its name: is it of another version?")?;
            let node = label(line, "node").context("media_node_info has no node")?;
            let version = label(line, "version").unwrap_or("unknown").to_owned();
            return Ok((NodeId::new(node)?, version));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = std::fs::read_to_string(log).unwrap_or_default();
    bail!("the media server doesn't answer; it said:\n{said}")
}

fn label<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

fn metrics(control: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&control, METRICS)?;
    stream.set_read_timeout(Some(METRICS))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

fn room(number: usize) -> anyhow::Result<RoomId> {
    Ok(RoomId::new(format!("room-{number}"))?)
}

fn participant(who: usize) -> anyhow::Result<ParticipantId> {
    Ok(ParticipantId::new(format!("p{who}"))?)
}

fn number(id: &ParticipantId) -> Option<usize> {
    id.as_str().strip_prefix('p')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one() {
        let text = configuration(1, SocketAddr::from(([127, 0, 0, 1], 2)));
        let config = protocol::config::Config::parse(Path::new("bench.toml"), &text).expect("a configuration");
        assert_eq!(config.media.udp.port(), 2);
    }

    #[test]
    fn labels_are_read() {
        let line = "media_node_info{node=\"abc\",version=\"0.1.0\"} 1";
        assert_eq!(
            (label(line, "node"), label(line, "version")),
            (Some("abc"), Some("0.1.0"))
        );
        assert_eq!(label(line, "other"), None);
    }
}
