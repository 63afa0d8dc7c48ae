//! The workspace that a command works on.

use crate::client::{Contexta, Options, Result};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::output::Output;

/// Opens the workspace for a command that reads. The workspace must exist, and only its projections may
/// change. If the option `--as-of` is given, returns the workspace as of this moment.
pub(super) fn existing(cli: &Cli) -> Result<Contexta> {
    let contexta = Options::from_config(&cli.loaded.config)?.must_exist().open()?;
    Ok(match cli.as_of {
        Some(moment) => contexta.as_of(moment),
        None => contexta,
    })
}

/// Opens the workspace for a command that checks it. Nothing in the workspace is changed; new tables are created in the
/// directory for temporary files.
pub(super) fn unchanged(cli: &Cli, out: &Output) -> Result<Contexta> {
    let options = Options::from_config(&cli.loaded.config)?;
    options.read_only().temporary_dir(out.temporary_dir()).open()
}
