//! The command `contexta ingest`.

use crate::client::{IngestCommit, IngestSettings, Options};
use crate::contract::Value;
use crate::surfaces::cli::args::{Cli, IngestArgs};
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use std::io::{self, Write};

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &IngestArgs, out: &Output) -> Outcome {
    // The input is opened first, so that a mistake in its name does not create a workspace.
    let input = match out.open_stream(&args.file)? {
        Some(stream) => stream,
        None => out.open_file(&args.file)?,
    };
    let mut options = Options::from_config(&cli.loaded.config)?;
    if let Some(project) = &args.project {
        options = options.project(project);
    }
    let contexta = options.open()?;
    let settings = IngestSettings {
        name: args.file.to_string_lossy().into_owned(),
        bodies: args.bodies.clone(),
        keep_open: args.keep_open,
    };
    let mut ingest = contexta.ingest(input, settings)?;
    let mut last = IngestCommit::default();
    // A reader of the acknowledgements that has gone away does not stop the ingest.
    let mut is_read = args.ack;
    while let Some(commit) = ingest.next_commit()? {
        for problem in &commit.problems {
            let message = format!("line {}: {}", problem.line, problem.message);
            out.error(problem.code, &message, problem.hint.as_deref());
        }
        if is_read && commit.is_durable {
            is_read = acknowledge(&commit, out)?;
        }
        last = commit;
    }
    drop(ingest);
    contexta.close()?;
    if !args.ack {
        let IngestCommit { lines, refused, .. } = last;
        if out.is_json() {
            out.json(&Value::map([("lines", lines.into()), ("refused", refused.into())]))?;
        } else {
            let refused = if refused > 0 { format!(", {refused} with problems") } else { String::new() };
            out.done(&format!("{lines} lines{refused}"));
        }
    }
    Ok(u8::from(last.refused > 0 || !last.is_durable))
}

/// Writes an acknowledgement. Returns `false` if nobody reads it.
fn acknowledge(commit: &IngestCommit, out: &Output) -> Result<bool, Failure> {
    let mut members =
        vec![("lines".to_owned(), commit.lines.into()), ("refused".to_owned(), commit.refused.into())];
    if !commit.started.is_empty() {
        let runs = commit.started.iter().map(|(name, run)| (name.clone(), Value::text(run)));
        members.push(("runs".to_owned(), Value::Map(runs.collect())));
    }
    let mut stdout = io::stdout().lock();
    let line = Value::Map(members.into_iter().collect());
    match out.json_line(&mut stdout, &line).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e.into()),
    }
}
