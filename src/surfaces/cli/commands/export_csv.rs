//! The commands `contexta export csv runs`, `compare`, `trend` and `anomaly`.

use crate::contract::Value;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::commands::anomaly::query;
use crate::surfaces::cli::commands::runs::listed;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::CsvCommand;
use crate::surfaces::cli::settings::csv_delimiter;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::csv;
use std::path::Path;

pub(in crate::surfaces::cli) fn run(cli: &Cli, command: &CsvCommand, out: &Output) -> Outcome {
    let delimiter = csv_delimiter(cli);
    let contexta = existing(cli)?;
    match command {
        CsvCommand::Runs { runs, output } => {
            let answer = listed(&contexta, runs)?;
            out.notes(&answer.notes);
            write(out, "runs", &csv::runs(&answer, delimiter), output.path.as_deref())
        }
        CsvCommand::Compare { runs, output } => {
            let answer = contexta.compare_runs(&runs.left, &runs.right)?;
            out.notes(&answer.notes);
            write(out, "compare", &csv::comparison(&answer, delimiter), output.path.as_deref())
        }
        CsvCommand::Trend { metric, output } => {
            let stage = metric.stage.name.as_deref();
            let answer = contexta.metric_trend(&metric.metric_key, stage, metric.runs.newest_query()?)?;
            out.notes(&answer.notes);
            let text = csv::trend(&answer, metric.runs.project.as_deref(), delimiter);
            write(out, "trend", &text, output.path.as_deref())
        }
        CsvCommand::Anomaly { anomaly, output } => {
            let answer = contexta.detect_anomalies_in_run(&anomaly.run.run, &query(anomaly))?;
            out.notes(&answer.notes);
            write(out, "anomaly", &csv::anomalies(&answer, delimiter), output.path.as_deref())
        }
    }
}

/// Writes the table to a file or to standard output. With `--format json`, standard output gets an object that contains
/// the table.
fn write(out: &Output, kind: &str, text: &str, path: Option<&Path>) -> Outcome {
    match path {
        Some(path) => out.file(path, text)?,
        None if out.is_json() => out.json(&Value::map([
            ("kind", kind.into()),
            ("render", "csv".into()),
            ("text", Value::text(text)),
        ]))?,
        None => out.text(text)?,
    }
    Ok(0)
}
