//! The command `contexta run diff`.

use crate::surfaces::answer::Answer as _;
use crate::surfaces::cli::args::{Cli, RunDiffArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::escape;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunDiffArgs, out: &Output) -> Outcome {
    let answer = existing(cli)?.diff_code(&args.runs.left, &args.runs.right)?;
    if out.is_json() {
        out.json(&answer.to_value())?;
        return Ok(0);
    }
    out.notes(&answer.notes);
    match answer.text.is_empty() {
        true => out.text("the code does not differ")?,
        false => out.text(&escape::lines(&answer.text))?,
    }
    Ok(0)
}
