//! The command `contexta alert`.

use crate::interpretation::AlertRule;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::AlertArgs;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &AlertArgs, out: &Output) -> Outcome {
    let severity = args.severity.as_deref();
    let mut rule = AlertRule::parse(&args.metric, &args.operator, args.threshold.clone(), severity)?;
    if let Some(stage) = &args.stage.name {
        rule = rule.in_stage(stage);
    }
    let answer = existing(cli)?.evaluate_alerts(&args.run.run, &[rule])?;
    out.answer(&answer, || document::alerts(&answer))?;
    let triggered = answer.results.iter().any(|result| result.triggered);
    Ok(u8::from(triggered && args.fail_on_trigger))
}
