//! The commands `contexta search runs` and `contexta search artifacts`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::{SearchArtifactsArgs, SearchRunsArgs};
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn runs(cli: &Cli, args: &SearchRunsArgs, out: &Output) -> Outcome {
    let search = args.search()?;
    let answer = existing(cli)?.search_runs(&search)?;
    out.answer(&answer, || document::run_list(&answer))?;
    Ok(0)
}

pub(in crate::surfaces::cli) fn artifacts(cli: &Cli, args: &SearchArtifactsArgs, out: &Output) -> Outcome {
    let search = args.search()?;
    let answer = existing(cli)?.search_artifacts(&search)?;
    out.answer(&answer, || document::artifacts(&answer))?;
    Ok(0)
}
