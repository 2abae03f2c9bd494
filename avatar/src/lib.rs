//! The avatar of the reception: a layered SVG rig, the pose it takes at a moment, the pixels of that
//! pose, the voice, and the mouth that follows the voice.
//!
//! It knows nothing of GStreamer, WebRTC or HTTP, and reads no clock: every behaviour is a function of
//! the `now` it is given (any monotonic [`std::time::Duration`], for example the time since the player
//! started). The only things it touches outside are the rig's files and the speech programs, whose time
//! limit is the one place where the real time counts.
//!
//! The way of one frame: [`pose::Actor::pose`] (idle behaviour, expression, speech at `now`) gives a
//! [`protocol::pose::Pose`]; [`paint::Painter::paint`] turns it into pixels of a [`rig::Rig`].

#![forbid(unsafe_code)]

mod child;
pub mod chime;
pub mod idle;
pub mod lipsync;
pub mod loudness;
pub mod paint;
pub mod pcm;
pub mod pose;
mod raster;
mod reading;
pub mod rig;
pub mod speech;
mod tween;

pub use child::ChildError;
