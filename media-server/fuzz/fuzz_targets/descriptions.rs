//! Fuzzes SDP, as an offer and as an answer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::descriptions(data));
