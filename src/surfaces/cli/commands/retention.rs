//! The command `contexta retention`.

use crate::recovery::{RecoveryStatus, RetentionRules};
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::erase_args::{RetentionArgs, RetentionCommand};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, command: &RetentionCommand, out: &Output) -> Outcome {
    let (RetentionCommand::Plan(args) | RetentionCommand::Apply(args)) = command;
    let contexta = existing(cli)?;
    let plan = contexta.plan_retention(rules(contexta.retention_rules(), args))?;
    if matches!(command, RetentionCommand::Plan(_)) {
        out.answer(&plan, || document::retention_plan(&plan))?;
        return Ok(0);
    }
    let result = contexta.retain(&plan)?;
    out.answer(&result, || document::retention(&result))?;
    Ok(u8::from(result.status != RecoveryStatus::Success))
}

/// Returns the rules of the settings, changed by the arguments.
fn rules(settings: RetentionRules, args: &RetentionArgs) -> RetentionRules {
    RetentionRules {
        cache_days: if args.all_cached { Some(0) } else { settings.cache_days },
        removes_bodies: settings.removes_bodies || args.bodies,
        ..settings
    }
}
