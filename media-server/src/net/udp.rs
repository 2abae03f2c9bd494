//! One UDP socket: many datagrams a system call, in (recvmmsg, GRO) and out (GSO).
//!
//! Invariant: what can't be sent at once is lost and counted, as on any network: media that waits is late.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::core::{Outbox, Transport};

/// The kernel's buffers, in bytes: about 100 ms of 300 Mbit/s. When full the kernel drops.
const SOCKET_BUFFER: usize = 4 << 20;

/// What one receive buffer holds, in bytes: as many datagrams as the kernel puts into one.
const RECEIVE_BUFFER: usize = 64 << 10;

/// The most bytes in one system call's worth of datagrams (an IP packet's length has 16 bits).
const MAX_SEND: usize = 60_000;

/// A socket and the addresses by which browsers know it.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    addresses: Addresses,
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
    lost: u64,
}

/// The addresses told to browsers, all of the socket's port (or of what a 1:1 NAT maps to it).
#[derive(Debug, Clone)]
pub struct Addresses {
    told: Vec<SocketAddr>,
    /// Addresses that are the machine's own: datagrams can leave from them by name.
    own: Vec<IpAddr>,
}

impl Addresses {
    /// `public` as configured; none: where the socket is bound, or every address of the machine when that
    /// is unspecified.
    ///
    /// # Errors
    /// When the machine's addresses can't be listed, or it has none.
    pub fn new(bound: SocketAddr, public: &[IpAddr]) -> io::Result<Self> {
        let own = if bound.ip().is_unspecified() {
            machine_addresses(bound.is_ipv4())?
        } else {
            vec![bound.ip()]
        };
        let ips = if public.is_empty() {
            own.clone()
        } else {
            public.to_vec()
        };
        if ips.is_empty() {
            return Err(io::Error::other(
                "the machine has no network address: set media.public_addresses",
            ));
        }
        let told = ips.into_iter().map(|ip| SocketAddr::new(ip, bound.port())).collect();
        Ok(Self { told, own })
    }

    /// What browsers are told.
    #[must_use]
    pub fn told(&self) -> &[SocketAddr] {
        &self.told
    }

    /// Under which of the told addresses a datagram came that was for `local`.
    pub(super) fn told_for(&self, local: Option<IpAddr>) -> SocketAddr {
        let exact = self.told.iter().find(|it| Some(it.ip()) == local);
        // Behind a 1:1 NAT: by its public address.
        *exact
            .or(self.told.first())
            .unwrap_or(&SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 0))
    }

    /// From which of the machine's addresses to send what comes from a told one.
    fn local_for(&self, told: IpAddr) -> Option<IpAddr> {
        self.own.contains(&told).then_some(told)
    }
}

/// The machine's addresses of one family, loopback last. Link-local ones need a zone, which SDP can't say.
fn machine_addresses(is_ipv4: bool) -> io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = nix::ifaddrs::getifaddrs()?
        .filter_map(|it| {
            let storage = it.address?;
            let v4 = storage.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
            let v6 = storage.as_sockaddr_in6().map(|it| IpAddr::from(it.ip()));
            if is_ipv4 { v4 } else { v6 }
        })
        .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
        .collect();
    found.sort_by_key(IpAddr::is_loopback);
    found.dedup();
    Ok(found)
}

