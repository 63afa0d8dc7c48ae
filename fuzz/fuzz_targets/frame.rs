//! A frame's header and rows. What must hold is in `fuzz/bodies/frame.rs`.
#![no_main]

#[path = "../bodies/frame.rs"]
mod frame;

libfuzzer_sys::fuzz_target!(|data: &[u8]| frame::run(data));
