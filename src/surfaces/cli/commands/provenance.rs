//! The commands `contexta provenance audit` and `contexta provenance diff`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::{CompareArgs, RunArgs};
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn audit(cli: &Cli, args: &RunArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.audit_reproducibility(&args.run)?;
    out.answer(&answer, || document::audit(&answer))?;
    Ok(0)
}

pub(in crate::surfaces::cli) fn diff(cli: &Cli, args: &CompareArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.compare_environments(&args.left, &args.right)?;
    out.answer(&answer, || document::environment_diff(&answer))?;
    Ok(0)
}
