//! Fuzzes offers of callers, and fragments with their new credentials.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::callers(data));
