//! Payloads of every kind, through the log and every question. What must hold is in `fuzz/bodies/payload.rs`.
#![no_main]

#[path = "../bodies/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|data: &[u8]| payload::run(data));
