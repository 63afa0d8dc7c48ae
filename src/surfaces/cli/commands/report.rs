//! `contexta report snapshot`, `contexta report compare`

use crate::contract::Value;
use crate::interpretation::{Block, ReportDocument, ReportSection, report};
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, ReportCompareArgs, ReportSnapshotArgs};
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::Output;
use crate::surfaces::export::markdown::to_markdown;
use std::path::Path;

pub(in crate::surfaces::cli) fn snapshot(cli: &Cli, args: &ReportSnapshotArgs, out: &Output) -> Outcome {
    let snapshot = existing(cli)?.run_snapshot(&args.run.run)?;
    out.notes(&snapshot.notes);
    write(out, &report::snapshot_report(&snapshot), args.output.as_deref())
}

pub(in crate::surfaces::cli) fn compare(cli: &Cli, args: &ReportCompareArgs, out: &Output) -> Outcome {
    let comparison = existing(cli)?.compare_runs(&args.runs.left, &args.runs.right)?;
    out.notes(&comparison.notes);
    write(out, &report::comparison_report(&comparison), args.output.as_deref())
}

/// The document itself in either format, to the file or to standard output.
fn write(out: &Output, document: &ReportDocument, path: Option<&Path>) -> Outcome {
    let text = if out.is_json() { out.json_text(&value(document))? + "\n" } else { to_markdown(document) };
    match path {
        Some(path) => out.file(path, &text)?,
        None => out.text(&text)?,
    }
    Ok(0)
}

fn value(document: &ReportDocument) -> Value {
    let texts = |cells: &[String]| Value::List(cells.iter().map(Value::text).collect());
    let block = |b: &Block| match b {
        Block::Text(text) => Value::map([("type", "text".into()), ("text", Value::text(text))]),
        Block::List(items) => Value::map([("type", "list".into()), ("items", texts(items))]),
        Block::Table { columns, rows } => Value::map([
            ("type", "table".into()),
            ("columns", texts(columns)),
            ("rows", Value::List(rows.iter().map(|r| texts(r)).collect())),
        ]),
    };
    let section = |s: &ReportSection| {
        Value::map([
            ("title", Value::text(&s.title)),
            ("blocks", Value::List(s.blocks.iter().map(block).collect())),
        ])
    };
    Value::map([
        ("title", Value::text(&document.title)),
        ("sections", Value::List(document.sections.iter().map(section).collect())),
    ])
}
