//! The camera worker: frames in, counts out

fn main() {}
