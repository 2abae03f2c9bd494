//! The operator's command: starts the office and keeps it running

fn main() {}
