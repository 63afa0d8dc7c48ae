//! The commands that change a run: `contexta run tag`, `note`, `rename`, `archive`, `star`, their reversals, and `end`.

use crate::client::{Contexta, Result};
use crate::contract::fact::{Change, Mark};
use crate::contract::{RunRef, RunStatus};
use crate::interpretation::report::summary_report;
use crate::surfaces::cli::args::{Cli, EndStatus, RunEndArgs, RunNoteArgs, RunRenameArgs, RunTagArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::RunArgs;
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn tag(cli: &Cli, args: &RunTagArgs, out: &Output) -> Outcome {
    change(cli, &args.run, out, |contexta, run| {
        for (key, value) in &args.tags {
            contexta.annotate_run(run, Change::Tag(key.clone(), Some(value.clone())))?;
        }
        for key in &args.remove {
            contexta.annotate_run(run, Change::Tag(key.clone(), None))?;
        }
        Ok(())
    })
}

pub(in crate::surfaces::cli) fn note(cli: &Cli, args: &RunNoteArgs, out: &Output) -> Outcome {
    annotate(cli, &args.run, Change::Note(args.text.clone()), out)
}

pub(in crate::surfaces::cli) fn rename(cli: &Cli, args: &RunRenameArgs, out: &Output) -> Outcome {
    annotate(cli, &args.run, Change::Name(args.name.clone()), out)
}

/// Sets or removes a mark of a run.
pub(in crate::surfaces::cli) fn mark(
    cli: &Cli,
    args: &RunArgs,
    (mark, is_set): (Mark, bool),
    out: &Output,
) -> Outcome {
    annotate(cli, args, Change::Mark(mark, is_set), out)
}

pub(in crate::surfaces::cli) fn end(cli: &Cli, args: &RunEndArgs, out: &Output) -> Outcome {
    let status = match args.status {
        EndStatus::Completed => RunStatus::Completed,
        EndStatus::Failed => RunStatus::Failed,
        EndStatus::Cancelled => RunStatus::Cancelled,
    };
    let message = args.message.as_deref().unwrap_or_default();
    change(cli, &args.run, out, |contexta, run| contexta.end_run(run, status, message))
}

fn annotate(cli: &Cli, args: &RunArgs, annotation: Change, out: &Output) -> Outcome {
    change(cli, args, out, |contexta, run| contexta.annotate_run(run, annotation))
}

/// Changes a run, and prints the run after the change.
fn change(
    cli: &Cli,
    args: &RunArgs,
    out: &Output,
    make: impl FnOnce(&Contexta, &RunRef) -> Result<()>,
) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run)?;
    make(&contexta, &run)?;
    let snapshot = contexta.run_snapshot(&run)?;
    out.answer(&snapshot, || summary_report(&snapshot))?;
    Ok(0)
}
