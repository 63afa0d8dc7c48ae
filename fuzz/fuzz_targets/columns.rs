//! The columns of a frame. The asserted properties are in `fuzz/bodies/columns.rs`.
#![no_main]

#[path = "../bodies/columns.rs"]
mod columns;

libfuzzer_sys::fuzz_target!(|data: &[u8]| columns::run(data));
