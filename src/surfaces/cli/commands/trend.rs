//! The command `contexta trend`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::TrendArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &TrendArgs, out: &Output) -> Outcome {
    let metric = &args.metric;
    let mut query = metric.runs.newest_query()?;
    query.baseline = args.baseline.run.clone();
    let answer = existing(cli)?.metric_trend(&metric.metric_key, metric.stage.name.as_deref(), query)?;
    out.answer(&answer, || document::trend(&answer))?;
    Ok(0)
}
