//! The commands `contexta diagnostics` and `contexta run diagnose`.

use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::DiagnosticsArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &DiagnosticsArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.diagnose_run(&args.run.run)?;
    out.answer(&answer, || document::diagnosis(&answer))?;
    Ok(args.fail_on.exit_code(answer.severity()))
}
