//! The command `contexta run reproduce`.

use crate::surfaces::answer::Answer as _;
use crate::surfaces::cli::args::{Cli, RunReproduceArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;

/// Prints the commands that reproduce a run. The exit code is 1 if a part of the run cannot be reproduced.
pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunReproduceArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.reproduce_run(&args.run.run, args.directory.as_deref())?;
    match out.is_json() {
        true => out.json(&answer.to_value())?,
        false => {
            out.notes(&answer.notes);
            // The words of the commands contain no hidden characters, so the script is written without escapes.
            out.text(&answer.script())?;
        }
    }
    Ok(u8::from(!answer.is_complete()))
}
