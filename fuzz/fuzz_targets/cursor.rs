//! A cursor's row. What must hold is in `fuzz/bodies/cursor.rs`.
#![no_main]

#[path = "../bodies/cursor.rs"]
mod cursor;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cursor::run(data));
