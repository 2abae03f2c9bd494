//! The socket between two ends: datagrams in order, and the end of the other process is heard (SOCK_SEQPACKET, unix(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen, recvmsg, sendmsg,
    socket_with, socketpair, sockopt,
};

use crate::End;
use crate::wire::{LONGEST, Said};

/// Who wait to be let in. When full, others are refused.
const BACKLOG: i32 = 8;

/// One end of a connection.
#[derive(Debug)]
pub struct Socket(OwnedFd);

/// Both ends of a new connection, for a process and one that it starts: the second becomes that one's standard input.
///
/// # Errors
/// When the system has none left.
pub fn pair() -> io::Result<(Socket, Socket)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    Ok((Socket(one), Socket(other)))
}

/// Where others of the same user may come.
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl Listener {
    /// Listens under a name ([`crate::name_of`]).
    ///
    /// # Errors
    /// When somebody does already.
    pub fn bind(name: &str) -> io::Result<Self> {
        let socket = new()?;
        bind(&socket, &address(name)?)?;
        listen(&socket, BACKLOG)?;
        Ok(Self(socket))
    }

    /// Waits so long at most until somebody comes.
    ///
    /// # Errors
    /// [`End::Stranger`]: another user's process came; it was sent away.
    pub fn accept(&self, limit: Duration) -> Result<Option<Socket>, End> {
        if !is_ready(self.0.as_fd(), PollFlags::IN, limit)? {
            return Ok(None);
        }
        match accept_with(&self.0, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(accepted) => only_ours(Socket(accepted)).map(Some),
        }
    }
}

impl Socket {
    /// To who listens under a name.
    ///
    /// # Errors
    /// When nobody does, or another user's process.
    pub fn connect(name: &str) -> Result<Self, End> {
        let socket = new()?;
        connect(&socket, &address(name)?)?;
        only_ours(Self(socket))
    }

    /// The end that was given as this process's standard input ([`pair`]).
    ///
    /// # Errors
    /// When it is no such socket.
    pub fn from_stdin() -> io::Result<Self> {
        let own = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
        if sockopt::socket_type(&own)? != SocketType::SEQPACKET {
            return Err(io::Error::other(
                "standard input is no socket of the process that starts this one",
            ));
        }
        Ok(Self(own))
    }

    /// For the process that is to be started.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Another handle of the same end.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Tells the other end something. It waits for nobody: `false` when the other end has so much to read that there is
    /// no room.
    pub(crate) fn tell(&self, said: &Said, with: Option<BorrowedFd<'_>>) -> Result<bool, End> {
        let bytes = said.write();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut more = SendAncillaryBuffer::new(&mut space);
        let carried: Vec<BorrowedFd<'_>> = with.into_iter().collect();
        if !carried.is_empty() {
            more.push(SendAncillaryMessage::ScmRights(&carried));
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match sendmsg(&self.0, &[io::IoSlice::new(&bytes)], &mut more, flags) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What the other end has told, with what it has handed over; `None`: nothing within that time.
    pub(crate) fn hear(&self, limit: Duration) -> Result<Option<(Said, Option<OwnedFd>)>, End> {
        if !is_ready(self.0.as_fd(), PollFlags::IN, limit)? {
            return Ok(None);
        }
        let mut bytes = [0; LONGEST + 1];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut more = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let heard = match recvmsg(&self.0, &mut [io::IoSliceMut::new(&mut bytes)], &mut more, flags) {
            Ok(heard) => heard.bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if heard == 0 {
            return Err(End::Gone);
        }
        let mut carried = more.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let carried = carried.next();
        Said::read(&bytes[..heard]).map(|said| Some((said, carried)))
    }

    /// Whether the other end is gone.
    pub(crate) fn is_over(&self) -> bool {
        is_ready(self.0.as_fd(), PollFlags::RDHUP, Duration::ZERO).unwrap_or(true)
    }

    /// Waits until the other end is gone.
    pub fn wait_for_end(&self) {
        let mut descriptor = [PollFd::new(&self.0, PollFlags::RDHUP)];
        while let Err(Errno::INTR) | Ok(0) = poll(&mut descriptor, None) {}
    }
}

fn new() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

fn address(name: &str) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new_abstract_name(name.as_bytes())?)
}

/// Names of this kind have no owner and no mode: who is there is asked of the system.
fn only_ours(socket: Socket) -> Result<Socket, End> {
    let other = sockopt::socket_peercred(&socket.0)?;
    if other.uid == rustix::process::geteuid() {
        Ok(socket)
    } else {
        Err(End::Stranger)
    }
}

fn is_ready(descriptor: BorrowedFd<'_>, what: PollFlags, limit: Duration) -> Result<bool, End> {
    let limit = Timespec::try_from(limit).map_err(|_| End::Nonsense("too long a wait"))?;
    match poll(&mut [PollFd::from_borrowed_fd(descriptor, what)], Some(&limit)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
