//! For who sets cameras up: a still in which nobody can be known (`still`), where people are found now (`window`), what a
//! set-up would count in a film (`trial`), over a local socket to the office's server (`server`); and what staff have drawn,
//! taken over while cameras are read on (`follow`).

pub mod follow;
pub mod server;
pub mod still;
pub mod trial;
pub mod window;
