//! The command `contexta run delete`.

use crate::recovery::{EraseOptions, ErasePlan, Progress, RecoveryStatus};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::erase_args::RunDeleteArgs;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::{Output, mover};
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &RunDeleteArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let repository = args.repository.as_deref();
    let plan = contexta.plan_erasure(&args.runs, repository)?;
    if args.dry_run {
        out.answer(&plan, || document::erase_plan(&plan))?;
        return Ok(0);
    }
    if !args.yes {
        confirm(&plan, out)?;
    }
    let options = EraseOptions { without_backup: args.force, reason: args.reason.clone() };
    let bar = out.bar("deleting");
    let mover = mover(&bar);
    let result = contexta.erase(&plan, repository, &options, Progress::new(&mover));
    bar.finish_and_clear();
    let result = result?;
    out.answer(&result, || document::erasure(&result))?;
    Ok(u8::from(result.status != RecoveryStatus::Success))
}

/// Asks the user whether the runs are to be deleted. Errors: standard input is not a terminal, or the user declines.
fn confirm(plan: &ErasePlan, out: &Output) -> Result<(), Failure> {
    let names: Vec<String> = plan.runs.iter().map(|run| run.run_ref.to_string()).collect();
    let backup = match &plan.backup_ref {
        Some(backup) => format!("the backup {backup} contains them"),
        None => "no backup contains them".to_owned(),
    };
    let entries: u64 = plan.runs.iter().map(|run| run.entries).sum();
    let question = format!(
        "Delete {} (entries: {entries}, artifact bodies: {}; {backup})? [y/N] ",
        names.join(", "),
        plan.bodies
    );
    if out.confirm(&question)? { Ok(()) } else { Err(Failure::NotConfirmed) }
}
