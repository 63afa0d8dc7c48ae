//! The command `contexta anomaly`.

use crate::interpretation::{AnomalyQuery, RunListQuery};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::AnomalyArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &AnomalyArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.detect_anomalies_in_run(&args.run.run, &query(args))?;
    out.answer(&answer, || document::anomalies(&answer))?;
    let worst =
        answer.anomalies.iter().filter(|result| result.is_anomaly()).map(|result| result.severity).max();
    Ok(args.fail_on.exit_code(worst))
}

/// Converts the arguments to a query.
pub(in crate::surfaces::cli) fn query(args: &AnomalyArgs) -> AnomalyQuery {
    let in_project = |project: &String| RunListQuery::oldest_first().in_project(project);
    AnomalyQuery {
        metric_keys: args.metric.clone(),
        stage: args.stage.name.clone(),
        baseline: args.project.as_ref().map(in_project),
    }
}
