//! One command, one file.

pub(super) mod compare;
pub(super) mod config;
pub(super) mod digest;
pub(super) mod export;
pub(super) mod import;
pub(super) mod init;
pub(super) mod lineage;
pub(super) mod log;
pub(super) mod merge;
pub(super) mod rebuild;
pub(super) mod report;
pub(super) mod run_show;
pub(super) mod runs;
pub(super) mod verify;

use crate::client::{Contexta, Options, Result};
use crate::surfaces::cli::args::Cli;

/// The workspace of a command that reads: it must be there, and only its projections may change.
fn existing(cli: &Cli) -> Result<Contexta> {
    Options::from_config(&cli.loaded.config)?.must_exist().open()
}