impl Udp {
    /// Binds the socket. Must be called within tokio.
    ///
    /// # Errors
    /// When the address is taken or isn't the machine's.
    pub fn bind(at: SocketAddr, public: &[IpAddr]) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(at);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        // Best effort: the kernel caps it where it isn't allowed more.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        socket.bind(&at.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let addresses = Addresses::new(socket.local_addr()?, public)?;
        Ok(Self {
            socket,
            state,
            addresses,
            buffers: vec![vec![0; RECEIVE_BUFFER]; BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
            lost: 0,
        })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// As `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What browsers are told.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Datagrams that couldn't be sent since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Waits until there is something to receive.
    ///
    /// # Errors
    /// When the runtime is going down.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Takes what is there, at most one system call's worth: source, destination as told, content.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is there; others as `recvmmsg(2)`.
    pub fn receive(&mut self, mut each: impl FnMut(SocketAddr, SocketAddr, &[u8])) -> io::Result<()> {
        let Self {
            socket,
            state,
            buffers,
            metas,
            addresses,
            ..
        } = self;
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|it| IoSliceMut::new(it)).collect();
        let count = socket.try_io(Interest::READABLE, || state.recv((&*socket).into(), &mut slices, metas))?;
        drop(slices);
        for (meta, buffer) in metas.iter().zip(buffers).take(count) {
            let destination = addresses.told_for(meta.dst_ip);
            let bytes = &buffer[..meta.len.min(buffer.len())];
            // An empty datagram has no stride.
            for datagram in bytes.chunks(meta.stride.max(1)) {
                each(meta.addr, destination, datagram);
            }
        }
        Ok(())
    }

    /// Sends what goes by UDP, in order: what goes one way side by side leaves by one system call.
    pub fn send(&mut self, outbox: &Outbox) {
        let mut next = 0;
        while let Some(first) = outbox.get(next) {
            let (run, contents) = outbox.run(next, self.state.max_gso_segments(), MAX_SEND);
            next += run;
            if first.path.transport != Transport::Udp {
                continue;
            }
            let transmit = Transmit {
                destination: first.path.theirs,
                ecn: None,
                contents,
                segment_size: (run > 1).then_some(first.bytes.len()),
                src_ip: self.addresses.local_for(first.path.ours.ip()),
            };
            // Straight to the kernel: a full buffer is a loss, not something to wait for.
            if let Err(error) = self.state.try_send((&self.socket).into(), &transmit) {
                self.lost += run as u64;
                tracing::debug!(destination = %first.path.theirs, %error, "can't send");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Path;

    #[test]
    fn behind_a_nat_the_public_address_is_told_and_the_private_one_used() {
        let public: IpAddr = "203.0.113.5".parse().expect("address");
        let bound = SocketAddr::from(([127, 0, 0, 1], 7000));
        let addresses = Addresses::new(bound, &[public]).expect("addresses");
        assert_eq!(addresses.told(), [SocketAddr::new(public, 7000)]);
        assert_eq!(addresses.told_for(Some(bound.ip())).ip(), public);
        assert_eq!(addresses.local_for(public), None);
        let plain = Addresses::new(bound, &[]).expect("addresses");
        assert_eq!(plain.told(), [bound]);
        assert_eq!(plain.local_for(bound.ip()), Some(bound.ip()));
        let any = Addresses::new(SocketAddr::from(([0, 0, 0, 0], 9)), &[]).expect("addresses");
        assert!(any.told().iter().all(|it| !it.ip().is_unspecified()) && !any.told().is_empty());
    }

    #[tokio::test]
    async fn many_datagrams_arrive_as_they_were_sent() {
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut from, mut to) = (Udp::bind(at, &[]).expect("bind"), Udp::bind(at, &[]).expect("bind"));
        let destination = to.local_addr().expect("address");
        let expected: Vec<Vec<u8>> = (0..100_u8)
            .map(|n| vec![n; if n % 10 == 9 { 300 } else { 1100 }])
            .collect();
        let mut out = Outbox::default();
        let path = Path {
            transport: Transport::Udp,
            ours: from.addresses().told()[0],
            theirs: destination,
        };
        expected.iter().for_each(|bytes| out.push(path, bytes));
        from.send(&out);
        assert_eq!(from.lost(), 0);
        let mut got = Vec::new();
        while got.len() < expected.len() {
            to.readable().await.expect("readable");
            let received = to.receive(|_, _, bytes| got.push(bytes.to_vec()));
            assert!(received.is_ok() || received.is_err_and(|it| it.kind() == io::ErrorKind::WouldBlock));
        }
        assert_eq!(got, expected);
    }
}
