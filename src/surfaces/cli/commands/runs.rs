//! The commands `contexta runs` and `contexta run list`.

use crate::surfaces::cli::args::{Cli, RunsArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunsArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.list_runs(args.project.as_deref())?;
    out.answer(&answer, || document::run_list(&answer))?;
    Ok(0)
}
