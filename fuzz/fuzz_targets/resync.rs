//! A whole segment file, through the reader. What must hold is in `fuzz/bodies/resync.rs`.
#![no_main]

#[path = "../bodies/frame.rs"]
#[expect(dead_code, reason = "the salt, the stream and the mending of checksums are shared")]
mod frame;
#[path = "../bodies/resync.rs"]
mod resync;

libfuzzer_sys::fuzz_target!(|data: &[u8]| resync::run(data));
