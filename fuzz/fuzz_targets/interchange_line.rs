//! A line of interchange. What must hold is in `fuzz/bodies/interchange_line.rs`.
#![no_main]

#[path = "../bodies/interchange_line.rs"]
mod interchange_line;

libfuzzer_sys::fuzz_target!(|data: &[u8]| interchange_line::run(data));
