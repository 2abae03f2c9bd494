//! The screen: it shows a layout of pages, zones and widgets, with or without the network.
//!
//! Three processes: the [`supervisor`] keeps the picture's and the [`agent`]'s, which meet by the [`bridge`] and by what
//! lies in the [`cache`]; and a fourth where the screen has a [`camera`]. Each can die alone; the picture needs none of the
//! others to go on. Each [`live`] picture has a process of its own beside them, for as long as it is shown.
//!
//! The way of one frame, thirty times a second, on one thread: [`stage`] wakes by the clock, takes what
//! others sent ([`event`]), lets the [`scene`] draw what changed into the canvas, and hands the frame to
//! the output pipeline, which never stops. Everything slow (decoding: [`item`]; speech: [`scene::widgets`]' avatar)
//! happens on other threads, the network in another process, and is only looked at, never waited for. What people touch
//! comes from the output's window or from the panels ([`touch`]).
//!
//! Invariant: a frame leaves the stage at every tick, and none is empty.

#![forbid(unsafe_code)]

pub mod agent;
pub mod bridge;
pub mod cache;
pub mod camera;
pub mod content;
pub mod control;
pub mod event;
pub mod faults;
pub mod item;
pub mod live;
pub mod place;
pub mod player;
pub mod quarantine;
mod rtsp;
pub mod scene;
pub mod schedule;
pub mod sound;
pub mod stage;
pub mod stick;
pub mod supervisor;
pub mod sync;
pub mod touch;
pub mod watchdog;
