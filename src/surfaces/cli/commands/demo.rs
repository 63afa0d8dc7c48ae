//! The command `contexta demo`.

use crate::client::demo::{self, DemoReport};
use crate::contract::Value;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::recovery_args::DemoArgs;

/// The hidden option with the path of the workspace into which a process captures.
const CAPTURE: &str = "--capture-into";

pub(in crate::surfaces::cli) fn run(args: &DemoArgs, out: &Output) -> Outcome {
    if let Some(workspace) = &args.capture_into {
        demo::capture(workspace, &mut std::io::stdout().lock())?;
        return Ok(0);
    }
    let report = demo::run(args.dir.as_deref(), &["demo", CAPTURE])?;
    show(&report, out)?;
    Ok(u8::from(!report.is_restored))
}

fn show(report: &DemoReport, out: &Output) -> Result<(), Failure> {
    if out.is_json() {
        let step = |step: &demo::DemoStep| {
            Value::map([("action", Value::text(&step.action)), ("result", Value::text(&step.result))])
        };
        let steps = Value::List(report.steps.iter().map(step).collect());
        out.json(&Value::map([
            ("directory", Value::Text(report.directory.display().to_string())),
            ("is_kept", report.is_kept.into()),
            ("is_restored", report.is_restored.into()),
            ("steps", steps),
        ]))?;
        return Ok(());
    }
    for (step, n) in report.steps.iter().zip(1..) {
        out.text(&format!("{n:>2}. {}\n    {}", step.action, step.result))?;
    }
    let result = if report.is_restored {
        "The restored workspace is whole and has all points."
    } else {
        "The restored workspace differs from the backed up workspace."
    };
    out.text(&format!("\n{result}"))?;
    if report.is_kept {
        let workspace = report.directory.join("workspace");
        out.text(&format!("Workspace: {}. Try `contexta --workspace PATH runs`.", workspace.display()))?;
    }
    Ok(())
}
