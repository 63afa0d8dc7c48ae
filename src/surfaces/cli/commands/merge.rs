//! `contexta merge`

use crate::client::Options;
use crate::recovery::merge::Change;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, MergeArgs};
use crate::surfaces::cli::output::Output;
use crate::surfaces::wire;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &MergeArgs, out: &Output) -> Outcome {
    let contexta = Options::from_config(&cli.loaded.config)?.open()?;
    let bar = out.progress("merging");
    let report = contexta.merge(&args.from, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = report?;
    out.notes(&report.notes);
    if out.is_json() {
        out.json(&wire::merge(&report))?;
        return Ok(0);
    }
    let count = |wanted: &dyn Fn(&Change) -> bool| {
        report.log.streams.iter().filter(|stream| wanted(&stream.change)).count()
    };
    let changed =
        |change: &Change| !matches!(change, Change::Unchanged | Change::Skipped(_) | Change::Copied);
    out.text(&format!(
        "{} streams copied, {} changed, {} unchanged, {} skipped; {} bodies copied",
        count(&|change| *change == Change::Copied),
        count(&changed),
        count(&|change| *change == Change::Unchanged),
        count(&|change| matches!(change, Change::Skipped(_))),
        report.bodies
    ))?;
    Ok(0)
}
