//! Fuzzes which connection a datagram is for.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::demultiplexer(data));
