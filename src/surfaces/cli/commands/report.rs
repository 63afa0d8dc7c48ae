//! The commands `contexta report snapshot` and `contexta report compare`.

use crate::interpretation::ReportDocument;
use crate::interpretation::report::{comparison_report, snapshot_report};
use crate::surfaces::answer::Answer as _;
use crate::surfaces::cli::args::{Cli, ReportCompareArgs, ReportSnapshotArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::markdown::to_markdown;
use std::path::Path;

pub(in crate::surfaces::cli) fn snapshot(cli: &Cli, args: &ReportSnapshotArgs, out: &Output) -> Outcome {
    let snapshot = existing(cli)?.run_snapshot(&args.run.run)?;
    out.notes(&snapshot.notes);
    write(out, &snapshot_report(&snapshot), args.render.output.as_deref())
}

pub(in crate::surfaces::cli) fn compare(cli: &Cli, args: &ReportCompareArgs, out: &Output) -> Outcome {
    let comparison = existing(cli)?.compare_runs(&args.runs.left, &args.runs.right)?;
    out.notes(&comparison.notes);
    write(out, &comparison_report(&comparison), args.render.output.as_deref())
}

/// Writes the document as Markdown or JSON, to a file or to standard output.
fn write(out: &Output, document: &ReportDocument, path: Option<&Path>) -> Outcome {
    let text =
        if out.is_json() { out.json_text(&document.to_value())? + "\n" } else { to_markdown(document) };
    match path {
        Some(path) => out.file(path, &text)?,
        None => out.text(&text)?,
    }
    Ok(0)
}
