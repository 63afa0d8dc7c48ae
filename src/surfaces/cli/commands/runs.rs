//! The commands `contexta runs` and `contexta run list`.

use crate::client::Contexta;
use crate::interpretation::RunList;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::RunListArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunListArgs, out: &Output) -> Outcome {
    let answer = listed(&existing(cli)?, args)?;
    out.answer(&answer, || document::run_list(&answer))?;
    Ok(0)
}

/// Lists the runs that the arguments select.
pub(super) fn listed(contexta: &Contexta, args: &RunListArgs) -> Result<RunList, Failure> {
    let mut query = args.query()?;
    let is_newest_last = args.selection.is_newest_last();
    query.descending |= is_newest_last;
    let mut answer = contexta.list_runs(query)?;
    if is_newest_last {
        answer.runs.reverse();
    }
    Ok(answer)
}
