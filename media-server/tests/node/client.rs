//! One connection of a peer over a real UDP socket: str0m, as a browser's would be.
//!
//! Invariant: what the connection wants to send is sent before anything else happens to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;

/// Datagrams that are taken in one turn.
const TURN: usize = 64;

/// What the kernel holds for a connection, in bytes.
const SOCKET_BUFFER: usize = 4 << 20;

pub struct Link {
    pub rtc: Rtc,
    pub is_connected: bool,
    /// All that was sent, when kept.
    pub tape: Option<Vec<Vec<u8>>>,
    pub socket: Arc<UdpSocket>,
    local: SocketAddr,
    server: SocketAddr,
    wake: Instant,
}

impl Link {
    /// A connection that reaches its server at this address.
    pub async fn open(server: SocketAddr) -> Self {
        let now = Instant::now();
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        // A machine that stops for a second loses nothing.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER);
        socket.writable().await.unwrap();
        let local = socket.local_addr().unwrap();
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        Self {
            rtc,
            is_connected: false,
            tape: None,
            socket,
            local,
            server,
            wake: now,
        }
    }

    /// A description of the server's, as if it were where this connection reaches it.
    pub fn led_here(&self, sdp: &str) -> String {
        let mut out = String::with_capacity(sdp.len());
        for line in sdp.lines().map(str::trim_end) {
            let mut words: Vec<&str> = line.split(' ').collect();
            let (ip, port) = (self.server.ip().to_string(), self.server.port().to_string());
            if line.starts_with("a=candidate:") {
                if words[2] != "udp" {
                    continue;
                }
                (words[4], words[5]) = (&ip, &port);
            }
            out.push_str(&words.join(" "));
            out.push_str("\r\n");
        }
        out
    }

    /// Lets time go by, and sends what wants out.
    pub fn drain(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.wake = at;
                    return events;
                }
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(event) => events.push(event),
                Output::Transmit(transmit) => {
                    // What the kernel doesn't take is lost, as on any network.
                    let _ = self.socket.try_send_to(&transmit.contents, transmit.destination);
                    if let Some(tape) = &mut self.tape {
                        tape.push(transmit.contents.into());
                    }
                }
            }
        }
    }

    /// Waits for what comes, or until the connection has something to do.
    pub async fn turn(&mut self) -> Vec<Event> {
        let mut buffer = [0; 2048];
        let mut events = Vec::new();
        tokio::select! {
            readable = self.socket.readable() => readable.unwrap(),
            () = tokio::time::sleep_until(self.wake.into()) => return self.drain(Instant::now()),
        }
        for _ in 0..TURN {
            let Ok((len, from)) = self.socket.try_recv_from(&mut buffer) else {
                break;
            };
            let Ok(contents) = buffer[..len].try_into() else {
                continue;
            };
            let now = Instant::now();
            let receive = Receive {
                proto: Protocol::Udp,
                source: from,
                destination: self.local,
                contents,
            };
            self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
            events.extend(self.drain(now));
        }
        events
    }
}
