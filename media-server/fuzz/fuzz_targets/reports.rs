//! Fuzzes RTCP from subscribers, and what the estimator makes of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_server_fuzz::reports(data));
