//! The main test binary: tidy, golden files, end-to-end tests of the library, transcripts of commands.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may panic; clippy.toml permits it in test functions only"
)]

mod archive;
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
#[cfg(feature = "cli")]
mod doctor;
mod end_to_end;
mod erase;
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
#[cfg(feature = "cli")]
mod outbox;
mod part_restore;
mod projections;
#[cfg(all(unix, feature = "cli"))]
mod python_client;
#[cfg(feature = "cli")]
mod recovery_document;
mod reference_map;
mod repair;
mod reports;
#[cfg(all(unix, feature = "cli"))]
mod reproduce;
#[cfg(feature = "cli")]
mod run_groups;
mod salvage;
mod second_reader;
mod secrets;
mod series;
mod sinks;
mod stores;
mod subscribe;
mod support;
#[cfg(feature = "cli")]
mod tail;
mod tidy;
#[cfg(feature = "tracing")]
mod tracing_layer;
#[cfg(feature = "cli")]
mod transcripts;
mod unusual;
mod values;
mod verify;
