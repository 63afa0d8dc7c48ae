//! The commands `contexta report snapshot` and `contexta report compare`.

use crate::contract::Value;
use crate::interpretation::ReportDocument;
use crate::surfaces::answer::Answer as _;
use crate::surfaces::cli::args::{Cli, ReportCompareArgs, ReportSnapshotArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::{Render, RenderArgs};
use crate::surfaces::cli::settings::csv_delimiter;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::csv;
use crate::surfaces::html::to_html;
use crate::surfaces::markdown::to_markdown;

pub(in crate::surfaces::cli) fn snapshot(cli: &Cli, args: &ReportSnapshotArgs, out: &Output) -> Outcome {
    write(cli, out, &existing(cli)?.build_snapshot_report(&args.run.run)?, &args.render)
}

pub(in crate::surfaces::cli) fn compare(cli: &Cli, args: &ReportCompareArgs, out: &Output) -> Outcome {
    write(cli, out, &existing(cli)?.build_run_report(&args.runs.left, &args.runs.right)?, &args.render)
}

/// Writes a report to a file or to standard output. With `--format json`, standard output gets the report as a JSON
/// object. If another rendering was requested, the object also contains the rendered text.
pub(super) fn write(cli: &Cli, out: &Output, report: &ReportDocument, args: &RenderArgs) -> Outcome {
    let (name, text) = match args.render {
        Render::Markdown => ("markdown", to_markdown(report)),
        Render::Html => ("html", to_html(report)),
        Render::Json => ("json", out.json_text(&report.to_value())? + "\n"),
        Render::Csv => ("csv", csv::report(report, &[], csv_delimiter(cli))),
    };
    match &args.output.path {
        Some(path) => out.file(path, &text)?,
        None if out.is_json() && args.render != Render::Json => {
            let mut value = report.to_value();
            if let Value::Map(members) = &mut value {
                members.insert("render".to_owned(), name.into());
                members.insert("text".to_owned(), Value::text(text));
            }
            out.json(&value)?;
        }
        None => out.text(&text)?,
    }
    Ok(0)
}
