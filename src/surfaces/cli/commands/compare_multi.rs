//! The commands `contexta compare-multi` and `contexta run compare-many`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::CompareManyArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &CompareManyArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.compare_multiple_runs(&args.runs)?;
    out.answer(&answer, || document::compare_many(&answer))?;
    Ok(0)
}
