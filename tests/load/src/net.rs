//! Thousands of peers on a few sockets: each peer has its own loopback address, so that a server tells them
//! apart as it would on the internet, and one system call receives for many of them.
//!
//! Invariant: an address belongs to one peer, for the process's whole life; what comes for no peer's address
//! is passed over.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBufForce, SndBufForce, UdpGroSegment};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

/// How many sockets the peers share.
const SOCKETS: usize = 4;

/// A socket's buffers, in bytes. When full the kernel drops, and `/proc/net/udp` tells.
const SOCKET_BUFFER: usize = 32 << 20;

/// What one receive buffer holds, in bytes: as many datagrams as the kernel puts into one.
const RECEIVE_BUFFER: usize = 64 << 10;

/// The most bytes that go out at once (an IP packet's length has 16 bits).
pub const MAX_SEND: usize = 60_000;

/// The sockets.
#[derive(Debug)]
pub struct Net {
    sockets: Vec<(UdpSocket, UdpSocketState)>,
    ports: Vec<u16>,
    first: u32,
}

/// Where servers and peers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The servers' address.
    pub server: Ipv4Addr,
    /// The first peer's; the others follow. All must be the machine's own.
    pub first_peer: Ipv4Addr,
}

impl Place {
    /// The peers follow 256 above the server's address; on the loopback they begin at 127.16.0.1.
    #[must_use]
    pub fn around(server: Ipv4Addr) -> Self {
        let first_peer = if server.is_loopback() {
            Ipv4Addr::new(127, 16, 0, 1)
        } else {
            Ipv4Addr::from(u32::from(server) + 256)
        };
        Self { server, first_peer }
    }
}

/// Where datagrams are received. Apart from [`Net`], so that one can be answered while it lies here.
#[derive(Debug)]
pub struct Buffers {
    bytes: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            bytes: vec![vec![0; RECEIVE_BUFFER]; BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        }
    }
}

impl Net {
    /// Opens the sockets. `takes_trains`: datagrams that a server sends in one call with GSO arrive in one
    /// piece; otherwise the kernel takes them apart, on the server's time. Peers on the loopback hear that
    /// device only.
    ///
    /// # Errors
    /// When the kernel has none, or can't tie them to the loopback device (Linux 5.7 can).
    pub fn open(place: Place, takes_trains: bool) -> anyhow::Result<Self> {
        let mut net = Self {
            sockets: Vec::new(),
            ports: Vec::new(),
            first: place.first_peer.into(),
        };
        for _ in 0..SOCKETS {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
            if place.first_peer.is_loopback() {
                socket
                    .bind_device(Some(b"lo"))
                    .context("a socket can't be tied to the loopback device")?;
            }
            socket.set_nonblocking(true)?;
            grow(&socket);
            socket.bind(&SocketAddr::from(([0, 0, 0, 0], 0)).into())?;
            let state = UdpSocketState::new((&socket).into())?;
            setsockopt(&socket, UdpGroSegment, &takes_trains)?;
            let socket = UdpSocket::from(socket);
            net.ports.push(socket.local_addr()?.port());
            net.sockets.push((socket, state));
        }
        Ok(net)
    }

    /// How many sockets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// The address of a peer's number.
    #[must_use]
    pub fn address(&self, number: usize) -> SocketAddr {
        // A bench has thousands of peers, an IPv4 network of this kind has many more.
        let ip = Ipv4Addr::from(self.first + number as u32);
        SocketAddr::from((ip, self.ports[number % SOCKETS]))
    }

    /// Datagrams that the kernel dropped because these sockets' buffers were full.
    pub fn drops(&self) -> u64 {
        self.ports.iter().map(|port| drops_of(*port)).sum()
    }

    /// How many datagrams may go out at once.
    #[must_use]
    pub fn max_segments(&self) -> usize {
        self.sockets.iter().map(|it| it.1.max_gso_segments()).min().unwrap_or(1)
    }

