//! The commands, one file each.

pub(super) mod aggregate;
pub(super) mod alert;
pub(super) mod anomaly;
pub(super) mod artifact;
pub(super) mod backup;
pub(super) mod compare;
pub(super) mod compare_multi;
pub(super) mod config;
pub(super) mod diagnostics;
pub(super) mod digest;
#[cfg(unix)]
pub(super) mod exec;
pub(super) mod export;
pub(super) mod export_csv;
pub(super) mod export_html;
pub(super) mod group;
pub(super) mod history;
pub(super) mod import;
pub(super) mod ingest;
pub(super) mod init;
pub(super) mod lineage;
pub(super) mod log;
pub(super) mod merge;
pub(super) mod provenance;
pub(super) mod rebuild;
pub(super) mod recover;
pub(super) mod report;
pub(super) mod run_change;
pub(super) mod run_diff;
pub(super) mod run_reproduce;
pub(super) mod run_show;
pub(super) mod runs;
pub(super) mod search;
pub(super) mod series;
pub(super) mod trend;
pub(super) mod verify;
