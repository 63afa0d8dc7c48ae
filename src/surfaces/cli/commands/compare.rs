//! The command `contexta compare`.

use crate::interpretation::report::comparison_report;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::CompareArgs;
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &CompareArgs, out: &Output) -> Outcome {
    let comparison = existing(cli)?.compare_runs(&args.left, &args.right)?;
    out.answer(&comparison, || comparison_report(&comparison))?;
    Ok(0)
}