    /// Sends datagrams that lie one after the other, each of `segment` bytes (the last may have fewer).
    ///
    /// # Errors
    /// As `sendmsg(2)`.
    pub fn send(&self, number: usize, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let (socket, state) = &self.sockets[number % SOCKETS];
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: (segment < contents.len()).then_some(segment),
            src_ip: Some(self.address(number).ip()),
        };
        state.try_send(socket.into(), &transmit)
    }

    /// Takes one system call's worth from a socket. Gives how many buffers were filled: none when there is
    /// nothing.
    ///
    /// # Errors
    /// As `recvmmsg(2)`.
    pub fn receive(&self, socket: usize, buffers: &mut Buffers) -> io::Result<usize> {
        let (socket, state) = &self.sockets[socket];
        let mut slices: Vec<IoSliceMut<'_>> = buffers.bytes.iter_mut().map(|it| IoSliceMut::new(it)).collect();
        match state.recv(socket.into(), &mut slices, &mut buffers.metas) {
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            // An earlier datagram found nobody: the server has gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl Buffers {
    /// Each datagram of the first `count` buffers: for which peer's number, from where, content.
    pub fn each(&mut self, net: &Net, count: usize, mut each: impl FnMut(usize, SocketAddr, &mut [u8])) {
        for (meta, buffer) in self.metas.iter().zip(&mut self.bytes).take(count) {
            let Some(IpAddr::V4(ip)) = meta.dst_ip else { continue };
            let Some(number) = u32::from(ip).checked_sub(net.first) else {
                continue;
            };
            let len = meta.len.min(buffer.len());
            for datagram in buffer[..len].chunks_mut(meta.stride.max(1)) {
                each(number as usize, meta.addr, datagram);
            }
        }
    }
}

/// As large as the kernel allows: root may exceed its usual bound.
fn grow(socket: &socket2::Socket) {
    // Best effort: a smaller buffer shows as drops.
    if setsockopt(socket, RcvBufForce, &SOCKET_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    }
    if setsockopt(socket, SndBufForce, &SOCKET_BUFFER).is_err() {
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    }
}

/// What the kernel dropped of what came for a local UDP port.
#[must_use]
pub fn drops_of(port: u16) -> u64 {
    drops_of_range(&(port..=port))
}

/// What the kernel dropped of what came for any of these local UDP ports.
#[must_use]
pub fn drops_of_range(ports: &RangeInclusive<u16>) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace();
        let (_, port) = words.nth(1)?.rsplit_once(':')?;
        let is_one = ports.contains(&u16::from_str_radix(port, 16).ok()?);
        is_one.then(|| words.last()?.parse::<u64>().ok())?
    });
    lines.sum()
}

/// Sleeps without waiting on a socket: a server that had to wake the bench for each packet would be charged
/// for it.
pub fn nap(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_told_apart_by_their_addresses() {
        for takes_trains in [true, false] {
            exchange(&Net::open(Place::around(Ipv4Addr::LOCALHOST), takes_trains).expect("sockets"));
        }
    }

    fn exchange(net: &Net) {
        let mut buffers = Buffers::default();
        let to = net.address(6);
        assert_ne!(net.address(5).ip(), to.ip());
        // Three datagrams at once, the last smaller.
        let contents: Vec<u8> = (0..250).map(|n| (n / 100) as u8).collect();
        net.send(5, to, &contents, 100).expect("sends");
        let mut got = Vec::new();
        for _ in 0..1000 {
            let count = net.receive(6 % SOCKETS, &mut buffers).expect("receives");
            buffers.each(net, count, |number, from, bytes| {
                got.push((number, from, bytes.to_vec()))
            });
            if got.len() >= 3 {
                break;
            }
            nap(Duration::from_millis(1));
        }
        let from = net.address(5);
        let expected = [vec![0; 100], vec![1; 100], vec![2; 50]].map(|it| (6, from, it));
        assert_eq!(got, expected);
        assert_eq!(net.drops(), 0);
    }
}
