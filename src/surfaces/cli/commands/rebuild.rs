//! The command `contexta rebuild`.

use crate::recovery::rebuild::NOT_SAVED;
use crate::recovery::{Progress, RebuildOptions};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::repair_args::RebuildArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RebuildArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let bar = out.bar("rebuilding");
    let mover = mover(&bar);
    let report = contexta
        .rebuild(RebuildOptions { projection: args.projection.as_deref(), progress: Progress::new(&mover) });
    bar.finish_and_clear();
    let report = report?;
    out.answer(&report, || document::rebuild(&report))?;
    let Some(reason) = &report.not_saved else { return Ok(0) };
    if !out.is_json() {
        let message = format!("the rebuilt projections could not be saved: {reason}");
        let hint = "depending on the reason, free disk space, make the directory of the projections writable, or \
                    wait for the other process; then run `contexta rebuild` again; until then, queries use the \
                    previous projections, or rebuild them in memory if there are none";
        out.error(NOT_SAVED, &message, Some(hint));
    }
    Ok(1)
}
