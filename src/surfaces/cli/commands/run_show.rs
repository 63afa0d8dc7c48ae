//! The command `contexta run show`.

use crate::interpretation::Attempts;
use crate::interpretation::report::snapshot_report;
use crate::surfaces::cli::args::{Cli, RunShowArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunShowArgs, out: &Output) -> Outcome {
    let attempts = if args.all_attempts { Attempts::All } else { Attempts::Newest };
    let snapshot = existing(cli)?.run_snapshot_of(&args.run.run, attempts)?;
    out.answer(&snapshot, || snapshot_report(&snapshot))?;
    Ok(0)
}
