//! End-to-end tests, benches and the load generator

fn main() {}
