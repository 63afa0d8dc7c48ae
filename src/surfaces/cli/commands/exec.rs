//! The command `contexta exec`.

use crate::client::exec::{self, ExecSettings, FailureMode};
use crate::client::{Error, Options};
use crate::surfaces::cli::args::{Cli, ExecArgs};
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use std::ffi::OsString;
use std::time::Duration;

/// Runs a program as a captured run. Returns the exit code of the program.
pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &ExecArgs, out: &Output) -> Outcome {
    for (pattern, reason) in exec::unusable_patterns(&args.artifact) {
        out.warn(&Failure::Pattern(pattern, reason));
    }
    let executed = match execute(cli, args) {
        Ok(executed) => executed,
        Err(e) => return Ok(without_capture(args, &Failure::Client(e), out)),
    };
    if let Some(reason) = &executed.not_started {
        out.error("exec_not_started", reason, None);
    }
    for error in executed.errors {
        out.warn(&Failure::Client(error));
    }
    Ok(executed.code)
}

fn execute(cli: &Cli, args: &ExecArgs) -> Result<exec::Executed, Error> {
    // Nobody reacts to the error of a capture while the program runs, so what a sink or the log did not take waits.
    let mut options = Options::from_config(&cli.loaded.config)?.failure_mode(FailureMode::Outbox);
    if let Some(project) = &args.project {
        options = options.project(project);
    }
    let contexta = options.open()?;
    let settings = ExecSettings {
        command: args.command.clone(),
        run: args.run.clone(),
        stage: args.stage.clone(),
        artifacts: args.artifact.clone(),
        system_metrics: args.system_metrics.map(|seconds| Duration::from_secs(seconds.into())),
        trace_parent: cli.loaded.trace_parent.as_deref().and_then(|header| header.parse().ok()),
    };
    let mut executed = contexta.exec(&settings)?;
    executed.errors.extend(contexta.close().err());
    Ok(executed)
}

/// Runs the program although the capture cannot start. Returns only if the program cannot be started.
pub(in crate::surfaces::cli) fn without_capture(args: &ExecArgs, failure: &Failure, out: &Output) -> u8 {
    out.warn(failure);
    out.done("the program runs without capture");
    let (code, reason) = exec::become_program(&args.command);
    out.error("exec_not_started", &reason, None);
    code
}

/// Becomes the program of another `contexta exec`, within its pseudo-terminal. Returns only if the program cannot be
/// started.
pub(in crate::surfaces::cli) fn in_terminal(command: &[OsString], out: &Output) -> u8 {
    let (code, reason) = exec::become_in_terminal(command);
    out.error("exec_not_started", &reason, None);
    code
}
