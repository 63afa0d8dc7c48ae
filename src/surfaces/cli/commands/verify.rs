//! The command `contexta verify`.

use crate::client::{Contexta, Result, chain};
use crate::interpretation::{Note, Severity};
use crate::recovery::{Outcome as Verdict, Progress, VerifyLevel, VerifyOptions, VerifyReport};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Failure;
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::recovery_args::{LevelArg, VerifyArgs};
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
    let level = VerifyOptions::at(match args.level {
        LevelArg::Frames => VerifyLevel::Frames,
        LevelArg::Chain => VerifyLevel::Chain,
        LevelArg::Bodies => VerifyLevel::Bodies,
        LevelArg::Projections => VerifyLevel::Projections,
    });
    let report = contexta.verify(VerifyOptions {
        bodies: level.bodies && !args.skip_bodies,
        references: args.references,
        projections: level.projections && !args.skip_projections,
        heads: args.head.clone(),
        subset: args.subset,
        progress: Progress::new(&mover),
        ..level
    });
    bar.finish_and_clear();
    let mut report = report?;
    remember(cli, &contexta, &mut report);
    let written = out.answer(&report, || document::verify(&report));
    let exit_code = match report.outcome {
        Verdict::Whole => 0,
        Verdict::Damaged => 1,
        Verdict::WholeExceptKnownLosses => KNOWN_LOSSES,
        Verdict::Unchecked => UNCHECKED,
    };
    Ok((exit_code, written))
}

/// Records the streams and bodies that the check has found, so that a later check reports the loss of one of them. Adds a
/// note if they cannot be recorded. Records nothing if the settings forbid changes of the workspace.
fn remember(cli: &Cli, contexta: &Contexta, report: &mut VerifyReport) {
    if cli.loaded.config.records.read_only {
        return;
    }
    let reason = match contexta.remember(report) {
        Ok(true) => return,
        Ok(false) => {
            "entries or bodies were removed on purpose during the check; repeat the check".to_owned()
        }
        Err(e) => chain(&e),
    };
    let message = format!("later checks do not know what this check has found: {reason}");
    report.notes.push(Note::new(Severity::Info, "known_not_saved", message));
}
