//! The camera worker: frames in, counts out.
//!
//! A camera's picture goes one way: `camera` reads it, `detect` finds the people in it, `occupancy` counts
//! those inside the area, `publish` tells the count. Invariant: no picture, nor any part of one, leaves this
//! process or reaches a disk or a log; what leaves is a number.

#![forbid(unsafe_code)]

pub mod area;
pub mod camera;
pub mod check;
pub mod count;
pub mod cpu;
pub mod detect;
pub mod door;
pub mod geometry;
pub mod line;
pub mod model;
pub mod notice;
pub mod occupancy;
pub mod parking;
pub mod publish;
pub mod score;
pub mod simulate;
pub mod track;
pub mod truth;
pub mod view;
pub mod worker;
