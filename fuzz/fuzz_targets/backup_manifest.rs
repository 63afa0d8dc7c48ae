//! The fuzz target for manifests of backups. The asserted properties are in `fuzz/bodies/backup_manifest.rs`.
#![no_main]

#[path = "../bodies/backup_manifest.rs"]
mod backup_manifest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| backup_manifest::run(data));
