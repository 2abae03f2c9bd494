//! The office's server: pages, REST and WebSocket signaling

fn main() {}
