//! Damage and recovery of a log. The asserted properties are in `fuzz/bodies/recover.rs`.
#![no_main]

#[path = "../bodies/recover.rs"]
mod recover;

libfuzzer_sys::fuzz_target!(|data: &[u8]| recover::run(data));
