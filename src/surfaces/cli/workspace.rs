//! The workspace that a command works on.

use crate::client::{Contexta, Options, Result};
use crate::surfaces::cli::args::Cli;

/// Opens the workspace for a command that reads. The workspace must exist, and only its projections may change. With
/// the option `--as-of`, the workspace answers as of this moment.
pub(super) fn existing(cli: &Cli) -> Result<Contexta> {
    let contexta = Options::from_config(&cli.loaded.config)?.must_exist().open()?;
    Ok(match cli.as_of {
        Some(moment) => contexta.as_of(moment),
        None => contexta,
    })
}
