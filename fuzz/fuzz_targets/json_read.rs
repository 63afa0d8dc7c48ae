//! JSON text. What must hold is in `fuzz/bodies/json_read.rs`.
#![no_main]

#[path = "../bodies/json_read.rs"]
mod json_read;

libfuzzer_sys::fuzz_target!(|data: &[u8]| json_read::run(data));
