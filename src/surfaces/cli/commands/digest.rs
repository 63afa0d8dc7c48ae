//! The command `contexta digest`.

use crate::surfaces::answer;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, out: &Output) -> Outcome {
    let (digest, notes) = existing(cli)?.digest()?;
    out.answer_value(|| answer::digest(&digest, &notes), || document::digest(&digest, &notes))?;
    Ok(0)
}
