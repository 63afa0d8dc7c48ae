//! The command `contexta history`.

use crate::interpretation::HistoryQuery;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::HistoryArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &HistoryArgs, out: &Output) -> Outcome {
    let mut query = HistoryQuery::default();
    (query.offset, query.limit) = (args.offset, args.limit);
    let answer = existing(cli)?.history(&args.subject, &query)?;
    out.answer(&answer, || document::history(&answer))?;
    Ok(0)
}
