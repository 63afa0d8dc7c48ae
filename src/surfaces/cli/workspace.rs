//! The workspace that a command works on.

use crate::client::{Contexta, Options, Result};
use crate::surfaces::cli::args::Cli;

/// Opens the workspace for a command that reads. The workspace must exist, and only its projections may change.
pub(super) fn existing(cli: &Cli) -> Result<Contexta> {
    Options::from_config(&cli.loaded.config)?.must_exist().open()
}
