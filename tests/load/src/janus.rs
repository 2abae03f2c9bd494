//! Debian's Janus with its VideoRoom, as it ships, spoken to by its own WebSocket API: one handle for what a
//! member publishes, one for all it watches (multistream).
//!
//! What differs from the package's defaults: no other plugins and transports, no STUN, no demo rooms, a
//! certificate on P-256 as browsers have (and our server), and the network interface. Janus doesn't use the
//! loopback device, so the bench runs in a network namespace with an interface of its own; what goes to an
//! address of the machine itself goes over the loopback all the same.
//!
//! Invariant: a subscriber's handle has one negotiation at a time; what came up meanwhile follows.

mod setup;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::conference::{Conference, Member, Members, Seat};
use crate::crowd::Crowd;
use crate::net::drops_of_range;
use crate::process::{Process, free_port};
use crate::wire::Wire;

pub use setup::Setup;

/// How long the server may take until it answers.
const START: Duration = Duration::from_secs(20);

/// Between signs of life of the session: Janus ends it after 60 s.
const ALIVE: Duration = Duration::from_secs(20);

/// The server and its members.
#[derive(Debug)]
pub struct Janus {
    process: Process,
    version: String,
    wire: Wire,
    session: u64,
    members: Members,
    handles: BTreeMap<usize, Handles>,
    /// Which member a handle is of, and whether it publishes by it.
    owners: HashMap<u64, (usize, bool)>,
    rooms: HashMap<usize, Room>,
    asked: HashMap<String, Asked>,
    next: u64,
    next_alive: Instant,
    manager: u64,
    _dir: tempfile::TempDir,
}

/// A member's handles.
#[derive(Debug, Default)]
struct Handles {
    publisher: Option<u64>,
    has_published: bool,
    subscriber: Option<u64>,
    is_negotiating: bool,
    feeds: Vec<usize>,
}

/// A room is made before anybody joins it.
#[derive(Debug, Default)]
struct Room {
    is_there: bool,
    waiting: Vec<usize>,
}

/// What an answer is to.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Room(usize),
    Attach { who: usize, publishes: bool },
}

