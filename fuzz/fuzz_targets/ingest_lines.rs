//! Lines of an ingest. What must hold is in `fuzz/bodies/ingest_lines.rs`.
#![no_main]

#[path = "../bodies/ingest_lines.rs"]
mod ingest_lines;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ingest_lines::run(data));
