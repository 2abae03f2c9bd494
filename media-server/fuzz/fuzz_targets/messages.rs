//! Fuzzes the heads of data messages, and the packets that they come in.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::messages(data));
