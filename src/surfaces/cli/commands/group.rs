//! The command `contexta group`.

use crate::interpretation::GroupQuery;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::curve_args::GroupArgs;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &GroupArgs, out: &Output) -> Outcome {
    let mut query = GroupQuery::by(args.by.iter().cloned());
    query.stage = args.metric.stage.name.clone();
    query.curve_points_max = args.curve.then_some(args.points);
    query.runs = args.metric.runs.newest_query()?;
    let answer = existing(cli)?.group_by(&args.metric.metric_key, &query)?;
    out.answer(&answer, || document::groups(&answer))?;
    Ok(0)
}
