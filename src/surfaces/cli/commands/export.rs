//! The command `contexta export jsonl`.

use crate::client::{BodiesTarget, Error, ExportFilter, ExportReport, ExportSettings};
use crate::recovery::Progress;
use crate::surfaces::answer::Answer as _;
use crate::surfaces::cli::args::{Cli, ExportJsonlArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn jsonl(cli: &Cli, args: &ExportJsonlArgs, out: &Output) -> Outcome {
    let filter = ExportFilter {
        project: args.project.clone(),
        runs: args.run.clone(),
        kinds: args.kind.clone(),
        record_types: args.record_type.iter().filter_map(|t| t.parse().ok()).collect(),
        since: args.since,
        until: args.until,
    };
    let contexta = existing(cli)?;
    let bar = out.counter("exporting");
    let mover = mover(&bar);
    let to_file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let bodies = match (&args.bodies, args.no_bodies) {
        (Some(dir), _) => BodiesTarget::Dir(dir.clone()),
        (None, true) => BodiesTarget::LeftOut,
        (None, false) => BodiesTarget::BesideFile,
    };
    let settings = ExportSettings { filter, bodies, progress: Progress::new(&mover) };
    let mut stream = to_file.map(|path| out.create_stream(path)).transpose()?.flatten();
    let report = match (to_file, &mut stream) {
        (_, Some(stream)) => contexta.export_jsonl(stream.as_mut(), settings),
        (Some(path), None) => contexta.export_jsonl_file(path, settings),
        (None, None) => contexta.export_jsonl(out.results().as_mut(), settings),
    };
    bar.finish_and_clear();
    let report = match report {
        // A closed pipe is not an error, unless it makes a directory of bodies incomplete.
        Err(e) if to_file.is_none() && args.bodies.is_none() && is_closed_pipe(&e) => return Ok(0),
        report => report?,
    };
    out.notes(&report.notes);
    match to_file {
        Some(_) if out.is_json() => out.json(&report.to_value())?,
        // Standard output has the exported lines, so the report goes to standard error.
        None if out.is_json() => out.json_aside(&report.to_value()),
        _ => out.done(&summary(&report)),
    }
    Ok(u8::from(!report.is_whole()))
}

/// Returns `true` if the output of the export is a pipe that its reader has closed.
fn is_closed_pipe(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(e) = inner.downcast_ref::<std::io::Error>() {
            return error.code() == "output_failed" && e.kind() == std::io::ErrorKind::BrokenPipe;
        }
        source = inner.source();
    }
    false
}

fn summary(report: &ExportReport) -> String {
    let lines: u64 = report.kinds.values().sum();
    let kinds: Vec<String> = report.kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    format!("lines: {lines}{kinds}; bodies: {} copied, {} missing", report.bodies, report.bodies_missing)
}
