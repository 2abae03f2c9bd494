//! The wire between the server and who watches: it carries all bytes of RTSP and of the pictures in it (interleaved,
//! RFC 2326 §10.12), and breaks as wires do.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How a camera is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Well,
    /// It takes no connection, and has none.
    Away,
    /// It takes connections and keeps those it has, but not a byte comes from it; what is there then comes later.
    Mute,
    /// What comes from it is noise.
    Garbage,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    is_over: bool,
    /// Both ends of each connection.
    open: Vec<[TcpStream; 2]>,
    connections: u64,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// A running wire; it is cut when it is dropped.
#[derive(Debug)]
pub struct Wire {
    shared: Shared,
    address: SocketAddr,
    accepting: Option<thread::JoinHandle<()>>,
}

impl Wire {
    /// From a free port to the server.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = State {
            mood: Mood::Well,
            is_over: false,
            open: Vec::new(),
            connections: 0,
        };
        let shared: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let accepted = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut state = lock(&accepted);
                if state.is_over {
                    return;
                }
                state.connections += 1;
                if state.mood != Mood::Away {
                    // A server that isn't there is a connection that ends.
                    let _ = connect(&accepted, &mut state, client, server);
                }
            }
        });
        Ok(Self {
            shared,
            address,
            accepting: Some(accepting),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connections(&self) -> u64 {
        lock(&self.shared).connections
    }

    pub fn be(&self, mood: Mood) {
        let mut state = lock(&self.shared);
        state.mood = mood;
        if mood == Mood::Away {
            cut(&mut state);
        }
        self.shared.1.notify_all();
    }

    pub fn drop_connections(&self) {
        cut(&mut lock(&self.shared));
        self.shared.1.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.shared);
            state.is_over = true;
            cut(&mut state);
        }
        self.shared.1.notify_all();
        // Wakes who accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cut(state: &mut State) {
    for end in state.open.drain(..).flatten() {
        let _ = end.shutdown(Shutdown::Both);
    }
}

fn connect(shared: &Shared, state: &mut State, client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let upstream = TcpStream::connect(server)?;
    state.open.push([client.try_clone()?, upstream.try_clone()?]);
    let (mut from_client, mut to_server) = (client.try_clone()?, upstream.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let _ = carry(&shared, upstream, &client);
        let _ = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// Carries what the server says to the client, as the wire's mood lets it.
fn carry(shared: &Shared, mut from: TcpStream, mut to: &TcpStream) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    let mut noise = 1_u32;
    // Where the server waits for a request that it can't read, there is still noise to send.
    from.set_read_timeout(Some(Duration::from_millis(50)))?;
    loop {
        let got = match from.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(got) => got,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        let state = lock(shared);
        let is_mute = |state: &mut State| state.mood == Mood::Mute && !state.is_over;
        let state = (shared.1.wait_while(state, is_mute)).unwrap_or_else(PoisonError::into_inner);
        let mood = state.mood;
        drop(state);
        match mood {
            Mood::Well | Mood::Mute => to.write_all(&bytes[..got])?,
            Mood::Away => return Ok(()),
            Mood::Garbage => {
                bytes.fill_with(|| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                });
                let share = got.max(1000);
                to.write_all(&bytes[..share])?;
            }
        }
    }
}
