//! Fuzzes payload descriptors, dependency descriptors, and the choice of layers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::payloads(data));
