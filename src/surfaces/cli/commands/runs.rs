//! The commands `contexta runs` and `contexta run list`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::RunListArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunListArgs, out: &Output) -> Outcome {
    let mut query = args.query()?;
    let is_newest_last = args.selection.is_newest_last();
    query.descending |= is_newest_last;
    let mut answer = existing(cli)?.list_runs(query)?;
    if is_newest_last {
        answer.runs.reverse();
    }
    out.answer(&answer, || document::run_list(&answer))?;
    Ok(0)
}