impl Janus {
    /// Starts a server.
    ///
    /// # Errors
    /// When it doesn't start; its log is in the error.
    pub fn open(setup: &Setup) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port()?;
        setup.configure(dir.path(), port)?;
        let log = dir.path().join("log");
        let mut command = Command::new(&setup.program);
        command.arg("-F").arg(dir.path());
        let mut process = Process::start(&command, &log)?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut wire = connect(at, &mut process, &log)?;
        let info = call(&mut wire, json!({ "janus": "info" }))?;
        let version = info["version_string"].as_str().unwrap_or("unknown").to_owned();
        let session = id_of(&call(&mut wire, json!({ "janus": "create" }))?)?;
        let attach = json!({ "janus": "attach", "session_id": session, "plugin": "janus.plugin.videoroom" });
        let manager = id_of(&call(&mut wire, attach)?)?;
        Ok(Self {
            process,
            version,
            wire,
            session,
            members: Members::new(),
            handles: BTreeMap::new(),
            owners: HashMap::new(),
            rooms: HashMap::new(),
            asked: HashMap::new(),
            next: 0,
            next_alive: Instant::now() + ALIVE,
            manager,
            _dir: dir,
        })
    }

    fn ask(&mut self, mut frame: Value, asked: Option<Asked>) -> anyhow::Result<()> {
        self.next += 1;
        let transaction = format!("t{}", self.next);
        frame["transaction"] = json!(transaction);
        frame["session_id"] = json!(self.session);
        if let Some(asked) = asked {
            self.asked.insert(transaction, asked);
        }
        self.wire.send(&frame)
    }

    fn message(&mut self, handle: u64, body: &Value, jsep: Option<Value>, asked: Option<Asked>) -> anyhow::Result<()> {
        let mut frame = json!({ "janus": "message", "handle_id": handle, "body": body });
        if let Some(jsep) = jsep {
            frame["jsep"] = jsep;
        }
        self.ask(frame, asked)
    }

    fn attach(&mut self, who: usize, publishes: bool) -> anyhow::Result<()> {
        let frame = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" });
        self.ask(frame, Some(Asked::Attach { who, publishes }))
    }

    /// A room that is there lets a member in.
    fn admit(&mut self, who: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.get(&who) else {
            return Ok(());
        };
        if member.seat.publishes.is_some() {
            self.attach(who, true)?;
        }
        self.subscribe(who)
    }

    fn take(&mut self, crowd: &mut Crowd, frame: &Value) -> anyhow::Result<()> {
        let transaction = frame["transaction"].as_str().unwrap_or_default();
        match frame["janus"].as_str().unwrap_or_default() {
            "success" => match self.asked.remove(transaction) {
                Some(Asked::Room(room)) => {
                    if frame["plugindata"]["data"]["videoroom"] != "created" {
                        bail!("Janus made no room: {frame}");
                    }
                    let room = self.rooms.entry(room).or_default();
                    room.is_there = true;
                    for who in std::mem::take(&mut room.waiting) {
                        self.admit(who)?;
                    }
                    Ok(())
                }
                Some(Asked::Attach { who, publishes }) => self.attached(who, publishes, id_of(frame)?),
                None => Ok(()),
            },
            "error" => bail!("Janus refused: {}", frame["error"]),
            "event" => self.event(crowd, frame),
            "webrtcup" => self.stands(frame["sender"].as_u64()),
            _ => Ok(()),
        }
    }

    /// A member's handle is there: it joins by it.
    fn attached(&mut self, who: usize, publishes: bool, handle: u64) -> anyhow::Result<()> {
        let (Some(member), Some(handles)) = (self.members.get(&who), self.handles.get_mut(&who)) else {
            return self.ask(json!({ "janus": "detach", "handle_id": handle }), None);
        };
        let room = room_id(member.seat.room);
        self.owners.insert(handle, (who, publishes));
        if publishes {
            handles.publisher = Some(handle);
            let body = json!({ "request": "join", "ptype": "publisher", "room": room, "id": feed(who) });
            return self.message(handle, &body, None, None);
        }
        handles.subscriber = Some(handle);
        let streams: Vec<Value> = handles.feeds.iter().map(|it| json!({ "feed": feed(*it) })).collect();
        let body = json!({ "request": "join", "ptype": "subscriber", "room": room, "streams": streams });
        self.message(handle, &body, None, None)
    }

    fn event(&mut self, crowd: &mut Crowd, frame: &Value) -> anyhow::Result<()> {
        let data = &frame["plugindata"]["data"];
        let Some((who, publishes)) = frame["sender"].as_u64().and_then(|it| self.owners.get(&it).copied()) else {
            return Ok(());
        };
        if !data["error"].is_null() {
            bail!("Janus refused something of member {who}: {data}");
        }
        let sdp = frame["jsep"]["sdp"].as_str();
        match (data["videoroom"].as_str().unwrap_or_default(), sdp) {
            ("joined", _) if publishes => self.publish(crowd, who),
            ("event", Some(sdp)) if publishes => self.published(crowd, who, sdp),
            ("attached" | "updated", Some(sdp)) => self.answer(crowd, who, data, sdp),
            ("updated", None) => self.negotiated(who),
            ("event", None) if data["started"] == "ok" => self.negotiated(who),
            _ => Ok(()),
        }
    }

    fn publish(&mut self, crowd: &mut Crowd, who: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.get(&who) else {
            return Ok(());
        };
        let handle = self.handles.get(&who).and_then(|it| it.publisher);
        let (Some(publishes), Some(handle)) = (member.seat.publishes, handle) else {
            return Ok(());
        };
        let Some((link, mut tools)) = member.up.and_then(|it| crowd.with(it)) else {
            return Ok(());
        };
        let sdp = link.offer(publishes.audio, Instant::now(), &mut tools)?;
        self.message(
            handle,
            &json!({ "request": "publish" }),
            Some(jsep("offer", &sdp)),
            None,
        )?;
        self.complete(handle)
    }

    /// The answer to what a member publishes.
    fn published(&mut self, crowd: &mut Crowd, who: usize, sdp: &str) -> anyhow::Result<()> {
        let up = self.members.get(&who).and_then(|it| it.up);
        if let Some((link, mut tools)) = up.and_then(|it| crowd.with(it)) {
            link.take_answer(sdp, Instant::now(), &mut tools)?;
        }
        Ok(())
    }

    /// A connection stands. What is published by it can be watched from now on.
    fn stands(&mut self, handle: Option<u64>) -> anyhow::Result<()> {
        let owner = handle.and_then(|it| self.owners.get(&it).copied());
        let Some((who, true)) = owner else { return Ok(()) };
        let Some(room) = self.members.get(&who).map(|it| it.seat.room) else {
            return Ok(());
        };
        if let Some(handles) = self.handles.get_mut(&who) {
            handles.has_published = true;
        }
        let others: Vec<usize> = self
            .members
            .iter()
            .filter(|(other, it)| **other != who && it.seat.room == room)
            .map(|(other, _)| *other)
            .collect();
        others.into_iter().try_for_each(|other| self.subscribe(other))
    }

    /// Asks for what a member doesn't watch yet, unless a negotiation is under way.
    fn subscribe(&mut self, who: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.get(&who).filter(|it| it.seat.subscribes) else {
            return Ok(());
        };
        let room = member.seat.room;
        let published: Vec<usize> = self
            .handles
            .iter()
            .filter(|(other, it)| **other != who && it.has_published)
            .filter(|(other, _)| self.members.get(other).is_some_and(|it| it.seat.room == room))
            .map(|(other, _)| *other)
            .collect();
        let Some(handles) = self.handles.get_mut(&who).filter(|it| !it.is_negotiating) else {
            return Ok(());
        };
        let missing: Vec<usize> = published.into_iter().filter(|it| !handles.feeds.contains(it)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        handles.is_negotiating = true;
        handles.feeds.extend(&missing);
        let Some(handle) = handles.subscriber else {
            return self.attach(who, false);
        };
        let streams: Vec<Value> = missing.iter().map(|it| json!({ "feed": feed(*it) })).collect();
        self.message(
            handle,
            &json!({ "request": "subscribe", "streams": streams }),
            None,
            None,
        )
    }

    fn answer(&mut self, crowd: &mut Crowd, who: usize, data: &Value, sdp: &str) -> anyhow::Result<()> {
        let Some(handle) = self.handles.get(&who).and_then(|it| it.subscriber) else {
            return Ok(());
        };
        let mut tracks = Vec::new();
        for stream in data["streams"].as_array().into_iter().flatten() {
            let publisher = stream["feed_id"]
                .as_u64()
                .and_then(|it| usize::try_from(it).ok()?.checked_sub(1));
            let publisher = publisher.and_then(|it| self.members.get(&it)?.publisher);
            tracks.extend(publisher.map(|it| (it, stream["type"] == "video")));
        }
        let Some(member) = self.members.get_mut(&who) else {
            return Ok(());
        };
        let is_first = member.down.is_none();
        let down = match member.down {
            Some(down) => down,
            None => *member.down.insert(crowd.open()?),
        };
        let Some((link, mut tools)) = crowd.with(down) else {
            return Ok(());
        };
        link.receiver.expect(&tracks);
        let answer = link.answer(sdp, Instant::now(), &mut tools)?;
        self.message(
            handle,
            &json!({ "request": "start" }),
            Some(jsep("answer", &answer)),
            None,
        )?;
        if is_first { self.complete(handle) } else { Ok(()) }
    }

    fn negotiated(&mut self, who: usize) -> anyhow::Result<()> {
        if let Some(handles) = self.handles.get_mut(&who) {
            handles.is_negotiating = false;
        }
        self.subscribe(who)
    }

    /// All candidates were in the description.
    fn complete(&mut self, handle: u64) -> anyhow::Result<()> {
        let frame = json!({ "janus": "trickle", "handle_id": handle, "candidate": { "completed": true } });
        self.ask(frame, None)
    }
}

