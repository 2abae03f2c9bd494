//! Fuzzes what comes to a connection, before and after its secrets are agreed on.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::datagrams(data));
