//! The commands `contexta compare-multi` and `contexta run compare-many`.

use crate::client::{Contexta, Result};
use crate::interpretation::MultiRunComparison;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::CompareManyArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &CompareManyArgs, out: &Output) -> Outcome {
    let answer = compared(&existing(cli)?, args)?;
    out.answer(&answer, || document::compare_many(&answer))?;
    Ok(0)
}

/// Compares the runs in the arguments. If the arguments contain a baseline run, compares the runs with the
/// baseline run.
pub(super) fn compared(contexta: &Contexta, args: &CompareManyArgs) -> Result<MultiRunComparison> {
    match &args.baseline.run {
        Some(baseline) => contexta.compare_with_baseline(&args.runs, baseline),
        None => contexta.compare_multiple_runs(&args.runs),
    }
}
