//! The command `contexta run show`.

use crate::interpretation::report::snapshot_report;
use crate::surfaces::cli::args::{Cli, RunArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunArgs, out: &Output) -> Outcome {
    let snapshot = existing(cli)?.run_snapshot(&args.run)?;
    out.answer(&snapshot, || snapshot_report(&snapshot))?;
    Ok(0)
}
