//! The command `contexta export html`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::commands::report::write;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::{ExportHtmlArgs, Render, RenderArgs};
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &ExportHtmlArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let report = match (&args.run, &args.left, &args.right) {
        (None, Some(left), Some(right)) => contexta.build_run_report(left, right)?,
        (run, _, _) => contexta.build_snapshot_report(run.as_deref().unwrap_or_default())?,
    };
    let render =
        RenderArgs { render: Render::Html, output: args.output.clone(), save: false, register: None };
    write(cli, out, &report, &render)
}
