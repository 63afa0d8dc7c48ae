//! The main test binary: tidy, golden files, end-to-end tests of the library, transcripts of commands.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may panic; clippy.toml permits it in test functions only"
)]

mod artifacts;
mod attempts;
mod backup;
mod capture;
mod capture_facade;
mod cases;
mod config;
#[cfg(feature = "cli")]
mod config_cli;
mod config_effects;
mod contract_codes;
mod contract_settings;
mod diagnostics;
mod end_to_end;
#[cfg(all(unix, feature = "cli"))]
mod exec;
mod failures;
#[cfg(all(unix, feature = "cli"))]
mod files;
#[cfg(feature = "cli")]
mod filter;
mod foreign_domain;
mod fuzz_corpus;
mod golden;
#[cfg(feature = "cli")]
mod golden_answers;
#[cfg(feature = "cli")]
mod history;
mod ingest;
mod interchange;
mod interpretation_settings;
#[cfg(feature = "cli")]
mod lineage;
mod organise;
#[cfg(unix)]
mod os_storage;
mod projections;
#[cfg(all(unix, feature = "cli"))]
mod python_client;
mod reference_map;
mod repair;
mod reports;
#[cfg(all(unix, feature = "cli"))]
mod reproduce;
#[cfg(feature = "cli")]
mod run_groups;
mod second_reader;
mod secrets;
mod series;
mod sinks;
mod stores;
mod subscribe;
mod support;
mod tidy;
#[cfg(feature = "tracing")]
mod tracing_layer;
#[cfg(feature = "cli")]
mod transcripts;
mod unusual;
mod values;
mod verify;
