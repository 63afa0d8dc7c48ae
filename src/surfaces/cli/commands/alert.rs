//! The command `contexta alert`.

use crate::interpretation::AlertRule;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::AlertArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &AlertArgs, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let rules = match rule(args)? {
        Some(rule) => vec![rule],
        None => contexta.alert_rules(),
    };
    if rules.is_empty() {
        return Err(Failure::NoAlertRule);
    }
    let answer = contexta.evaluate_alerts(&args.run.run, &rules)?;
    out.answer(&answer, || document::alerts(&answer))?;
    let triggered = answer.results.iter().any(|result| result.triggered);
    Ok(u8::from(triggered && args.fail_on_trigger))
}

/// Returns the rule in the arguments. Returns `None` if the arguments contain no rule.
fn rule(args: &AlertArgs) -> Result<Option<AlertRule>, Failure> {
    let (Some(metric), Some(operator), Some(threshold)) = (&args.metric, &args.operator, &args.threshold)
    else {
        // `--stage` and `--severity` belong to a rule, so the rule in the arguments is incomplete.
        let is_incomplete = args.stage.name.is_some() || args.severity.is_some();
        return if is_incomplete { Err(Failure::NoAlertRule) } else { Ok(None) };
    };
    let rule = AlertRule::parse(metric, operator, threshold.clone(), args.severity.as_deref())?;
    Ok(Some(args.stage.name.iter().fold(rule, AlertRule::in_stage)))
}
