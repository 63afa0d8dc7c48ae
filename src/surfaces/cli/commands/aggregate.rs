//! The command `contexta aggregate`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::MetricArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &MetricArgs, out: &Output) -> Outcome {
    let query = args.runs.newest_query()?;
    let answer = existing(cli)?.aggregate_metric(&args.metric_key, args.stage.name.as_deref(), query)?;
    out.answer(&answer, || document::aggregate(&answer))?;
    Ok(0)
}
