//! One test binary: tidy, golden bytes, the whole way through the library, command transcripts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may; clippy.toml lets only the test functions themselves"
)]

mod config;
#[cfg(feature = "cli")]
mod config_cli;
mod config_effects;
mod contract_codes;
mod end_to_end;
#[cfg(all(unix, feature = "cli"))]
mod files;
mod foreign_domain;
mod fuzz_corpus;
mod golden;
mod interchange;
#[cfg(unix)]
mod os_storage;
mod projections;
mod reference_map;
mod second_reader;
mod support;
mod tidy;
#[cfg(feature = "cli")]
mod transcripts;
mod verify;
