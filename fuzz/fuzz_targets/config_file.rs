//! Configuration files. What must hold is in `fuzz/bodies/config_file.rs`.
#![no_main]

#[path = "../bodies/config_file.rs"]
mod config_file;

libfuzzer_sys::fuzz_target!(|data: &[u8]| config_file::run(data));
