//! The end that takes pictures.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use crate::socket::Socket;
use crate::wire::{LONGEST_TEXT, Said};
use crate::writer::NUMBER;
use crate::{End, Ready};

/// Of what is waiting at once, so much is heard at most: a writer that talks on and on is left for the next time.
const AT_ONCE: usize = 1024;

/// The end that takes pictures: always the newest.
#[derive(Debug)]
pub struct Reader {
    socket: Socket,
    memory: Option<Memory>,
}

#[derive(Debug)]
struct Memory {
    file: File,
    slots: u64,
    stride: u64,
}

impl Reader {
    /// Of what the other end will give.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self { socket, memory: None }
    }

    /// Tells the other end what it shall give.
    ///
    /// # Errors
    /// When it is gone, or the order is too long.
    pub fn order(&self, order: &str) -> Result<(), End> {
        if order.len() > LONGEST_TEXT {
            return Err(End::System(io::Error::other("the order is too long")));
        }
        if self.socket.tell(&Said::Text(order.to_owned()), None)? {
            Ok(())
        } else {
            Err(End::System(io::ErrorKind::WouldBlock.into()))
        }
    }

    /// The newest picture that came since the last time; waits so long at most until there is one.
    ///
    /// # Errors
    /// When none will come any more: the other end is gone, says why, or says what makes no sense.
    pub fn next(&mut self, limit: Duration) -> Result<Option<Ready>, End> {
        let until = Instant::now() + limit;
        let mut newest = None;
        for _ in 0..AT_ONCE {
            let left = until.saturating_duration_since(Instant::now());
            let wait = if newest.is_some() { Duration::ZERO } else { left };
            match self.socket.hear(wait) {
                Ok(Some((Said::Picture { number, picture }, _))) => {
                    let room = self.memory.as_ref().map_or(0, |memory| memory.stride - NUMBER);
                    if picture.size() as u64 > room {
                        return Err(End::Nonsense("a picture without room for it"));
                    }
                    newest = Some(Ready { picture, number });
                }
                Ok(Some((Said::Memory { slots, stride }, Some(file)))) if self.memory.is_none() => {
                    let file = File::from(file);
                    self.memory = Some(Memory { file, slots, stride });
                }
                Ok(Some((Said::Memory { .. }, _))) => return Err(End::Nonsense("a memory that isn't there")),
                Ok(Some((Said::Text(why), _))) => return Err(End::Said(why)),
                Ok(None) if newest.is_some() || left.is_zero() => return Ok(newest),
                // A signal has ended the wait.
                Ok(None) => {}
                // What came before the end is still good.
                Err(End::Gone) if newest.is_some() => return Ok(newest),
                Err(end) => return Err(end),
            }
        }
        Ok(newest)
    }

    /// Copies a picture's pixels, its rows without gaps. `false`: it was overwritten meanwhile, and `into` holds nothing of use.
    ///
    /// # Errors
    /// When the memory is smaller than what was said of it, or `into` than the picture.
    pub fn copy(&self, ready: &Ready, into: &mut [u8]) -> Result<bool, End> {
        let memory = self.memory.as_ref().ok_or(End::Nonsense("no memory"))?;
        let size = ready.picture.size();
        let room = into.len();
        let into = into.get_mut(..size).ok_or(End::TooLarge(size, room))?;
        let at = (ready.number % memory.slots) * memory.stride;
        let short = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => End::Nonsense("a memory that is too small"),
            _ => End::System(error),
        };
        memory.file.read_exact_at(into, at + NUMBER).map_err(short)?;
        // The pixels were read before the number is: if it is still the same, nobody has written meanwhile.
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        let mut number = [0; 8];
        memory.file.read_exact_at(&mut number, at).map_err(short)?;
        Ok(u64::from_le_bytes(number) == ready.number)
    }
}