impl Conference for Janus {
    fn join(&mut self, crowd: &mut Crowd, who: usize, seat: Seat) -> anyhow::Result<()> {
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
        self.handles.insert(who, Handles::default());
        let is_new = !self.rooms.contains_key(&seat.room);
        let room = self.rooms.entry(seat.room).or_default();
        if room.is_there {
            return self.admit(who);
        }
        room.waiting.push(who);
        if is_new {
            // Its own defaults, but for the number of publishers and the bit rate, which ships for a demo.
            let body = json!({
                "request": "create", "room": room_id(seat.room), "publishers": 100, "bitrate": 0,
                "audiocodec": "opus", "videocodec": "vp8",
            });
            self.message(self.manager, &body, None, Some(Asked::Room(seat.room)))?;
        }
        Ok(())
    }

    fn leave(&mut self, crowd: &mut Crowd, who: usize) -> anyhow::Result<()> {
        let Some(member) = self.members.remove(&who) else {
            return Ok(());
        };
        for link in member.up.into_iter().chain(member.down) {
            crowd.close(link);
        }
        let handles = self.handles.remove(&who).unwrap_or_default();
        for handle in handles.publisher.into_iter().chain(handles.subscriber) {
            self.owners.remove(&handle);
            self.ask(json!({ "janus": "detach", "handle_id": handle }), None)?;
        }
        Ok(())
    }

    fn poll(&mut self, crowd: &mut Crowd) -> anyhow::Result<()> {
        while let Some(frame) = self.wire.poll::<Value>()? {
            self.take(crowd, &frame)?;
        }
        let now = Instant::now();
        if now >= self.next_alive {
            self.next_alive = now + ALIVE;
            self.ask(json!({ "janus": "keepalive" }), None)?;
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
        Some(drops_of_range(&setup::MEDIA_PORTS))
    }

    fn name(&self) -> String {
        format!("Janus {}", self.version)
    }
}

fn jsep(kind: &str, sdp: &str) -> Value {
    json!({ "type": kind, "sdp": sdp })
}

/// Janus's numbers begin at one.
fn feed(who: usize) -> usize {
    who + 1
}

fn room_id(room: usize) -> usize {
    room + 1
}

fn id_of(frame: &Value) -> anyhow::Result<u64> {
    frame["data"]["id"]
        .as_u64()
        .with_context(|| format!("no id in {frame}"))
}

/// Asks, and waits for the answer: before there are members.
fn call(wire: &mut Wire, mut frame: Value) -> anyhow::Result<Value> {
    frame["transaction"] = json!("first");
    wire.send(&frame)?;
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        match wire.poll::<Value>()? {
            Some(frame) if frame["janus"] == "error" => bail!("Janus refused: {}", frame["error"]),
            Some(frame) if frame["transaction"] == "first" => return Ok(frame),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    bail!("Janus doesn't answer")
}

fn connect(at: SocketAddr, process: &mut Process, log: &Path) -> anyhow::Result<Wire> {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline && process.is_alive() {
        if let Ok(wire) = Wire::open(at, "/", ("sec-websocket-protocol", "janus-protocol")) {
            return Ok(wire);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = std::fs::read_to_string(log).unwrap_or_default();
    bail!("Janus doesn't answer; it said:\n{said}")
}
