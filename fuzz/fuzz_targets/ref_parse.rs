//! Refs, times, names of files. What must hold is in `fuzz/bodies/ref_parse.rs`.
#![no_main]

#[path = "../bodies/ref_parse.rs"]
mod ref_parse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ref_parse::run(data));
