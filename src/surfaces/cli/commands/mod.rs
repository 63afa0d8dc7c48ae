//! The commands, one file each.

pub(super) mod compare;
pub(super) mod config;
pub(super) mod digest;
#[cfg(unix)]
pub(super) mod exec;
pub(super) mod export;
pub(super) mod import;
pub(super) mod ingest;
pub(super) mod init;
pub(super) mod lineage;
pub(super) mod log;
pub(super) mod merge;
pub(super) mod rebuild;
pub(super) mod report;
pub(super) mod run_change;
pub(super) mod run_show;
pub(super) mod runs;
pub(super) mod verify;
