//! The commands that change a run: `contexta run tag`, `note`, `rename`, `archive`, `star`, their reversals, and `end`.

use crate::client::Contexta;
use crate::contract::fact::{Change, Mark};
use crate::contract::{RunRef, RunStatus};
use crate::interpretation::report::summary_report;
use crate::surfaces::cli::args::{Cli, EndStatus, RunEndArgs, RunNoteArgs, RunRenameArgs, RunTagArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::RunArgs;
use crate::surfaces::cli::workspace::existing;

pub(in crate::surfaces::cli) fn tag(cli: &Cli, args: &RunTagArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run.run)?;
    for tag in &args.tags {
        let (key, value) = tag;
        contexta.annotate_run(&run, Change::Tag(key.clone(), Some(value.clone())))?;
    }
    for key in &args.remove {
        contexta.annotate_run(&run, Change::Tag(key.clone(), None))?;
    }
    changed(&contexta, &run, out)
}

pub(in crate::surfaces::cli) fn note(cli: &Cli, args: &RunNoteArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run.run)?;
    contexta.annotate_run(&run, Change::Note(args.text.clone()))?;
    changed(&contexta, &run, out)
}

pub(in crate::surfaces::cli) fn rename(cli: &Cli, args: &RunRenameArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run.run)?;
    contexta.annotate_run(&run, Change::Name(args.name.clone()))?;
    changed(&contexta, &run, out)
}

/// Sets or removes a mark of a run.
pub(in crate::surfaces::cli) fn mark(
    cli: &Cli,
    args: &RunArgs,
    (mark, is_set): (Mark, bool),
    out: &Output,
) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run)?;
    contexta.annotate_run(&run, Change::Mark(mark, is_set))?;
    changed(&contexta, &run, out)
}

pub(in crate::surfaces::cli) fn end(cli: &Cli, args: &RunEndArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let run = contexta.find_run(&args.run.run)?;
    let status = match args.status {
        EndStatus::Completed => RunStatus::Completed,
        EndStatus::Failed => RunStatus::Failed,
        EndStatus::Cancelled => RunStatus::Cancelled,
    };
    contexta.end_run(&run, status, args.message.as_deref().unwrap_or_default())?;
    changed(&contexta, &run, out)
}

/// Prints the run after a change.
fn changed(contexta: &Contexta, run: &RunRef, out: &Output) -> Outcome {
    let snapshot = contexta.run_snapshot(run)?;
    out.answer(&snapshot, || summary_report(&snapshot))?;
    Ok(0)
}
