//! What the bench asks of a conference server, whichever it is.
//!
//! Invariant: a member's links are its own; who leaves takes them along.

use std::collections::BTreeMap;

use crate::crowd::{Crowd, LinkId};
use crate::process::Process;

/// Who joins where, and what for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seat {
    /// The room's number.
    pub room: usize,
    /// What is published.
    pub publishes: Option<Publishes>,
    /// Whether the others' tracks are wanted.
    pub subscribes: bool,
}

/// What a member publishes: a camera always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publishes {
    /// A microphone too.
    pub audio: bool,
}

impl Publishes {
    /// How many tracks these are.
    #[must_use]
    pub fn tracks(self) -> usize {
        1 + usize::from(self.audio)
    }
}

/// Who is there.
#[derive(Debug, Clone)]
pub struct Member {
    /// Where, and what for.
    pub seat: Seat,
    /// By which it publishes.
    pub up: Option<LinkId>,
    /// By which it is served.
    pub down: Option<LinkId>,
    /// Its number as a publisher.
    pub publisher: Option<u32>,
}

/// Members by their number.
pub type Members = BTreeMap<usize, Member>;

/// A conference server under test, with the bench's way of speaking to it.
pub trait Conference {
    /// Asks a new member in; what follows happens in [`Conference::poll`].
    ///
    /// # Errors
    /// When the server is gone.
    fn join(&mut self, crowd: &mut Crowd, who: usize, seat: Seat) -> anyhow::Result<()>;

    /// Lets a member go.
    ///
    /// # Errors
    /// When the server is gone.
    fn leave(&mut self, crowd: &mut Crowd, who: usize) -> anyhow::Result<()>;

    /// Goes on with all that the server has said.
    ///
    /// # Errors
    /// When the server is gone, or refuses something.
    fn poll(&mut self, crowd: &mut Crowd) -> anyhow::Result<()>;

    /// Who is there, or on the way.
    fn members(&self) -> &Members;

    /// The server's process.
    fn process(&self) -> &Process;

    /// Datagrams that the kernel dropped before the server read them; nothing: it can't be told.
    fn server_drops(&self) -> Option<u64>;

    /// Its name and version.
    fn name(&self) -> String;
}

/// Whether a member has all its connections, and is told of all that the others publish.
#[must_use]
pub fn is_complete(members: &Members, crowd: &Crowd, who: usize) -> bool {
    let Some(member) = members.get(&who) else { return false };
    let is_up = |link: Option<LinkId>| link.and_then(|it| crowd.get(it)).is_some_and(|it| it.is_connected());
    if member.seat.publishes.is_some() && !is_up(member.up) {
        return false;
    }
    if !member.seat.subscribes {
        return true;
    }
    let others = members
        .iter()
        .filter(|(number, it)| **number != who && it.seat.room == member.seat.room);
    let wanted: usize = others.filter_map(|(_, it)| Some(it.seat.publishes?.tracks())).sum();
    let down = member.down.and_then(|it| crowd.get(it));
    wanted == 0 || down.is_some_and(|it| it.is_connected() && it.receiver.expected() == wanted)
}
