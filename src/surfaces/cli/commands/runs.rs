//! The commands `contexta runs` and `contexta run list`.

use crate::client::Contexta;
use crate::interpretation::{RunList, RunListQuery};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::{RunListArgs, RunsArgs};
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunsArgs, out: &Output) -> Outcome {
    let mut query = args.list.query()?;
    query.after = args.page.clone();
    query.baseline = args.baseline.run.clone();
    let answer = list(&existing(cli)?, query, &args.list)?;
    out.answer(&answer, || document::run_list(&answer))?;
    if let Some(token) = &answer.next_page {
        out.done(&format!("more runs: add --page {token}"));
    }
    Ok(0)
}

/// Lists the runs that the arguments select.
pub(super) fn listed(contexta: &Contexta, args: &RunListArgs) -> Result<RunList, Failure> {
    list(contexta, args.query()?, args)
}

fn list(contexta: &Contexta, mut query: RunListQuery, args: &RunListArgs) -> Result<RunList, Failure> {
    let is_newest_last = args.selection.is_newest_last();
    query.descending |= is_newest_last;
    let mut answer = contexta.list_runs(query)?;
    if is_newest_last {
        answer.runs.reverse();
    }
    Ok(answer)
}
