//! The command `contexta ingest`.

use crate::client::{IngestCommit, IngestSettings, Options, PolledInput};
use crate::contract::Value;
use crate::surfaces::cli::args::{Cli, IngestArgs};
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &IngestArgs, out: &Output) -> Outcome {
    // The input is opened first, so that a mistake in its name does not create a workspace.
    let (input, beside): (Box<dyn Read>, _) = match out.open_stream(&args.file)? {
        Some(stream) => (Box::new(PolledInput::new(stream)?), None),
        // An export stores bodies beside its file. A read of a file does not wait.
        None => (out.open_file(&args.file)?, Some(directory_of(&args.file))),
    };
    let mut options = Options::from_config(&cli.loaded.config)?;
    if let Some(project) = &args.project {
        options = options.project(project);
    }
    let contexta = options.open()?;
    let settings = IngestSettings {
        name: args.file.to_string_lossy().into_owned(),
        bodies: args.bodies.clone().or(beside),
        keep_open: args.keep_open,
    };
    let mut ingest = contexta.ingest(input, settings)?;
    let mut last = IngestCommit { is_durable: true, ..IngestCommit::default() };
    // The runs that no acknowledgement has named yet.
    let mut started = Vec::new();
    // A reader of the acknowledgements that has gone away does not stop the ingest.
    let mut is_read = args.ack;
    while let Some(mut commit) = ingest.next_commit()? {
        for problem in &commit.problems {
            let message = format!("line {}: {}", problem.line, problem.message);
            out.error(problem.code, &message, problem.hint.as_deref());
        }
        if is_read {
            started.append(&mut commit.started);
        }
        if is_read && commit.is_durable {
            commit.started = std::mem::take(&mut started);
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

/// Returns the directory that contains a file.
fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Writes an acknowledgement. Returns `false` if nobody reads it.
fn acknowledge(commit: &IngestCommit, out: &Output) -> Result<bool, Failure> {
    let mut members =
        vec![("lines".to_owned(), commit.lines.into()), ("refused".to_owned(), commit.refused.into())];
    if !commit.started.is_empty() {
        let runs = commit.started.iter().map(|(name, run)| (name.clone(), Value::text(run)));
        members.push(("runs".to_owned(), Value::Map(runs.collect())));
    }
    let mut stdout = out.results();
    let line = Value::Map(members.into_iter().collect());
    match out.json_line(&mut stdout, &line).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e.into()),
    }
}
