//! The end that gives pictures.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::socket::Socket;
use crate::wire::Said;
use crate::{End, Picture};

/// Pictures that the memory holds. One is written, one is the newest, and who reads an older one has the time of two more.
pub(crate) const SLOTS: u64 = 4;

/// Before each picture stands its number; 0 while it is written.
pub(crate) const NUMBER: u64 = 8;

/// The end that gives pictures.
#[derive(Debug)]
pub struct Writer {
    socket: Socket,
    memory: File,
    room: usize,
    stride: u64,
    /// Of the last picture; the first is 1.
    number: u64,
    /// Rows without their gaps. Its size is kept.
    packed: Vec<u8>,
}

impl Writer {
    /// Makes a memory for pictures of at most `room` bytes each, and hands it to the other end.
    ///
    /// # Errors
    /// When the system has no memory left, or the other end is gone.
    pub fn new(socket: Socket, room: usize) -> Result<Self, End> {
        // Pictures begin on pages.
        let stride = (room as u64 + NUMBER).next_multiple_of(4096);
        let memory = File::from(memfd_create("madoguchi-frames", MemfdFlags::CLOEXEC)?);
        memory.set_len(stride * SLOTS)?;
        // Opened anew: the other end can read it, and do nothing else.
        let for_reading = File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))?;
        let said = Said::Memory { slots: SLOTS, stride };
        if !socket.tell(&said, Some(for_reading.as_fd()))? {
            return Err(End::System(io::ErrorKind::WouldBlock.into()));
        }
        Ok(Self {
            socket,
            memory,
            room,
            stride,
            number: 0,
            packed: Vec::new(),
        })
    }

    /// Gives a picture, whose rows lie `stride` bytes apart in `bytes`. Waits for nobody: where the other end doesn't read, it
    /// never hears of this one.
    ///
    /// # Errors
    /// When the picture is larger than the memory's room, or the other end is gone.
    pub fn put(&mut self, picture: &Picture, bytes: &[u8], stride: usize) -> Result<(), End> {
        let (row, size) = (picture.row(), picture.size());
        let last_row = stride.saturating_mul(picture.height.saturating_sub(1) as usize);
        if size > self.room || stride < row || bytes.len() < last_row + row {
            return Err(End::TooLarge(size, self.room.min(bytes.len())));
        }
        let pixels = if stride == row {
            &bytes[..size]
        } else {
            self.packed.clear();
            for line in bytes.chunks(stride).take(picture.height as usize) {
                self.packed.extend_from_slice(&line[..row]);
            }
            &self.packed
        };
        self.number += 1;
        let at = (self.number % SLOTS) * self.stride;
        self.memory.write_all_at(&0_u64.to_le_bytes(), at)?;
        self.memory.write_all_at(pixels, at + NUMBER)?;
        self.memory.write_all_at(&self.number.to_le_bytes(), at)?;
        let said = Said::Picture {
            number: self.number,
            picture: *picture,
        };
        self.socket.tell(&said, None).map(drop)
    }

    /// Whether the other end is there still.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.socket.is_over()
    }

    /// Says why there are no more pictures. After that the other end's [`crate::Reader`] gives that as its end.
    ///
    /// # Errors
    /// When the other end is gone.
    pub fn give_up(&self, why: &str) -> Result<(), End> {
        give_up(&self.socket, why)
    }
}

/// Says why there won't be any pictures, before there is a [`Writer`].
///
/// # Errors
/// When the other end is gone.
pub fn give_up(socket: &Socket, why: &str) -> Result<(), End> {
    socket.tell(&Said::Text(why.to_owned()), None).map(drop)
}

/// What the other end orders ([`crate::Reader::order`]), before there is a [`Writer`].
///
/// # Errors
/// When it is gone, or orders nothing within that time.
pub fn order(socket: &Socket, limit: Duration) -> Result<String, End> {
    match socket.hear(limit)? {
        Some((Said::Text(order), _)) => Ok(order),
        Some(_) => Err(End::Nonsense("no order")),
        None => Err(End::Nonsense("nothing")),
    }
}
