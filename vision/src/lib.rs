//! The camera worker: frames in, counts out.
//!
//! A camera's picture goes one way: `camera` reads it, `detect` finds the people in it, `occupancy` counts
//! those inside the area, `publish` tells the count. Invariant: no picture, nor any part of one, leaves this
//! process or reaches a disk or a log; what leaves is a number. The one exception is asked for by hand: `setup` gives the
//! office's server on the same machine a still of so few pixels that nobody can be known in it.

#![forbid(unsafe_code)]

pub mod area;
pub mod camera;
pub mod cameras;
pub mod check;
pub mod count;
pub mod counter;
pub mod cpu;
pub mod detect;
pub mod door;
pub mod duties;
pub mod geometry;
pub mod line;
pub mod model;
pub mod notice;
pub mod occupancy;
pub mod office;
pub mod parking;
pub mod publish;
pub mod score;
pub mod setup;
pub mod simulate;
pub mod track;
pub mod truth;
pub mod view;
pub mod worker;
