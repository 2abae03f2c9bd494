//! The WebRTC SFU: a sans-I/O core of rooms and a thin network shell

fn main() {}
