//! The commands `contexta compare-multi` and `contexta run compare-many`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::CompareManyArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &CompareManyArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let answer = match &args.baseline.run {
        Some(baseline) => contexta.compare_with_baseline(&args.runs, baseline)?,
        None => contexta.compare_multiple_runs(&args.runs)?,
    };
    out.answer(&answer, || document::compare_many(&answer))?;
    Ok(0)
}
