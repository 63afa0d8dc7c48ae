//! `contexta runs`, `contexta run list`

use crate::interpretation::RunSummary;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, RunsArgs};
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::text::{duration, pairs, second, series_name, short, table};
use crate::surfaces::wire;

/// How many parameters and metrics fit a line.
const PAIRS_MAX: usize = 6;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunsArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.list_runs(args.project.as_deref())?;
    out.notes(&answer.notes);
    if out.is_json() {
        out.json(&wire::run_list(&answer))?;
    } else {
        let rows: Vec<Vec<String>> = answer.runs.iter().map(row).collect();
        let headings = ["RUN", "PROJECT", "STATUS", "STARTED", "TOOK", "PARAMETERS", "LAST METRICS"];
        out.text(&table(out, &headings, &rows, "no runs"))?;
    }
    Ok(0)
}

fn row(summary: &RunSummary) -> Vec<String> {
    let run = &summary.run;
    vec![
        run.run_ref.last_component().to_owned(),
        run.project_name.clone(),
        run.status.to_string(),
        second(run.started_at),
        duration(run.started_at, run.ended_at),
        pairs(run.params.iter().map(|(k, v)| (k.clone(), v.to_string())), PAIRS_MAX),
        pairs(summary.metrics.iter().map(|m| (series_name(m), short(m.last.value.as_f64()))), PAIRS_MAX),
    ]
}
