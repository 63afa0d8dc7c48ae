//! The command `contexta demo`.

use crate::client::demo::{self, DemoReport};
use crate::contract::Value;
use crate::surfaces::cli::args::DemoArgs;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use std::path::PathBuf;
use std::process::Command;

/// The hidden option with the path of the workspace into which a process captures.
const CAPTURE: &str = "--capture-into";

pub(in crate::surfaces::cli) fn run(args: &DemoArgs, out: &Output) -> Outcome {
    if let Some(workspace) = &args.capture_into {
        demo::capture(workspace, &mut std::io::stdout().lock())?;
        return Ok(0);
    }
    let directory = args.dir.clone().unwrap_or_else(new_directory);
    let program = std::env::current_exe().map_err(|e| Failure::Read(PathBuf::from("contexta"), e))?;
    let report = demo::run(&directory, |workspace| {
        let mut command = Command::new(program);
        command.args(["demo", CAPTURE]).arg(workspace);
        command
    })?;
    show(&report, args.dir.is_some(), out)?;
    if args.dir.is_none() {
        std::fs::remove_dir_all(&directory).map_err(|e| Failure::WriteFile(directory, e))?;
    }
    Ok(u8::from(!report.is_restored))
}

/// Returns a path in the directory for temporary files.
fn new_directory() -> PathBuf {
    std::env::temp_dir().join(format!("contexta-demo-{}", std::process::id()))
}

fn show(report: &DemoReport, is_kept: bool, out: &Output) -> Result<(), Failure> {
    if out.is_json() {
        let step = |step: &demo::DemoStep| {
            Value::map([("action", Value::text(&step.action)), ("result", Value::text(&step.result))])
        };
        let steps = Value::List(report.steps.iter().map(step).collect());
        out.json(&Value::map([
            ("directory", Value::Text(report.directory.display().to_string())),
            ("is_kept", is_kept.into()),
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
    if is_kept {
        let workspace = report.directory.join("workspace");
        out.text(&format!("Workspace: {}. Try `contexta --workspace PATH runs`.", workspace.display()))?;
    }
    Ok(())
}
