//! The command `contexta verify`.

use crate::client::Result;
use crate::recovery::{Outcome as Verdict, Progress, VerifyOptions};
use crate::surfaces::cli::args::{Cli, VerifyArgs};
use crate::surfaces::cli::failure::Failure;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::workspace::unchanged;
use crate::surfaces::document;
use std::io;

/// The exit code for a check that could not be completed.
const UNCHECKED: u8 = 3;
/// The exit code for a workspace whose only problems are losses of entries that a repair or a merge has recorded.
const KNOWN_LOSSES: u8 = 4;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &VerifyArgs, out: &Output) -> u8 {
    match check(cli, args, out) {
        Ok((exit_code, written)) => {
            if let Err(e) = written {
                out.failure(&Failure::Write(e));
            }
            exit_code
        }
        Err(e) => {
            out.failure(&Failure::Client(e));
            UNCHECKED
        }
    }
}

/// Returns the exit code, and the result of writing the answer.
fn check(cli: &Cli, args: &VerifyArgs, out: &Output) -> Result<(u8, io::Result<()>)> {
    let contexta = unchanged(cli, out)?;
    let bar = out.bar("verifying");
    let mover = mover(&bar);
    let report = contexta.verify(VerifyOptions {
        bodies: !args.skip_bodies,
        references: args.references,
        projections: !args.skip_projections,
        heads: args.head.clone(),
        progress: Progress::new(&mover),
    });
    bar.finish_and_clear();
    let report = report?;
    let written = out.answer(&report, || document::verify(&report));
    let exit_code = match report.outcome {
        Verdict::Whole => 0,
        Verdict::Damaged => 1,
        Verdict::WholeExceptKnownLosses => KNOWN_LOSSES,
        Verdict::Unchecked => UNCHECKED,
    };
    Ok((exit_code, written))
}
